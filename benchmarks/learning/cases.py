"""The catalogued failures as they are played: on invented models, in two fixed halves."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from arc_protocol.patterns.fixes import Fix, compile_fix
from arc_protocol.patterns.limits import plain_json
from arc_protocol.patterns.policy import POLICIES, refusal
from arc_simulator import catalogue

DEVELOPED, UNSEEN = "developed", "unseen"
HALVES = (DEVELOPED, UNSEEN)
"""Whoever improves the learner looks at the cases of the first half alone."""

OPERATIONS = {
    "openai.chat.completions": "chat",
    "openai.responses": "responses",
    "openai.embeddings": "embeddings",
}
"""Operations of patterns by SDK call."""


@dataclass(frozen=True)
class Case:
    """One catalogued failure that the request alone foretells."""

    id: str
    endpoint: str
    """The SDK call."""
    trigger: Mapping[str, Any]
    """A request that fails, for a real model."""
    match: Mapping[str, Any]
    outcome: Mapping[str, Any]
    fix: Fix | None
    """What the catalogue says cures it; None if the pattern language has no words for it."""
    policy: str | None
    """The least policy that allows that fix."""

    @property
    def half(self) -> str:
        """Which half it belongs to: by its name, so that it never changes."""
        return half(self.id)

    @property
    def is_hard(self) -> bool:
        """Whether the call raises; otherwise the reply is of no use."""
        return self.outcome["kind"] == "error"

    @property
    def is_for_models(self) -> bool:
        """Whether it concerns certain models only."""
        return _bound(self.match, "")[1]

    def rules(self, models: list[str]) -> list[dict[str, Any]]:
        """Return the provider's rules, one for each model if it matters which one is asked."""
        rule = {"id": self.id, "endpoint": self.endpoint, "outcome": self.outcome}
        if not self.is_for_models:
            return [{**rule, "match": self.match}]
        return [
            {
                **rule,
                "id": f"{self.id}/{model}",
                "match": _bound(self.match, model)[0],
                "outcome": self._told_of(model),
            }
            for model in models
        ]

    def _told_of(self, model: str) -> Any:
        """Return the outcome, with the model's name where the real one stood."""
        text = json.dumps(self.outcome)
        return json.loads(text.replace(str(self.trigger["model"]), model))


def half(case_id: str) -> str:
    """Return the half of a case; the tests of cures divide the catalogue in the same way."""
    return DEVELOPED if hashlib.sha256(case_id.encode()).hexdigest()[0] < "8" else UNSEEN


@lru_cache(maxsize=1)
def playable() -> Mapping[str, Case]:
    """Return the cases that can be played by their ids: those of the body of the request."""
    text = (files("arc_protocol") / "vectors" / "catalogue.json").read_text("utf-8")
    documented = {each["id"]: each["fix"] for each in json.loads(text)}
    found = {}
    for case in catalogue.cases().values():
        if not case.is_foretold or "client" in case.request or "client." in str(case.rule["match"]):
            continue
        fix = documented.get(case.id)
        policy = None
        if fix is not None:
            policy = next(name for name in POLICIES if refusal(fix, name) is None)
        found[case.id] = Case(
            id=case.id,
            endpoint=case.rule["endpoint"],
            trigger=case.request,
            match=case.rule["match"],
            outcome=case.rule["outcome"],
            fix=None if fix is None else compile_fix(plain_json(fix, "fix"), "fix"),
            policy=policy,
        )
    return found


def bound_to(case: Case, model: str) -> Mapping[str, Any]:
    """Return the condition of a case, for one model only."""
    match, found = _bound(case.match, model)
    if found:
        return match
    return {"all": [{"path": "model", "op": "eq", "value": model}, match]}


def _bound(match: Mapping[str, Any], model: str) -> tuple[dict[str, Any], bool]:
    """Put a model in place of the real ones; tell whether any were asked for."""
    if match.get("path") == "model":
        return {"path": "model", "op": "eq", "value": model}, True
    made, found = copy.deepcopy(dict(match)), False
    for word in ("all", "any"):
        if word in made:
            parts = [_bound(part, model) for part in made[word]]
            made[word] = [part for part, _ in parts]
            found = found or any(one for _, one in parts)
    return made, found
