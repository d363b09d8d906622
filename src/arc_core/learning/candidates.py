"""From calls that failed alike, and healthy ones, to patterns worth trying."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arc_core.learning import ideas
from arc_core.learning.columns import Columns
from arc_core.learning.conditions import Writer
from arc_core.learning.confirmation import Split, chance, discoveries, split
from arc_core.learning.contrast import contrasts
from arc_core.learning.examples import Cures, Example, Rows, Sample, members
from arc_core.learning.literals import Literal, Priors, literals
from arc_core.learning.meaning import loses, meaning
from arc_core.learning.search import CERTAIN, Rule, Search
from arc_core.learning.structures import answers, structures
from arc_core.learning.trial import trial
from arc_protocol.errors import PatternError
from arc_protocol.patterns.policy import POLICIES, refusal

_MOST_RULES = 4
"""Causes that are looked for behind one signature."""
_LEAST_FAILING = 3
_TRUST = {("error", True): 1.0, ("error", False): 0.3, ("documentation", False): -0.2}
"""How much more an idea counts than a mere comparison of calls, which has 0.2 at most."""
_LOSS = 0.25
"""How much less a fix counts which does not ask any more for something that was asked for."""
_BITS_BY_CHANCE = 6.0
"""What a condition must save where calls fail by chance, beside being confirmed by later calls."""
_FIXES = 5
"""Fixes that are proposed for one cause."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pattern that may prevent a failure; nothing is proven."""

    document: dict[str, Any]
    """The pattern, complete but for an allocation."""
    condition_evidence: dict[str, Any]
    """What the condition matched: failing, of_failing, healthy, of_healthy (calls), applications,
    rate (of failure of matched calls), gain_bits, p."""
    fix_evidence: dict[str, Any]
    """source (error, documentation, contrast), strong, and for a contrast failed and calls: how
    calls fared that are otherwise alike and have what the fix brings."""
    reach: float
    """Share of the failing calls that it would have changed."""
    meaning: str
    """What the fix may change in what is asked for; "" if nothing."""
    cost: str
    """The least policy that allows the fix: safe, content or all."""
    because: str


@dataclass(frozen=True, slots=True)
class _Draft:
    rule: Rule
    fix: dict[str, Any]
    evidence: dict[str, Any]
    because: str
    rank: float


def learn(
    failing: Sequence[Example],
    healthy: Sequence[Example],
    *,
    provider: str,
    operation: str,
    cures: Cures,
    documentation: bool = True,
) -> list[Candidate]:
    """Return patterns that may prevent a failure, the most promising first.

    All calls are of one provider and operation, newest first; the failing ones have one signature.
    Calls that failed otherwise must be in neither. Several candidates may have one condition: they
    are to be tried one after the other. Without `documentation`, documented failures are ignored.
    """
    if len(failing) < _LEAST_FAILING:
        return []
    sample = Sample(failing, healthy)
    columns = Columns(sample.requests)
    priors = Priors(ideas.blamed(sample))
    found = literals(columns, sample.failed, sample.all, priors)
    found += structures(columns, sample, priors)
    learning = _Learning(sample, columns, priors, found, provider, operation, cures, documentation)
    return learning.candidates()


class _Learning:
    def __init__(
        self,
        sample: Sample,
        columns: Columns,
        priors: Priors,
        found: list[Literal],
        provider: str,
        operation: str,
        cures: Cures,
        documentation: bool,
    ) -> None:
        self._sample = sample
        self._columns = columns
        self._priors = priors
        self._literals = found
        self._provider = provider
        self._operation = operation
        self._cures = cures
        self._documentation = documentation
        self._blames_model = ideas.blames_model(sample)
        self._requests = sample.requests
        self._calls = split(sample)

    def candidates(self) -> list[Candidate]:
        """Explain the failing calls cause by cause."""
        among, found = self._calls.learned, list[Candidate]()
        for _ in range(_MOST_RULES):
            failed = self._sample.failed & among
            if failed.bit_count() < _LEAST_FAILING:
                break
            candidates, covered = self._cause(failed, among)
            if not candidates or not covered & failed:
                break
            known = [_does(one.document) for one in found]
            found += [one for one in candidates if _does(one.document) not in known]
            among &= ~(covered & failed)
        return _confirmed(found)

    def _cause(self, failed: Rows, among: Rows) -> tuple[list[Candidate], Rows]:
        search = Search(self._columns, self._literals, failed, among, self._priors)
        writer = Writer(self._columns, failed, among, self._blames_model)
        best = search.best()
        drafts = self._with_ideas(search, writer, failed, among, best)
        if best is not None:
            drafts += self._with_contrasts(best, writer, failed, among)
        drafts.sort(key=lambda draft: _LOSS * loses(draft.fix) - draft.rank)
        candidates: list[Candidate] = []
        known: list[object] = []
        covered: Rows = 0
        for draft in drafts:
            made = self._candidate(draft, writer, failed, among)
            if made is not None and _does(made[0].document) not in known:
                known.append(_does(made[0].document))
                candidates.append(made[0])
                covered = covered or made[1]
                if len(candidates) == _FIXES:
                    break
        return candidates, covered

    def _with_ideas(
        self, search: Search, writer: Writer, failed: Rows, among: Rows, best: Rule | None
    ) -> list[_Draft]:
        provider, operation = self._provider, self._operation
        concerned = best.rows & failed if best is not None else failed
        known = ideas.from_errors(self._sample, failed, provider, operation, self._cures)
        if self._documentation:
            known += ideas.from_documentation(self._sample, concerned, provider, operation)
        drafts = []
        for idea in known:
            ways = [idea.given]
            if idea.source == "error":
                given = idea.given + ideas.also_named(self._sample, concerned, idea.given)
                ways = self._of_models(writer, search, given) if self._blames_model else [given]
            rules = [rule for way in ways for rule in [search.best(way)] if rule]
            rule = max(rules, key=lambda rule: rule.gain, default=None)
            if rule is None and idea.strong and not among & ~failed:
                rule = search.rule(ways[0])  # nothing healthy to compare with
            if rule is None or not rule.literals:
                continue
            if idea.source == "documentation" and search.idle(rule, len(idea.given)):
                continue
            explained = 1.0 if best is None or best.gain <= 0 else rule.gain / best.gain
            rank = min(explained, 1.0) + _TRUST[idea.source, idea.strong]
            evidence = {"source": idea.source, "strong": idea.strong}
            drafts.append(_Draft(rule, idea.fix, evidence, idea.because, rank))
        return drafts

    def _of_models(
        self, writer: Writer, search: Search, known: tuple[Literal, ...]
    ) -> list[tuple[Literal, ...]]:
        """Ask also which models are called, as the errors say that it matters."""
        rows = search.rule(known).rows
        asked = [writer.same_models(rows), writer.family(rows)]
        models = [one for at, one in enumerate(asked) if one and one not in asked[:at]]
        return [(*known, ideas.given(one, self._sample)) for one in models] or [known]

    def _with_contrasts(
        self, rule: Rule, writer: Writer, failed: Rows, among: Rows
    ) -> list[_Draft]:
        return [
            _Draft(
                rule,
                one.fix,
                {"source": "contrast", "strong": False, "failed": one.failed, "calls": one.calls},
                one.because,
                (1.2 if one.calls else 0.5) - 0.05 * place,
            )
            for place, one in enumerate(
                contrasts(rule.literals, self._columns, writer, failed, among)
            )
        ]

    def _candidate(
        self, draft: _Draft, writer: Writer, failed: Rows, among: Rows
    ) -> tuple[Candidate, Rows] | None:
        condition = writer.write(draft.rule.literals)
        document = {
            "name": _name(draft.fix, self._provider, condition),
            "provider": self._provider,
            "operation": self._operation,
            "pattern": condition,
            "fix": draft.fix,
            "rationale": draft.because[:500],
        }
        matched = answers(condition, self._requests, self._sample.all)
        rows = matched & among
        hits = members(rows & failed)
        spared = rows & ~failed
        concerned = [self._sample.failing[row] for row in hits]
        if not concerned:
            return None
        try:
            tried = trial(document, concerned, [])
        except PatternError:
            return None
        if not tried.changed_failing or tried.still_matching > tried.changed_failing * 0.1:
            return None
        p = self._chance(draft.rule, matched, among)
        if p is None or self._is_doubtful(draft.rule, len(hits) / rows.bit_count()):
            return None
        evidence = {
            "failing": len(hits),
            "of_failing": len(self._sample.failing),
            "healthy": spared.bit_count(),
            "of_healthy": len(self._sample.healthy),
            "applications": len({example.application for example in concerned}),
            "rate": len(hits) / rows.bit_count(),
            "gain_bits": round(draft.rule.gain, 1),
            "p": p,
        }
        reach = tried.changed_failing / len(self._sample.failing)
        cost = next((name for name in POLICIES if refusal(draft.fix, name) is None), "all")
        price = meaning(draft.fix)
        made = Candidate(document, evidence, draft.evidence, reach, price, cost, draft.because)
        return made, rows

    def _is_doubtful(self, rule: Rule, rate: float) -> bool:
        """Tell whether a failure is by chance, and too little is known to say what makes it come.

        A trial of what only looks like a cause takes hundreds of calls, and the right one waits.
        """
        if rate >= CERTAIN or not self._sample.healthy:
            return False
        return not self._calls.later or rule.gain < _BITS_BY_CHANCE

    def _chance(self, rule: Rule, matched: Rows, among: Rows) -> float | None:
        if not self._sample.healthy:
            return 0.0  # nothing to compare with: only what errors say was let through
        explained = self._calls.learned & ~among
        calls = Split(self._calls.learned & ~explained, self._calls.later)
        return chance(matched, self._sample.failed, calls, rule.bits)


def _does(document: dict[str, Any]) -> object:
    """Return what tells patterns apart that do different things."""
    return document["pattern"], document["fix"]


def _confirmed(found: list[Candidate]) -> list[Candidate]:
    """Leave out the candidates whose conditions may be a play of chance."""
    chances = {json.dumps(one.document["pattern"]): one.condition_evidence["p"] for one in found}
    kept = dict(zip(chances, discoveries(list(chances.values()))))
    return [one for one in found if kept[json.dumps(one.document["pattern"])]]


def _name(fix: dict[str, Any], provider: str, condition: dict[str, Any]) -> str:
    """Name a pattern after what it changes, and its content, so that equal ones have one name."""
    content = json.dumps([provider, condition, fix], sort_keys=True)
    path = re.sub(r"[^a-z0-9]+", "-", next(iter(fix)).lower()).strip("-")[:40]
    return f"learned-{path}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
