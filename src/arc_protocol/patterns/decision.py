"""What was decided about one request, and how several matching patterns are reconciled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Set, Tuple

from arc_protocol.patterns.edit import Conflict, Edit
from arc_protocol.patterns.paths import Location

if TYPE_CHECKING:
    from arc_protocol.patterns.index import Candidate, Candidates
    from arc_protocol.patterns.pattern import Pattern
    from arc_protocol.patterns.pattern_set import PatternSet


class Decision:
    """What the patterns make of one request.

    Attributes:
        body: the fixed request, or the very object that was given when nothing was changed.
        applied: the patterns whose fix changed the request, in the order applied.
        matched: all patterns that matched.
        skipped: matching patterns that were not applied, each with the reason.
        errors: patterns that could not be evaluated or applied, each with the reason.
    """

    __slots__ = ("applied", "body", "errors", "matched", "skipped")

    def __init__(
        self,
        body: Mapping[str, Any],
        applied: Tuple[Pattern, ...],
        matched: Tuple[Pattern, ...],
        skipped: Tuple[Tuple[Pattern, str], ...] = (),
        errors: Tuple[Tuple[Pattern, str], ...] = (),
    ) -> None:
        self.body = body
        self.applied = applied
        self.matched = matched
        self.skipped = skipped
        self.errors = errors

    def __repr__(self) -> str:
        names = ", ".join(pattern.name for pattern in self.applied)
        return f"<Decision applied=[{names}] matched={len(self.matched)}>"


def settle(
    patterns: PatternSet,
    provider: Optional[str],
    operation: Optional[str],
    body: Mapping[str, Any],
    candidates: Optional[Candidates],
) -> Optional[Decision]:
    """Match a request and apply the fixes of the patterns that match, in order of precedence.

    What a fix leaves is matched again, so that a fixed request does not run into the next known
    failure; each pattern applies at most once.
    """
    fixed = body
    done: Set[int] = set()
    matched: List[Pattern] = []
    applied: List[Pattern] = []
    skipped: List[Tuple[Pattern, str]] = []
    broken: List[Tuple[Pattern, str]] = []
    failed: List[Tuple[Pattern, str]] = []
    claims: Dict[Location, Candidate] = {}
    while candidates is not None:
        hits, failed = _match(candidates, fixed, done)
        before = fixed
        for hit in hits:
            pattern = hit.pattern
            done.add(hit.rank)
            matched.append(pattern)
            edit = Edit(fixed, {at: owner for at, owner in claims.items() if owner < hit})
            try:
                pattern.then.apply(edit)
            except Conflict as conflict:
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
        candidates = patterns.candidates(provider, operation, fixed)
    if not matched and not failed:
        return None
    return Decision(
        fixed, tuple(applied), tuple(matched), tuple(skipped), tuple(broken + failed)
    )


def _match(
    candidates: Candidates, body: Mapping[str, Any], done: Set[int]
) -> Tuple[List[Candidate], List[Tuple[Pattern, str]]]:
    hits = []
    failed = []
    for candidate in candidates.select(body):
        if candidate.rank not in done:
            try:
                if candidate.check(body, body):
                    hits.append(candidate)
            except Exception as error:
                failed.append((candidate.pattern, _reason(error)))
    return hits, failed


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
