"""A set of patterns that decides about requests; immutable, shared between threads."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    Optional,
    Set,
    Tuple,
)

from arc_protocol.patterns.checks import Check, every
from arc_protocol.patterns.conditions import Clause
from arc_protocol.patterns.decision import Decision, Matches, Run, match, settle
from arc_protocol.patterns.index import Candidate, Candidates
from arc_protocol.patterns.pattern import Pattern, content_hash
from arc_protocol.patterns.values import MAPPING, MISSING

if TYPE_CHECKING:
    from arc_protocol.patterns.explanation import Explanation

MAX_MODELS = 4096
"""So many models are remembered; the memory starts anew beyond."""

MAX_MODEL_LENGTH = 256


class PatternSet:
    """Patterns in order of precedence, indexed by provider, operation and model.

    Attributes:
        patterns: local before pushed before built-in; within one origin the latest first.
        revision: a hash of the content, the same wherever the same patterns are in force.
    """

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        latest_first = reversed(list(patterns))
        self.patterns = tuple(sorted(latest_first, key=lambda pattern: pattern.origin))
        self.revision = content_hash(
            [[pattern.origin.name, pattern.to_json()] for pattern in self.patterns]
        )[:16]
        self._rules = tuple(_Rule(rank, pattern) for rank, pattern in enumerate(self.patterns))
        self._by_model: Dict[str, List[_Rule]] = {}
        self._any_model: List[_Rule] = []
        for rule in self._rules:
            models = _models(rule.whole.pattern.when.clauses)
            if models is None:
                self._any_model.append(rule)
            for model in models or ():
                self._by_model.setdefault(model, []).append(rule)
        self._known: Dict[Tuple[object, ...], Optional[Candidates]] = {}
        self._shared: Dict[Tuple[int, ...], Candidates] = {}

    def decide(
        self,
        provider: Optional[str],
        operation: Optional[str],
        body: Mapping[str, Any],
        run: Run = None,
    ) -> Optional[Decision]:
        """Match and fix a request; None when no pattern matched and none failed.

        `run` is asked for the agent run that the call is part of, where its arm depends on that.

        The given body is never changed. Whatever it holds, nothing is raised.
        """
        try:
            candidates = self._known[provider, operation, body["model"]]
        except Exception:
            candidates = self.candidates(provider, operation, body)
        if candidates is None:
            return None
        if candidates.alone is not None:
            return candidates.alone(body, run)
        hits, failures = match(candidates, body)
        if not hits and not failures:
            return None

        def rematch(fixed: Mapping[str, Any], done: Set[int]) -> Matches:
            again = self.candidates(provider, operation, fixed)
            return ([], []) if again is None else match(again, fixed, done)

        return settle(body, hits, failures, rematch, run)

    def explain(
        self, provider: Optional[str], operation: Optional[str], body: Mapping[str, Any]
    ) -> Explanation:
        """Say for people which patterns match a request, what would change, and why."""
        from arc_protocol.patterns.explanation import explain

        return explain(self, provider, operation, body)

    def candidates(
        self, provider: Optional[str], operation: Optional[str], body: object
    ) -> Optional[Candidates]:
        """Return the patterns that may match, as far as the model tells; None if there are none."""
        if not isinstance(body, MAPPING):
            return None
        model = body.get("model", MISSING)
        if type(model) is not str and model is not MISSING:
            if not isinstance(model, str):
                # Not remembered: as keys 1 and true are one, and foreign objects are not hashed.
                return self._gather(provider, operation, model)
            model = str.__str__(model)
        key = (provider, operation, model)
        try:
            return self._known[key]
        except KeyError:
            found = self._gather(provider, operation, model)
        if model is MISSING or len(model) <= MAX_MODEL_LENGTH:
            if len(self._known) >= MAX_MODELS:
                self._known.clear()
                self._shared.clear()
            self._known[key] = found
        return found

    def prepare(self, used: PatternSet) -> None:
        """Find the candidates for the models that another set has met, so that no call has to."""
        for provider, operation, model in list(used._known):
            scope = {} if model is MISSING else {"model": model}
            self.candidates(provider, operation, scope)  # type: ignore[arg-type]  # as it was asked

    def _gather(
        self, provider: Optional[str], operation: Optional[str], model: object
    ) -> Optional[Candidates]:
        """Ask what depends on the model alone; models that leave the same rest share it."""
        rules = self._any_model
        if isinstance(model, str) and model in self._by_model:
            rules = sorted(rules + self._by_model[model], key=lambda rule: rule.whole.rank)
        scope = {} if model is MISSING else {"model": model}
        found = [
            candidate
            for rule in rules
            if rule.provider in (None, provider) and rule.operation in (None, operation)
            for candidate in rule.remainder(scope)
        ]
        if not found:
            return None
        key = tuple(id(candidate) for candidate in found)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = Candidates(found)
        return shared


class _Rule:
    """A pattern split into what the model alone decides and the rest."""

    __slots__ = ("about_model", "operation", "provider", "rest", "whole")

    def __init__(self, rank: int, pattern: Pattern) -> None:
        clauses = pattern.when.clauses
        model = [clause.check for clause in clauses if _reads_only_model(clause)]
        others = tuple(clause for clause in clauses if not _reads_only_model(clause))
        rest = every([clause.check for clause in others])
        self.provider = pattern.provider
        self.operation = pattern.operation
        self.about_model: Check = every(model)
        self.whole = Candidate(rank, pattern.when.check, pattern, clauses)
        self.rest = Candidate(rank, rest, pattern, others)

    def remainder(self, scope: Mapping[str, object]) -> Tuple[Candidate, ...]:
        """Return what is left to ask of the calls of this model: nothing when it cannot match."""
        try:
            return (self.rest,) if self.about_model(scope, scope) else ()
        except Exception:
            # The whole is kept, so that each call reports that it cannot be evaluated.
            return (self.whole,)


def _reads_only_model(clause: Clause) -> bool:
    if clause.path is None:
        return all(_reads_only_model(inner) for part in clause.parts for inner in part.clauses)
    return clause.path.segments == ("model",) and not _refers(clause.requirement)


def _refers(requirement: object) -> bool:
    """Tell whether a requirement may look at another field; an operand named so counts as well."""
    if isinstance(requirement, dict):
        return "field" in requirement or any(_refers(inner) for inner in requirement.values())
    return isinstance(requirement, list) and any(_refers(inner) for inner in requirement)


def _models(clauses: Iterable[Clause]) -> Optional[FrozenSet[str]]:
    """Return the only models that a condition can hold for, or None if it does not list them."""
    for clause in clauses:
        if clause.path is None or clause.path.segments != ("model",):
            continue
        listed = clause.requirement
        if isinstance(listed, dict):
            listed = listed.get("==", listed.get("in"))
        texts = listed if isinstance(listed, list) else [listed]
        if all(isinstance(text, str) for text in texts):
            return frozenset(texts)
    return None
