"""What pushed patterns may change: a level for all of the request, or for the paths in it.

A policy is given as one of the words of `POLICIES`, or as an object from paths to words and to
ranges of numbers, in which `*` stands for all other paths.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from arc_protocol.patterns.paths import DEEP, EACH, parse_path
from arc_protocol.patterns.reach import FOLDERS, Level, Need, Place, folders, needs, show, word
from arc_protocol.patterns.values import Number, is_number

POLICIES: Dict[str, Level] = {level.name.lower(): level for level in Level}
"""Levels by the names that users write."""
REST = "*"
"""What stands for all paths that a policy does not name."""
MAX_TEXT = 8_000
"""Characters that the canonical text of a policy may have."""
_FORM = f'write one of {", ".join(POLICIES)}, or an object of paths like {{"*": "safe"}}'


class Range(NamedTuple):
    """Numbers that a fix may set; a bound that is None is open."""

    low: Optional[Number]
    high: Optional[Number]

    def __contains__(self, value: object) -> bool:
        return (
            is_number(value)
            and value == value  # not NaN
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )

    def __str__(self) -> str:
        if self.low is None:
            return f"up to {self.high}"
        return f"from {self.low} on" if self.high is None else f"from {self.low} to {self.high}"


class Rule(NamedTuple):
    """What is allowed at a path and below."""

    path: Place
    allows: Union[Level, Range]


class Policy(NamedTuple):
    """A policy that has been read; equal policies have equal texts."""

    text: str
    """The canonical form: a word, or JSON with sorted keys."""
    rest: Level
    """What is allowed where no rule says otherwise."""
    rules: Tuple[Rule, ...] = ()


def parse_policy(document: object) -> Policy:
    """Read a policy from a word, an object, or JSON text of one.

    Raises:
        ValueError: it is no policy; the message says in one sentence what is wrong.
    """
    if isinstance(document, str):
        text = document.strip()
        if not text.startswith("{"):
            if text not in POLICIES:
                raise ValueError(_FORM)
            return Policy(text, POLICIES[text])
        try:
            document = json.loads(text, object_pairs_hook=_without_repetition)
        except RecursionError:
            raise ValueError("the object is nested too deep") from None
        except json.JSONDecodeError as problem:
            raise ValueError(f"it is no JSON: {problem}") from None
    if not isinstance(document, Mapping) or not document:
        raise ValueError(_FORM)
    rest, rules = Level.SAFE, []
    for key, given in document.items():
        allows = _allows(key, given)
        if key != REST:
            rules.append(Rule(_path(key), allows))
        elif isinstance(allows, Level):
            rest = allows
        else:
            raise ValueError('"*" has a range, which only a path can have; write a level for it')
    if not rules:
        return Policy(rest.name.lower(), rest)
    _check_once(rules)
    text = json.dumps({REST: "safe", **document}, sort_keys=True, separators=(",", ":"))
    if len(text) > MAX_TEXT:
        raise ValueError(f"it has {len(text)} characters; at most {MAX_TEXT} are taken")
    return Policy(text, rest, tuple(rules))


@lru_cache(maxsize=256)
def policy_of(text: str) -> Policy:
    """Return the policy of a canonical text; raises ValueError if it is none."""
    return parse_policy(text)


def refusal(fix: Mapping[str, Any], policy: str) -> Optional[str]:
    """Say in one sentence why a policy does not allow a fix that has been parsed; None if it does.

    The policy is given by its canonical text. The whole fix counts: one that reaches too far at
    one place is not allowed at the others.
    """
    read = policy_of(policy)
    all_needs = list(needs(fix))
    if not read.rules:
        all_needs = [max(all_needs, key=lambda need: need.level)]
    for need in all_needs:
        for why in _objections(need, read):
            return why
    return None


def _objections(need: Need, policy: Policy) -> Iterator[str]:
    governing: Optional[Rule] = None
    most = 0
    for rule in policy.rules:
        covered = _covered(rule.path, need.at)
        if covered > most:
            governing, most = rule, covered
        elif covered == 0 and need.whole:
            yield from _objection(need, rule, below=True)
    if governing is not None:
        yield from _objection(need, governing, below=False)
    elif need.level > policy.rest:
        name = policy.rest.name.lower()
        yield f'the policy "{name}" does not let pushed patterns {need}; "{_least(need)}" would'


def _objection(need: Need, rule: Rule, *, below: bool) -> Iterator[str]:
    path = show(rule.path)
    if isinstance(rule.allows, Level):
        if need.level > rule.allows:
            name = rule.allows.name.lower()
            would = "" if below else f'; "{_least(need)}" would'
            yield (f'the policy "{name}" for "{path}" does not let pushed patterns {need}{would}')
        return
    only = f'the policy lets pushed patterns set "{path}" only to numbers {rule.allows}'
    if need.brings is None:
        yield f"{only}; the number is not known beforehand where they {need}"
        return
    for value in need.brings:
        found = _within(value, need.at, rule.path) if below else [value]
        for number in found:
            if number not in rule.allows or not (below or _same(rule.path, need.at)):
                yield f"{only}, not {need} to {json.dumps(number)[:80]}"
                return


def _least(need: Need) -> str:
    return need.level.name.lower()


def _covered(path: Place, at: Place) -> int:
    """Return how many steps of a place lie within a path: all of it is there then.

    0 when only some of the place may be there, or below; -1 when nothing of it is.
    """
    as_written = _compare(path, at)
    inner = path[folders(path) :]
    if as_written > 0 or not inner:
        return as_written
    skipped = folders(at)
    at_top = _compare(inner, at[skipped:])
    return at_top + skipped if at_top > 0 else max(as_written, at_top)


def _compare(path: Place, at: Place) -> int:
    for step, here in zip(path, at):
        if here is DEEP:
            return 0
        if step is EACH:
            continue
        if here is EACH:
            return 0  # elements, or the members of an object
        if not isinstance(here, str) or word(step) != word(here):
            return -1
    return len(path) if len(path) <= len(at) else 0


def _same(path: Place, at: Place) -> bool:
    """Tell whether a place that is within a path is not below it."""
    return len(at) in (len(path), len(path) - folders(path) + folders(at))


def _within(value: object, at: Place, path: Place) -> List[object]:
    """Return what a value that is put at a place brings to a path below it."""
    if any(step is DEEP or step is EACH for step in at):
        return [value]  # it may be the very place
    inner = path[folders(path) :] or path
    rest = inner[len(at) - folders(at) :]
    return list(_reached(value, rest, at_top=folders(at) == len(at)))


def _reached(value: object, path: Place, *, at_top: bool) -> Iterator[object]:
    if not path:
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            if path[0] is EACH or word(path[0]) == word(key):
                yield from _reached(member, path[1:], at_top=False)
            elif at_top and word(key) in FOLDERS:
                yield from _reached(member, path, at_top=True)
    elif isinstance(value, list) and path[0] is EACH:
        for element in value:
            yield from _reached(element, path[1:], at_top=False)


def _path(key: str) -> Place:
    path = parse_path(key, "the policy").segments
    if (
        not path
        or not isinstance(path[0], str)
        or any(step is not EACH and not isinstance(step, str) for step in path)
    ):
        raise ValueError(
            f'"{key}" is no path for a policy, which has names and [*] alone, like '
            "messages[*].content"
        )
    return path


def _allows(key: object, given: object) -> Union[Level, Range]:
    if not isinstance(key, str):
        raise ValueError(f"{str(key)[:80]} is no path, which is a text")
    if isinstance(given, str) and given in POLICIES:
        return POLICIES[given]
    if isinstance(given, Mapping) and given and given.keys() <= {"low", "high"}:
        low, high = given.get("low"), given.get("high")
        if all(number in Range(None, None) for number in given.values()):
            if low is None or high is None or low <= high:
                return Range(low, high)
            raise ValueError(f'the range of "{key}" has its low above its high')
    raise ValueError(
        f'"{key}" allows {str(given)[:80]!r}; write one of {", ".join(POLICIES)}, or a range '
        'like {"low": 0, "high": 1}'
    )


def _check_once(rules: List[Rule]) -> None:
    seen: Dict[Tuple[object, ...], Place] = {}
    for path, _ in rules:
        known = tuple(step if step is EACH else word(step) for step in path)
        if known in seen:
            raise ValueError(f'"{show(seen[known])}" and "{show(path)}" are one path')
        seen[known] = path


def _without_repetition(pairs: List[Tuple[str, object]]) -> Dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    return made
