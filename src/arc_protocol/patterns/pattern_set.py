"""A set of patterns that decides about requests; immutable, shared between threads."""

from __future__ import annotations

from typing import (
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

from arc_protocol.patterns.candidate import Candidate
from arc_protocol.patterns.checks import Check, every
from arc_protocol.patterns.conditions import Clause
from arc_protocol.patterns.decision import Decision, Matches, Run, match, settle
from arc_protocol.patterns.index import WORTH_FILING, Candidates
from arc_protocol.patterns.pattern import Pattern, content_hash
from arc_protocol.patterns.regex import Regexes
from arc_protocol.patterns.values import MAPPING, MISSING

MAX_MODELS = 4096
"""So many models are remembered; the memory starts anew beyond."""

MAX_MODEL_LENGTH = 256

WORTH_ASKING_AT_ONCE = 64
"""So many expressions are put into one set."""


class PatternSet:
    """Patterns in order of precedence, indexed by provider, operation and model.

    Attributes:
        patterns: local before pushed before built-in; within one origin the latest first.
    """

    def __init__(self, patterns: Iterable[Pattern] = (), *, rewrites_cached: bool = False) -> None:
        """With `rewrites_cached`, pushed patterns may change what prompt caches keep."""
        self._rewrites_cached = rewrites_cached
        latest_first = reversed(list(patterns))
        self.patterns = tuple(sorted(latest_first, key=lambda pattern: pattern.origin))
        self._revision: Optional[str] = None
        self._rules = tuple(_Rule(rank, pattern) for rank, pattern in enumerate(self.patterns))
        self._by_model: Dict[str, List[_Rule]] = {}
        self._any_model: List[_Rule] = []
        for rule in self._rules:
            models = _models(rule.whole.pattern.when.clauses)
            if models is None:
                self._any_model.append(rule)
            for model in models or ():
                self._by_model.setdefault(model, []).append(rule)
        self._by_regex: Optional[Regexes[_Rule]] = None
        """Those of `_any_model` whose models are an expression, to be asked all at once."""
        self._by_other: List[_Rule] = []
        """The rest of `_any_model`, once `_by_regex` is there."""
        self._unsure: List[_Rule] = []
        self._otherwise: Optional[Candidates] = None
        """The candidates for all models that no pattern names and that pass none of `_unsure`."""
        self._prepared = False
        self._known: Dict[Tuple[object, ...], Optional[Candidates]] = {}
        self._ready: Dict[str, Candidates] = {}
        """Candidates by model where they are the same for all providers and operations."""
        self._shared: Dict[Tuple[int, ...], Candidates] = {}

    @property
    def revision(self) -> str:
        """A hash of the content, the same wherever the same patterns are in force."""
        if self._revision is None:
            documents = [[pattern.origin.name, pattern.to_json()] for pattern in self.patterns]
            self._revision = content_hash(documents)[:16]
        return self._revision

    def decide(
        self,
        provider: Optional[str],
        operation: Optional[str],
        body: Mapping[str, Any],
        run: Run = None,
        server: Optional[str] = None,
    ) -> Optional[Decision]:
        """Match and fix a request; None when no pattern matched and none failed.

        `server` is where it goes, as host:port, for the patterns that are about some servers.

        `run` is asked for the agent run that the call is part of, where its arm depends on that.

        The given body is never changed. Whatever it holds, nothing is raised.
        """
        try:
            candidates = self._known[provider, operation, server, body["model"]]
        except Exception:
            candidates = self.candidates(provider, operation, body, server)
        if candidates is None:
            return None
        if candidates.alone is not None:
            return candidates.alone(body, run)
        hits, failures = match(candidates.select(body), body)
        if not hits and not failures:
            return None

        def rematch(fixed: Mapping[str, Any], done: Set[int]) -> Matches:
            again = self.candidates(provider, operation, fixed, server)
            return ([], []) if again is None else match(again.select(fixed), fixed, done)

        return settle(body, hits, failures, rematch, run, provider, self._rewrites_cached)

    def candidates(
        self,
        provider: Optional[str],
        operation: Optional[str],
        body: object,
        server: Optional[str] = None,
    ) -> Optional[Candidates]:
        """Return the patterns that may match, as far as the model tells; None if there are none."""
        if not isinstance(body, MAPPING):
            return None
        model = body.get("model", MISSING)
        if type(model) is not str and model is not MISSING:
            if not isinstance(model, str):
                # Not remembered: as keys 1 and true are one, and foreign objects are not hashed.
                return self._gather(provider, operation, server, model)
            model = str.__str__(model)
        key = (provider, operation, server, model)
        try:
            return self._known[key]
        except KeyError:
            found = self._ready.get(model) if isinstance(model, str) else None
            if found is None:
                found = self._gather(provider, operation, server, model)
        if model is MISSING or len(model) <= MAX_MODEL_LENGTH:
            if len(self._known) >= MAX_MODELS:
                self._known.clear()
                self._shared.clear()
            self._known[key] = found
        return found

    def prepare(self, used: Optional[PatternSet] = None) -> None:
        """Do what makes calls quick but takes its time: not for a thread that makes calls.

        Candidates are found for the models that another set has met, and for those that patterns
        name. Nothing changes in what is decided; to call it again costs little.
        """
        if not self._prepared:
            self._prepared = True
            self._ask_at_once()
            self._make_ready()
        for provider, operation, server, model in list(used._known) if used is not None else ():
            scope = {} if model is MISSING else {"model": model}
            self.candidates(provider, operation, scope, server)  # type: ignore[arg-type]  # as it was asked
        for candidates in list(self._shared.values()):
            candidates.file()

    def _ask_at_once(self) -> None:
        with_one = [(rule.regex, rule) for rule in self._any_model if rule.regex is not None]
        if len(with_one) < WORTH_ASKING_AT_ONCE:
            return
        regexes = Regexes(with_one)
        left = set(map(id, regexes.others))
        self._by_other = [
            rule for rule in self._any_model if rule.regex is None or id(rule) in left
        ]
        self._by_regex = regexes  # last, as others may be asking

    def _make_ready(self) -> None:
        if not all(rule.everywhere for rule in self._any_model):
            return
        for model, rules in self._by_model.items():
            if len(rules) > WORTH_FILING and all(rule.everywhere for rule in rules):
                made = self._gather(None, None, None, model)
                if made is not None:
                    self._ready[model] = made
        sure = [rule.rest for rule in self._any_model if rule.sure]
        if len(sure) > WORTH_FILING:
            rest = self._any_model if self._by_regex is None else self._by_other
            self._unsure = [rule for rule in rest if not rule.sure]
            self._otherwise = self._candidates_of(sure)

    def _gather(
        self,
        provider: Optional[str],
        operation: Optional[str],
        server: Optional[str],
        model: object,
    ) -> Optional[Candidates]:
        """Ask what depends on the model alone; models that leave the same rest share it."""
        rules = self._any_model
        scope = {} if model is MISSING else {"model": model}
        if isinstance(model, str):
            by_regex = None if self._by_regex is None else self._by_regex.found_in(model)
            if by_regex is not None:
                rules = self._by_other + by_regex
            if model in self._by_model or by_regex:
                rules = sorted(rules + self._by_model.get(model, []), key=_rank)
            elif self._otherwise is not None and not any(
                rule.remainder(scope) for rule in self._unsure
            ):
                return self._otherwise
        found = [
            candidate
            for rule in rules
            if rule.whole.pattern.concerns(provider, operation, server)
            for candidate in ((rule.rest,) if rule.sure else rule.remainder(scope))
        ]
        return self._candidates_of(found) if found else None

    def _candidates_of(self, found: List[Candidate]) -> Candidates:
        key = tuple(map(id, found))
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = Candidates(found)
        return shared


def _rank(rule: _Rule) -> int:
    return rule.whole.rank


class _Rule:
    """A pattern split into what the model alone decides and the rest."""

    __slots__ = (
        "about_model",
        "everywhere",
        "regex",
        "rest",
        "sure",
        "whole",
    )

    def __init__(self, rank: int, pattern: Pattern) -> None:
        clauses = pattern.when.clauses
        about_model = [clause for clause in clauses if _reads_only_model(clause)]
        others = tuple(clause for clause in clauses if not _reads_only_model(clause))
        rest = every([clause.check for clause in others])
        scope = (pattern.provider, pattern.operation, pattern.servers)
        self.everywhere = all(one is None for one in scope)
        self.about_model: Check = every([clause.check for clause in about_model])
        only = about_model[0] if len(about_model) == 1 else None
        self.sure = not about_model or (only is not None and _lists_models(only))
        """Whether nothing is left to ask of the models under which the rule is filed."""
        self.regex = None if only is None else _regex(only)
        """The expression that decides alone about the model."""
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


def _lists_models(clause: Clause) -> bool:
    """Tell whether a clause about the model holds for each of those that `_models` returns."""
    if _models([clause]) is None:
        return False
    return not isinstance(clause.requirement, dict) or len(clause.requirement) == 1


def _regex(clause: Clause) -> Optional[str]:
    """Return the expression of a clause that asks for nothing but for a match of the model."""
    requirement = clause.requirement
    if clause.path is None or not isinstance(requirement, dict) or list(requirement) != ["matches"]:
        return None
    return str(requirement["matches"])


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
