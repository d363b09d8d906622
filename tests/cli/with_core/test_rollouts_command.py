"""`arc rollouts`: what a person sees of trials that run over real stores."""

from __future__ import annotations

import uuid

import pytest

from cli.with_core.conftest import Arc
from core.trials import LiveTrial
from core.web.served import Served


@pytest.fixture
def project(core: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of its own, which commands ask for."""
    name = f"p{uuid.uuid4().hex}"
    monkeypatch.setenv("ARC_API_KEY", core.key(name))
    return name


def trial(core: Served, project: str, *, manual: bool = False) -> LiveTrial:
    return LiveTrial(core.context.store, core.context.registry, project, manual=manual)


@pytest.mark.usefixtures("project")
def test_without_trials_it_says_so(arc: Arc) -> None:
    assert arc("rollouts").out == "No pattern is on trial or proven.\n"
    assert arc("rollouts", "--waiting").out == "No pattern waits for a yes.\n"


def test_a_canary_is_shown_with_both_arms_and_what_it_waits_for(
    core: Served, project: str, arc: Arc
) -> None:
    running = trial(core, project)
    running.learn()
    running.calls(5, lambda treated: not treated)
    titles, line, *sentence = arc("rollouts").lines
    assert titles.split() == (
        ["NAME", "STATE", "SHARE", "WITHOUT", "FIX", "WITH", "FIX", "TIMES", "AS", "OFTEN"]
    )
    assert line.split()[:4] == ["cooler", "canary", "50", "%"]
    assert " ".join(sentence).split()[:3] == ["Needs", "about", sentence[0].split()[2]]
    assert "until the fix is proven" in " ".join(sentence)
    shown = arc("rollouts", "show", "cooler").lines
    assert shown[0].startswith("cooler is canary since ")
    (without,) = (each.split() for each in shown if each.startswith("without the fix"))
    (with_fix,) = (each.split() for each in shown if each.startswith("with the fix"))
    assert int(without[3]) + int(with_fix[3]) == 5
    assert without[3] == without[4]
    assert with_fix[4:6] == ["0", "(0.0"]
    guards = {each[:24].strip(): each.split() for each in shown if " quiet " in each}
    assert set(guards) == {
        *("this failure", "any failure", "failures and slow calls"),
        *("failures and many tokens", "failures and costly call", "bad feedback"),
    }
    assert "  arc patterns pause cooler       stop it now, everywhere" in shown


def test_a_proven_fix_is_shown_with_its_effect(core: Served, project: str, arc: Arc) -> None:
    """Its history keeps the interval: few failures suffice for proof, not for a narrow one."""
    running = trial(core, project)
    running.learn()
    for _ in range(6):
        running.calls(10, lambda treated: not treated)
    found = arc("rollouts", "show", "cooler", "--json").json
    assert found["state"] == "active"
    assert "rests once" in found["waits_for"]
    history = arc("patterns", "history", "cooler", "--json").json
    risk = history[-1]["evidence"]["relative_risk"]
    assert risk["low"] < risk["likeliest"] < 0.01 < risk["high"] < 5
    assert history[-1]["evidence"]["treated"]["failed"] == 0


def test_how_a_trial_ended_can_still_be_asked(core: Served, project: str, arc: Arc) -> None:
    """With its numbers and the reason; the list has those that go on."""
    running = trial(core, project)
    running.learn()
    for _ in range(12):
        if arc("rollouts", "--json").json:
            running.calls(10, lambda treated: True)
    assert arc("rollouts").out == "No pattern is on trial or proven.\n"
    shown = arc("rollouts", "show", "cooler").out
    assert "cooler is inconclusive since" in shown
    assert "treated calls fail as the others do" in shown
    assert "without the fix" in shown
    assert "inconclusive" in arc("rollouts", "--state", "inconclusive").out


def test_a_person_approves_each_step_and_sees_what_waits(
    core: Served, project: str, arc: Arc
) -> None:
    """Before the canary and before it is in force; nothing happens until then."""
    running = trial(core, project, manual=True)
    running.learn()
    assert "Waits for a person's yes before it becomes canary" in arc("rollouts", "--waiting").out
    shown = arc("rollouts", "show", "cooler").lines
    (proposed,) = (line for line in shown if line.startswith("It may become "))
    assert proposed.startswith("It may become canary, for 50 % of the calls: every matching call")
    assert "  arc patterns approve cooler     let it" in shown
    running.calls(10, lambda treated: True)
    assert arc("rollouts", "--json").json[0]["state"] == "shadow"
    assert arc("patterns", "approve", "cooler").code == 0
    running.controller.run(project)
    assert arc("rollouts", "--waiting").out == "No pattern waits for a yes.\n"
    for _ in range(6):
        running.calls(10, lambda treated: not treated)
    (waiting,) = arc("rollouts", "--waiting", "--json").json
    assert (waiting["state"], waiting["proposed"]["to"]) == ("canary", "active")
    assert waiting["treated"]["failed"] == 0
    assert arc("patterns", "approve", "cooler", "--reason", "looks right").code == 0
    running.controller.run(project)
    assert arc("rollouts", "--json").json[0]["state"] == "active"
    history = arc("patterns", "history", "cooler").lines
    assert [line.split()[2] for line in history if line[:1].isdigit()] == (
        ["candidate", "shadow", "canary", "active"]
    )
    told = " ".join(" ".join(history).split())
    assert "50 % with the fix; without it" in told
    assert "with the fix 0 of" in told
    assert "needed 33" in told


def test_what_was_never_on_trial_has_no_rollout(core: Served, project: str, arc: Arc) -> None:
    core.context.registry.add_pattern(
        project, {"name": "mine", "pattern": {"a": 1}, "fix": {"a": 2}}, author="ada"
    )
    done = arc("rollouts", "show", "mine")
    assert (done.code, done.out) == (1, "")
    assert done.err == 'arc rollouts: Pattern "mine" is active without ever having a trial.\n'
    assert 'no pattern "nobody"' in arc("rollouts", "show", "nobody").err
