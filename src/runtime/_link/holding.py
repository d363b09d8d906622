"""What a Runtime holds of Core's patterns, and how it takes up another set: pure, no I/O."""

from __future__ import annotations

import json
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.wire import digests

MAX_ENTRIES = 20_000
"""A set with more patterns is refused whole."""
MAX_DOCUMENT_BYTES = 256 * 1024
"""A pattern with a longer document is refused."""
_MAX_REASON = 300


class SetId(NamedTuple):
    """A set of one moment; versions grow within an epoch, the digest is that of the content."""

    epoch: str
    version: int
    digest: str


class Signed(NamedTuple):
    """The newest set that was taken with a signature."""

    key: str
    epoch: str
    version: int
    at_ms: int
    """Unix time of the signature, in ms."""

    def precedes(self, other: Signed) -> bool:
        """Tell whether this one is older; between epochs the time of the signatures decides."""
        if self.epoch == other.epoch:
            return self.version < other.version
        return self.at_ms < other.at_ms


class Entry(NamedTuple):
    """A pattern as Core offers it."""

    name: str
    revision: int
    digest: str
    document: bytes
    """JSON in UTF-8."""


class Held(NamedTuple):
    """A pattern that is in force."""

    entry: Entry
    pattern: Pattern


class Refused(NamedTuple):
    """A pattern that is not in force as it was offered, or not any more."""

    revision: int
    digest: str
    reason: str
    """One sentence for people."""


class SetRefusedError(Exception):
    """The whole set is refused; the message says why."""


class Holding(NamedTuple):
    """What is in force of Core's patterns. Never changed: the next one takes its place."""

    policy: str
    """The level by which the patterns were judged."""
    id: Optional[SetId] = None
    """The set that this is what became of; None for none, or when it was judged otherwise."""
    held: Mapping[str, Held] = {}
    """In order of precedence: later ones go first."""
    refused: Mapping[str, Refused] = {}
    signed: Optional[Signed] = None
    disabled: Mapping[str, Refused] = {}
    """What is held and was switched off in this process, as it made Arc stumble."""

    @property
    def patterns(self) -> List[Pattern]:
        """The patterns in force."""
        return [held.pattern for name, held in self.held.items() if name not in self.disabled]


def adopt(
    before: Holding,
    offered_id: SetId,
    offered: Sequence[Entry],
    between: Callable[[], None] = lambda: None,
    *,
    signed: Optional[Signed] = None,
) -> Holding:
    """Return what becomes of a set that Core offers; `between` is called after each pattern.

    A pattern that cannot be taken is refused with a reason, and its version before stays in force.
    What has been judged before is not judged again. Raises `SetRefusedError` when the set is not
    what Core meant it to be.
    """
    _check_set(offered_id, offered)
    held: Dict[str, Held] = {}
    refused: Dict[str, Refused] = {}
    for entry in offered:
        own = before.held.get(entry.name)
        outcome = _known(before, entry) or _judge(entry, before.policy)
        if isinstance(outcome, Held):
            held[entry.name] = outcome
        else:
            refused[entry.name] = outcome
            if own is not None:
                held[entry.name] = own
        between()
    off = still_disabled(before, held)
    return Holding(before.policy, offered_id, held, refused, signed, off)


def still_disabled(before: Holding, held: Mapping[str, Held]) -> Dict[str, Refused]:
    """Return what stays switched off of the patterns that are held now: until a new revision."""
    return {
        name: disabled._replace(digest=held[name].entry.digest)
        for name, disabled in before.disabled.items()
        if name in held and held[name].entry.revision == disabled.revision
    }


def judge_again(
    entries: Sequence[Entry], policy: str, between: Callable[[], None] = lambda: None
) -> Holding:
    """Return what is in force of patterns that were so under another policy, or before a restart.

    It is no set of Core's any more, so it has no id.
    """
    held: Dict[str, Held] = {}
    for entry in entries:
        outcome = _judge(entry, policy)
        if isinstance(outcome, Held):
            held[entry.name] = outcome
        between()
    return Holding(policy, None, held)


def _check_set(offered_id: SetId, offered: Sequence[Entry]) -> None:
    if len(offered) > MAX_ENTRIES:
        raise SetRefusedError(
            f"the set has {len(offered)} patterns; at most {MAX_ENTRIES} are taken"
        )
    if digests.of_set((entry.name, entry.revision, entry.digest) for entry in offered) != (
        offered_id.digest
    ):
        raise SetRefusedError("the set is not the one that its digest is for")
    if len({entry.name for entry in offered}) < len(offered):
        raise SetRefusedError("the set has two patterns of one name")


def _known(before: Holding, entry: Entry) -> Union[Held, Refused, None]:
    """Return the outcome if the very same pattern has been judged already."""
    own = before.held.get(entry.name)
    if own is not None and own.entry == entry:
        return own
    refused = before.refused.get(entry.name)
    if refused is not None and refused.digest == entry.digest:
        return refused._replace(revision=entry.revision)
    return None


def _judge(entry: Entry, policy: str) -> Union[Held, Refused]:
    try:
        return Held(entry, _parse(entry, policy))
    except (PatternError, ValueError) as problem:
        reason = str(problem)
    except Exception as fault:  # a pattern that makes Arc stumble is not taken either
        reason = f"it cannot be read because of {type(fault).__name__}"
    return Refused(entry.revision, entry.digest, reason[:_MAX_REASON])


def _parse(entry: Entry, policy: str) -> Pattern:
    from arc_protocol.patterns.policy import refusal  # not before there is a pattern to judge

    if len(entry.document) > MAX_DOCUMENT_BYTES:
        raise PatternError(
            f"It has {len(entry.document)} bytes; at most {MAX_DOCUMENT_BYTES} are taken."
        )
    if digests.of_document(entry.document) != entry.digest:
        raise PatternError("It is not the pattern that its digest is for.")
    document = json.loads(entry.document.decode("utf-8"))
    if isinstance(document, dict) and document.setdefault("name", entry.name) != entry.name:
        raise PatternError("Its document has another name than its entry.")
    pattern = Pattern.parse(document, origin=Origin.PUSHED, revision=entry.revision)
    why = refusal(pattern.fix, policy)
    if why is not None:
        raise PatternError(f"{why[0].upper()}{why[1:]}.")
    return pattern
