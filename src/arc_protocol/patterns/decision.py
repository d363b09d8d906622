"""What was decided about one request, and how several matching patterns are reconciled."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Container,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from arc_protocol.patterns.edit import ConflictError, Edit
from arc_protocol.patterns.paths import Location
from arc_protocol.patterns.values import MISSING

if TYPE_CHECKING:
    from arc_protocol.patterns.index import Candidate, Candidates
    from arc_protocol.patterns.pattern import Pattern

Failure = Tuple["Pattern", str]
"""A pattern that was not applied, and why."""

Matches = Tuple[List["Candidate"], List[Failure]]
"""The candidates that match, and the patterns that cannot be evaluated."""


class Decision(NamedTuple):
    """What the patterns make of one request."""

    body: Mapping[str, Any]
    """The fixed request, or the very object that was given when nothing was changed."""
    applied: Tuple[Pattern, ...]
    """The patterns whose fix changed the request, in the order applied."""
    matched: Tuple[Pattern, ...]
    """All patterns that matched."""
    skipped: Tuple[Failure, ...] = ()
    """Matching patterns that were not applied, each with the reason."""
    errors: Tuple[Failure, ...] = ()
    """Patterns that could not be evaluated or applied, each with the reason."""

    def __repr__(self) -> str:
        names = ", ".join(pattern.name for pattern in self.applied)
        return f"<Decision applied=[{names}] matched={len(self.matched)}>"


def match(candidates: Candidates, body: Mapping[str, Any], done: Container[int] = ()) -> Matches:
    """Return the candidates that match a request, and those that cannot be evaluated."""
    hits: List[Candidate] = []
    failures: List[Failure] = []
    for candidate in candidates.select(body):
        rank, check, pattern, _ = candidate
        if rank not in done:
            try:
                if check(body, body):
                    hits.append(candidate)
            except Exception as error:
                failures.append((pattern, _reason(error)))
    return hits, failures


def settle(
    body: Mapping[str, Any],
    hits: List[Candidate],
    failures: List[Failure],
    rematch: Callable[[Mapping[str, Any], Set[int]], Matches],
) -> Decision:
    """Apply the fixes of the patterns that match, in order of precedence.

    What they leave is matched again, so that a fixed request does not run into the next known
    failure; each pattern applies at most once.
    """
    fixed = body
    done: Set[int] = set()
    matched: List[Pattern] = []
    applied: List[Pattern] = []
    skipped: List[Failure] = []
    broken: List[Failure] = []
    claims: Dict[Location, Candidate] = {}
    while hits:
        before = fixed
        for hit in hits:
            pattern = hit.pattern
            done.add(hit.rank)
            matched.append(pattern)
            higher = {at: owner for at, owner in claims.items() if owner.rank < hit.rank}
            edit = Edit(fixed, higher)
            try:
                pattern.then.step(edit, ())
            except ConflictError as conflict:
                skipped.append((pattern, str(conflict)))
            except Exception as error:
                broken.append((pattern, _reason(error)))
            else:
                if edit.written:
                    fixed = edit.body
                    applied.append(pattern)
                    claims.update(dict.fromkeys(edit.written, hit))
        if fixed is before:
            break
        hits, failures = rematch(fixed, done)
    return Decision(fixed, tuple(applied), tuple(matched), tuple(skipped), tuple(broken + failures))


def decide_alone(candidate: Candidate, body: Mapping[str, Any]) -> Optional[Decision]:
    """Do what `match` and `settle` do for the only candidate, whose fix only sets fields.

    This is the usual case and the hot path, hence a path of its own without bookkeeping.
    """
    _, check, pattern, _ = candidate
    try:
        if not check(body, body):
            return None
    except Exception as error:
        return Decision(body, (), (), (), ((pattern, _reason(error)),))
    literals = pattern.then.literals or {}
    for name, value in literals.items():
        old = body.get(name, MISSING)
        # Of one exact type and a scalar: nothing foreign is compared.
        if type(old) is not type(value) or old != value:
            return Decision({**body, **literals}, (pattern,), (pattern,))
    return Decision(body, (), (pattern,))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
