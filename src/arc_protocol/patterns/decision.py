"""What was decided about one request, and how several matching patterns are reconciled."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Container,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from arc_protocol.patterns.allocation import ACTIVE, CANARY, RESCUE, RUN, SHADOW, TREATED
from arc_protocol.patterns.caching import loss
from arc_protocol.patterns.candidate import Candidate
from arc_protocol.patterns.checks import Check, EvaluationError
from arc_protocol.patterns.edit import ConflictError
from arc_protocol.patterns.paths import Location
from arc_protocol.patterns.pattern import Origin, Pattern

Failure = Tuple[Pattern, str]
"""A pattern that was not applied, and why."""

Matches = Tuple[List[Candidate], List[Failure]]
"""The candidates that match, and the patterns that cannot be evaluated."""

Run = Optional[Callable[[], Optional[str]]]
"""Returns the key of the agent run that a call is part of; None for no run."""

Decide = Callable[[Mapping[str, Any], Run], Optional["Decision"]]
"""Matches and fixes a request; None when nothing matched and nothing failed."""


_WEIGHT = {SHADOW: 0, ACTIVE: 1, RESCUE: 2, CANARY: 3}
"""What comes first when several trials match a call, by stage."""


class Fault(str):
    """The reason of a failure for which the pattern is to blame, not what the request holds."""

    __slots__ = ()


class Assignment(NamedTuple):
    """The arm of a trial to which a call was assigned."""

    pattern: Pattern
    stage: str
    arm: str
    probability: float
    """With which the call was to be treated."""
    unit_hash: Optional[str] = None
    """What stands for the run that was assigned as a whole; None where it is the call alone."""


class Decision:
    """What the patterns make of one request.

    Attributes:
        body: the fixed request, or the very object that was given when nothing was changed.
        applied: the patterns whose fix changed the request, in the order applied.
        matched: all patterns that matched.
        skipped: matching patterns that were not applied, each with the reason.
        errors: patterns that could not be evaluated or applied, each with the reason.
        assignment: the trial that the call is part of; it is part of one at most.
    """

    __slots__ = ("applied", "assignment", "body", "errors", "matched", "skipped")

    def __init__(
        self,
        body: Mapping[str, Any],
        applied: Tuple[Pattern, ...],
        matched: Tuple[Pattern, ...],
        skipped: Tuple[Failure, ...] = (),
        errors: Tuple[Failure, ...] = (),
        assignment: Optional[Assignment] = None,
    ) -> None:
        self.body = body
        self.applied = applied
        self.matched = matched
        self.skipped = skipped
        self.errors = errors
        self.assignment = assignment

    def __repr__(self) -> str:
        names = ", ".join(pattern.name for pattern in self.applied)
        return f"<Decision applied=[{names}] matched={len(self.matched)}>"


def match(
    candidates: Iterable[Candidate], body: Mapping[str, Any], done: Container[int] = ()
) -> Matches:
    """Return the candidates that match a request, and those that cannot be evaluated."""
    hits: List[Candidate] = []
    failures: List[Failure] = []
    for candidate in candidates:
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
    run: Run = None,
    provider: Optional[str] = None,
    rewrites_cached: bool = True,
) -> Decision:
    """Apply the fixes of the patterns that match, in order of precedence.

    What they leave is matched again, so that a fixed request does not run into the next known
    failure; each pattern applies at most once. Unless `rewrites_cached`, a pushed pattern does not
    change what the provider's prompt cache keeps.
    """
    fixed = body
    done: Set[int] = set()
    matched: List[Pattern] = []
    applied: List[Pattern] = []
    skipped: List[Failure] = []
    broken: List[Failure] = []
    claims: Dict[Location, Candidate] = {}
    assignment: Optional[Assignment] = None
    while hits:
        changed = False
        trial = _trial(hits) if assignment is None or assignment.stage == SHADOW else None
        for hit in hits:
            pattern = hit.pattern
            done.add(hit.rank)
            if pattern is trial:
                matched.append(pattern)
                assignment = _assign(pattern, run)
                if assignment.arm != TREATED:
                    continue
            elif pattern.allocation is None or pattern.allocation.stage == ACTIVE:
                matched.append(pattern)
            else:
                continue  # what two trials do to one call could not be told apart
            higher = {
                at: owner.pattern.name for at, owner in claims.items() if owner.rank < hit.rank
            }
            try:
                result, written = pattern.then.apply(fixed, higher)
            except ConflictError as conflict:
                skipped.append((pattern, str(conflict)))
            except Exception as error:
                broken.append((pattern, _reason(error)))
            else:
                lost = None
                if result is not fixed and not rewrites_cached and pattern.origin is Origin.PUSHED:
                    lost = _loss(fixed, result, pattern, provider)
                if lost is not None:
                    skipped.append((pattern, lost))
                elif result is not fixed:
                    fixed, changed = result, True
                    applied.append(pattern)
                    claims.update(dict.fromkeys(written, hit))
        if not changed:
            break
        hits, failures = rematch(fixed, done)
    return Decision(
        fixed,
        tuple(applied),
        tuple(matched),
        tuple(skipped),
        tuple(broken + failures),
        assignment,
    )


def _loss(
    before: Mapping[str, Any], after: Mapping[str, Any], pattern: Pattern, provider: Optional[str]
) -> Optional[str]:
    try:
        return loss(before, after, lambda request: pattern.then.apply(request, {})[0], provider)
    except Exception as error:  # a request may hold anything: what cannot be told is not risked
        return f"whether the prompt cache is kept cannot be told: {_reason(error)}"


def _trial(hits: Iterable[Candidate]) -> Optional[Pattern]:
    """Choose the trial that a call is part of: one on which something hangs, then the first.

    What is only watched must not keep a fix from being tried, and one in force is applied as well.
    """
    found: Optional[Pattern] = None
    for hit in hits:
        allocation = hit.pattern.allocation
        if allocation is None or allocation.over:
            continue
        if found is None or _WEIGHT[allocation.stage] > _WEIGHT[found.allocation.stage]:  # type: ignore[union-attr]
            found = hit.pattern
    return found


def _assign(pattern: Pattern, run: Run) -> Assignment:
    allocation = pattern.allocation
    assert allocation is not None
    unit, unit_hash = None, None
    if allocation.unit == RUN:
        unit = allocation.run_hash(_key(run))
        unit_hash = unit.hex()
    if allocation.watches:
        return Assignment(pattern, allocation.stage, SHADOW, 0.0, unit_hash)
    arm = allocation.toss(unit)
    return Assignment(pattern, allocation.stage, arm, allocation.probability, unit_hash)


def _key(run: Run) -> Optional[str]:
    try:
        return None if run is None else run()
    except Exception:  # of a tracer that is not ours
        return None


def compile_alone(
    pattern: Pattern, check: Check, setter: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Decide:
    """Make a function that does what `match` and `settle` do for the only pattern.

    This is the usual case and the hot path, hence a path of its own without bookkeeping. What it
    leaves is not matched again, so the fix must keep the model.
    """
    mine = (pattern,)
    if pattern.allocation is not None:
        return _compile_trial(pattern, check, setter)

    def decide(body: Mapping[str, Any], run: Run) -> Optional[Decision]:
        try:
            if not check(body, body):
                return None
            fixed = setter(body)
        except Exception as error:
            return Decision(body, (), (), (), ((pattern, _reason(error)),))
        return Decision(fixed, () if fixed is body else mine, mine)

    return decide


def _compile_trial(
    pattern: Pattern, check: Check, setter: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Decide:
    mine = (pattern,)

    def decide(body: Mapping[str, Any], run: Run) -> Optional[Decision]:
        try:
            if pattern.allocation.over or not check(body, body):  # type: ignore[union-attr]
                return None
            assignment = _assign(pattern, run)
            fixed = setter(body) if assignment.arm == TREATED else body
        except Exception as error:
            return Decision(body, (), (), (), ((pattern, _reason(error)),))
        return Decision(fixed, () if fixed is body else mine, mine, (), (), assignment)

    return decide


def _reason(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return said if isinstance(error, EvaluationError) else Fault(said)
