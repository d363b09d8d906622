"""`arc patterns`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arc_core.registry.lifecycle import State
from arc_core.registry.runtimes import Verdict
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import to_json
from cli.test_parser import offered
from cli.with_core.conftest import Arc
from core.web.served import Served

NOBODY = "No Runtime is connected now; each gets it when it comes.\n"
BUILT_IN = "gpt-4.1-high-temperature"
YAML = """\
name: hot
rationale: 2026-11-24 it was found
pattern:
  temperature: {">": 0.9}
  since: 2026-11-24
fix:
  temperature: 0.7
"""


def document(name: str, to: float = 0.7) -> dict[str, Any]:
    return {"name": name, "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": to}}


def add(arc: Arc, name: str, to: float = 0.7) -> None:
    added = arc("patterns", "add", "-", stdin=json.dumps(document(name, to)))
    assert added.code == 0, added.err


def test_a_pattern_is_added_from_options(core: Served, arc: Arc) -> None:
    done = arc(
        *("patterns", "add", "--name", "hot", "--provider", "openai", "--reason", "found it"),
        *("--pattern", '{"temperature": {">": 0.9}}', "--fix", '{"temperature": 0.7}'),
    )
    assert (done.code, done.out) == (0, f'"hot" is active, revision 1.\n{NOBODY}')
    shown = core.ask("/api/v1/patterns/hot").json
    assert shown["document"] == {**document("hot"), "provider": "openai"}
    assert shown["history"][0]["reason"] == "found it"


def test_a_pattern_is_added_from_yaml_whose_dates_stay_text(
    core: Served, arc: Arc, tmp_path: Path
) -> None:
    file = tmp_path / "hot.yaml"
    file.write_text(YAML)
    assert arc("patterns", "add", str(file), "--state", "candidate").code == 0
    shown = core.ask("/api/v1/patterns/hot").json
    assert shown["state"] == "candidate"
    assert shown["document"]["pattern"]["since"] == "2026-11-24"


def test_a_pattern_is_added_from_json_on_stdin(core: Served, arc: Arc) -> None:
    add(arc, "hot")
    assert core.ask("/api/v1/patterns/hot").json["document"] == document("hot")


def test_patterns_are_listed(core: Served, arc: Arc) -> None:
    assert arc("patterns", "list").lines == [
        "There are no patterns.",
        f"Built into Arc Runtime: {BUILT_IN}",
    ]
    add(arc, "hot")
    add(arc, "a name that is much too long for a terminal of eighty columns, really")
    arc("patterns", "pause", "hot")
    title, *lines, built_in = arc("patterns", "list").lines
    assert built_in.endswith(BUILT_IN)
    assert title.split() == ["NAME", "STATE", "REVISION", "AUTHOR", "SINCE"]
    assert lines[0].split()[:4] == ["hot", "paused", "1", "local"]
    assert lines[1].startswith("a name that is much too long")
    assert ".." in lines[1]
    (paused,) = arc("patterns", "list", "--state", "paused", "--json").json
    assert paused["name"] == "hot"


def test_names_of_patterns_are_offered_to_a_shell(core: Served, tmp_path: Path) -> None:
    core.ask("/api/v1/patterns", {"document": document("hotter")})
    assert offered("arc patterns pause hot", tmp_path) == {"hotter"}
    assert offered("arc rollouts show gpt", tmp_path) == {BUILT_IN}
    assert offered("arc patterns show x --url http://127.0.0.1:1 h", tmp_path) == set()


def test_a_life_is_lived_and_told(core: Served, arc: Arc) -> None:
    add(arc, "hot", 0.7)
    add(arc, "hot", 0.2)
    assert arc("patterns", "pause", "hot", "--reason", "look").out.startswith('"hot" is paused')
    assert arc("patterns", "resume", "hot").out.startswith('"hot" is active')
    back = arc("patterns", "roll-back", "hot", "--reason", "too cold")
    assert back.out == f'"hot" is active, revision 3.\n{NOBODY}'
    assert arc("patterns", "retire", "hot").out.startswith('"hot" is retired')
    states = [line.split()[2] for line in arc("patterns", "history", "hot").lines]
    assert states[:4] == ["STATE", "active", "active", "paused"]
    assert states[-1] == "retired"
    steps = arc("patterns", "history", "hot", "--json").json
    assert [step["reason"] for step in steps if step["reason"]][:1] == ["look"]


@pytest.mark.parametrize("verb", ["roll-back", "rollback"])
def test_either_spelling_rolls_back(core: Served, arc: Arc, verb: str) -> None:
    add(arc, "hot", 0.7)
    add(arc, "hot", 0.2)
    assert arc("patterns", verb, "hot").out.startswith('"hot" is active, revision 3.')


def answers(core: Served, runtime: str, refuses: str = "") -> Callable[[], None]:
    """Have a Runtime take each new set of patterns; return what ends that."""
    registry = core.context.registry

    def take(project: str, version: int) -> None:
        held = registry.pattern_set(project)
        refused = {
            entry.name: Verdict(entry.revision, entry.digest, "refused", "The policy says no.")
            for entry in held.entries
            if entry.name == refuses
        }
        core.runtime(runtime, set_version=version, set_digest=held.digest, verdicts=refused)

    core.runtime(runtime)
    return registry.subscribe(take)


def test_a_change_is_told_when_all_runtimes_have_it(core: Served, arc: Arc) -> None:
    ends = [answers(core, runtime) for runtime in ("one", "two")]
    core.runtime("gone", connected=False)
    done = arc("patterns", "add", "-", stdin=json.dumps(document("hot")))
    assert re.fullmatch(r"In force on 2 of 2 Runtimes \([01]\.\d s\)\.", done.lines[1])
    done = arc("patterns", "pause", "hot")
    assert re.fullmatch(r"Out of force on 2 of 2 Runtimes \([01]\.\d s\)\.", done.lines[1])
    for end in ends:
        end()


def test_runtimes_that_lack_a_change_are_named_with_the_reason(core: Served, arc: Arc) -> None:
    """One does not answer within the time, and one refuses."""
    end = answers(core, "one", refuses="hot")
    core.runtime("slow", service="search", pid=4711)
    done = arc("patterns", "add", "-", stdin=json.dumps(document("hot")))
    end()
    assert done.code == 0
    assert done.lines[1].startswith("In force on 0 of 2 Runtimes (2.")
    assert "  checkout on laptop, process 7, refuses it: The policy says no." in done.lines
    assert "  search on laptop, process 4711, does not have it yet, last seen 2 s ago" in done.lines


def test_who_does_not_wait_is_told_of_the_change_alone(core: Served, arc: Arc) -> None:
    core.runtime("slow")
    done = arc("patterns", "add", "-", "--no-wait", stdin=json.dumps(document("hot")))
    assert done.out == '"hot" is active, revision 1.\n'
    assert arc("patterns", "pause", "hot", "--json").json["state"] == "paused"


def test_a_resumed_trial_goes_on_where_it_was(core: Served, arc: Arc) -> None:
    core.context.registry.add_pattern(
        *("default", document("hot")), author="learner", state=State.SHADOW
    )
    arc("patterns", "pause", "hot")
    assert arc("patterns", "resume", "hot").out.startswith('"hot" is shadow, revision 1.')


def test_a_built_in_pattern_is_shown_and_paused(core: Served, arc: Arc) -> None:
    shown = arc("patterns", "show", BUILT_IN)
    assert shown.code == 0
    assert "is built into Arc Runtime; Core has nothing in its place" in shown.out
    assert 'fix:       {"temperature": 0.7}' in shown.out
    assert f"  arc patterns pause {BUILT_IN}   stop it in all Runtimes" in shown.out
    assert "built into Arc Runtime" in arc("patterns", "retire", BUILT_IN).err
    assert arc("patterns", "pause", BUILT_IN).out.startswith(f'"{BUILT_IN}" is paused')
    assert f"{BUILT_IN} is paused since" in arc("patterns", "show", BUILT_IN).out
    assert "Built into" not in arc("patterns", "list").out


def test_everything_is_stopped_and_put_where_it_was(core: Served, arc: Arc) -> None:
    add(arc, "hot")
    core.context.registry.add_pattern(
        *("default", document("tried")), author="learner", state=State.SHADOW
    )
    refused = arc("patterns", "pause", "--all")
    assert refused.code == 1
    assert "This stops 2 patterns of Core, 1 of them on trial" in refused.err
    assert "say --yes" in refused.err
    assert arc("patterns", "list", "--state", "active", "--json").json
    paused = arc("patterns", "pause", "--all", "--yes", "--reason", "alarm")
    assert paused.lines == [
        "3 patterns are paused: Arc changes no call by them, and learns nothing.",
        NOBODY.strip(),
        "`arc patterns resume --all` puts all of it where it was.",
    ]
    assert core.ask("/api/v1/info").json["stopped"]["reason"] == "alarm"
    steps = arc("patterns", "history", "tried", "--json").json
    assert (steps[-1]["to_state"], steps[-1]["reason"]) == ("paused", "alarm")
    assert "This ends the stop of" in arc("patterns", "resume", "--all").err
    resumed = arc("patterns", "resume", "--all", "--yes")
    assert resumed.lines[0] == "3 patterns are as before: 1 shadow, 2 active."
    again = arc("patterns", "resume", "--all", "--yes")
    assert (again.code, "not stopped" in again.err) == (1, True)


def test_a_pattern_is_shown(core: Served, arc: Arc) -> None:
    add(arc, "hot")
    shown = arc("patterns", "show", "hot").out
    assert shown.startswith("hot is active since ")
    assert 'fix:       {"temperature": 0.7}' in shown
    assert arc("patterns", "show", "hot", "--json").json["revision"] == 1


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_exported_can_be_imported(
    core: Served, arc: Arc, tmp_path: Path, form: str
) -> None:
    odd = {"name": "é 漢", "pattern": {"stop": "no", "user": "2026-11-24"}}
    odd["fix"] = {"stop": "\ud800\x00 \U0001f600", "seed": 1.0}
    for each in (document("b"), odd, document("a")):
        assert core.ask("/api/v1/patterns", {"document": each}).status == 200
    file = tmp_path / f"patterns.{form}"
    json_option = ("--json",) if form == "json" else ()
    assert arc("patterns", "export", "--output", str(file), *json_option).code == 0
    before = core.ask("/api/v1/patterns/export").json
    # another project takes them
    secret = core.key("other")
    assert arc("patterns", "import", str(file), "--key", secret).code == 0
    assert core.ask("/api/v1/patterns/export", key=secret).json == before
    assert ("é 漢" in file.read_text(encoding="utf-8")) == (form == "yaml")
    if form == "yaml":
        assert file.read_text(encoding="utf-8").startswith("- name: b\n  pattern:\n")
    printed = arc("patterns", "export", *json_option).out
    assert printed == file.read_text(encoding="utf-8")


def test_an_import_takes_several_files_with_several_patterns(
    core: Served, arc: Arc, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(f"{YAML}---\n{YAML.replace('hot', 'warm')}")
    (tmp_path / "b.json").write_text(json.dumps([document("b"), document("c")]))
    (tmp_path / "rest.json").write_text(json.dumps({"documents": [document("d")]}))
    files = [str(tmp_path / name) for name in ("a.yaml", "b.json", "rest.json")]
    done = arc("patterns", "import", *files)
    *added, waited = done.out.splitlines()
    assert [line.split()[0] for line in added] == ['"hot"', '"warm"', '"b"', '"c"', '"d"']
    assert waited == NOBODY.strip()


def test_a_proposed_step_is_shown_and_approved(core: Served, arc: Arc) -> None:
    registry = core.context.registry
    document = {"name": "x", "pattern": {"a": 1}, "fix": {"a": None}}
    registry.add_pattern("default", document, author="learner", state=State.SHADOW)
    progress = Progress.of_evidence({})
    progress.enter(State.SHADOW, 0.0, 0)
    progress.proposed = {"to": "canary", "share": 0.5, "reason": "all failed"}
    registry.keep_progress("default", "x", 1, to_json(progress))
    assert "it may become canary: all failed" in arc("patterns", "show", "x").out
    assert arc("patterns", "approve", "x").out.startswith('"x" is canary, revision 1.\n')


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("pattern: [", "neither JSON nor YAML"),
        ("", "holds no patterns"),
        ("[]", "holds no patterns"),
        ("5", "pattern 1 is no mapping"),
        ("- 1\n- 2\n", "pattern 1 is no mapping"),
        (f"{YAML}---\n{YAML}", "holds 2 patterns; add them with `arc patterns import`"),
        (YAML.replace("  since", "  temperature"), "line 4 has a name twice"),
        (YAML.replace("0.7", ".nan"), "YAML that JSON could hold"),
        (YAML.replace("0.7", "!!set {a, b}"), "YAML that JSON could hold"),
        (YAML.replace("0.7", "!!python/object:os.system {}"), "neither JSON nor YAML"),
        ('{"name": "a", "name": "b"}', "neither JSON nor YAML"),
        ("name: x\npattern: {}\n", 'The pattern lacks the field "fix"'),
        ("name: x\npattern: {temperature: {'~': 1}}\nfix: {a: 1}\n", "~"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    core: Served, arc: Arc, tmp_path: Path, content: str, part: str
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(content)
    done = arc("patterns", "add", str(file))
    assert done.code == 1
    assert part in done.err
    assert done.err.startswith("arc patterns add: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("add", "/no/such/file"), "/no/such/file cannot be read: No such file or directory."),
        (("add", "--name", "x", "--pattern", "{"), "--pattern is no JSON"),
        (("add",), "Give either a file, or --name, --pattern and --fix."),
        (("add", "-", "--name", "x"), "Give either a file"),
        (("show", "nobody"), 'no pattern "nobody"'),
        (("pause", "gpt-4.1-high-temprature"), f'did you mean "{BUILT_IN}"?'),
        (("roll-back", "nobody"), 'no pattern "nobody"'),
        (("approve", "nobody"), 'no pattern "nobody"'),
        (("export", "--output", "/no/such/folder/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(
    core: Served, arc: Arc, arguments: tuple[str, ...], part: str
) -> None:
    done = arc("patterns", *arguments)
    assert done.code == 1
    assert part in done.err


@pytest.mark.parametrize(
    "arguments", [(), ("add", "--nope"), ("frobnicate",), ("pause",), ("pause", "a", "--all")]
)
def test_a_wrong_use_ends_with_2(arc: Arc, arguments: tuple[str, ...]) -> None:
    assert arc("patterns", *arguments).code == 2
