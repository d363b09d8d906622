"""`arc patterns`: see and change what Arc Core has the Runtimes do."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Callable, Dict, List, Sequence

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient, CoreError, quoted
from arc_cli.layout import clean, clock, table
from arc_cli.patterns import documents, evidence, reach
from arc_cli.periods import point
from arc_cli.states import STATES

_MOVES = {
    "pause": ("paused", "take a pattern out of force for the time being"),
    "resume": ("active", "put a pattern in force again"),
    "retire": ("retired", "take a pattern out of force that is no longer needed"),
}


def main(argv: Sequence[str]) -> int:
    """Do one of the things that can be done with patterns."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.action is None:
        parser.print_help()
        return 2
    return run(f"arc patterns {options.verb}", lambda: options.action(client(options), options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="arc patterns", description=__doc__)
    parser.set_defaults(action=None)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    common = connection_options()

    def add(
        verb: str, action: Callable[[CoreClient, Any], int], meaning: str
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(verb, help=meaning, description=meaning, parents=[common])
        made.set_defaults(action=action)
        return made

    listing = add("list", _list, "list patterns; the last one goes first")
    listing.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    for verb, action, meaning in (
        ("show", _show, "show a pattern"),
        ("history", _history, "show every step in the life of a pattern"),
    ):
        add(verb, action, meaning).add_argument("name", metavar="NAME")
    _add_options(add("add", _add, "add a pattern, or a new revision of the one of that name"))
    importing = add("import", _import, "add the patterns of files, all or none")
    importing.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON; - reads stdin")
    exporting = add("export", _export, "write the patterns in force as YAML, or JSON with --json")
    exporting.add_argument("--output", metavar="FILE", help="write to a file")
    for verb, (state, meaning) in _MOVES.items():
        moving = add(verb, _move, meaning)
        moving.set_defaults(to=state)
        _named(moving)
    _named(add("approve", _approve, "let a pattern take the step that its trial proposes"))
    _named(add("roll-back", _roll_back, "put the revision that was in force before in force again"))
    return parser


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--reason", help="why, for those who read the history")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="YAML or JSON; - reads stdin")
    parser.add_argument("--name", help="name of the pattern; instead of a file")
    parser.add_argument("--pattern", metavar="JSON", help='such as {"temperature": {">": 0.9}}')
    parser.add_argument("--fix", metavar="JSON", help='such as {"temperature": 0.7}')
    parser.add_argument("--provider", help="whose calls it concerns, such as openai")
    parser.add_argument("--operation", help="which calls it concerns, such as chat")
    parser.add_argument("--rationale", help="why the fix helps, for people")
    parser.add_argument(
        "--state", choices=("candidate", "shadow", "active"), help="where it begins; active"
    )
    parser.add_argument("--reason", help="why it is added, for those who read the history")


def _list(core: CoreClient, options: argparse.Namespace) -> int:
    found = list(core.pages("/patterns", "patterns", state=options.state, limit=1000))
    if options.json:
        return _json(found)
    if not found:
        print("There are no patterns" + (f" that are {options.state}." if options.state else "."))
        return 0
    rows = [
        (each["name"], each["state"], each["revision"], each["author"], clock(each["updated_at"]))
        for each in found
    ]
    print(
        *table(("NAME", "STATE", "REVISION", "AUTHOR", "SINCE"), rows, whole=("STATE", "SINCE")),
        sep="\n",
    )
    return 0


def _show(core: CoreClient, options: argparse.Namespace) -> int:
    found = core.get(f"/patterns/{quoted(options.name)}")
    if options.json:
        return _json(found)
    print(f"{clean(found['name'])} is {found['state']} since {clock(found['updated_at'])}")
    print(f"revision {found['revision']} by {clean(found['author'])}")
    rationale = found["document"].get("rationale")
    if rationale:
        print(clean(rationale))
    for part in ("provider", "operation", "pattern", "fix"):
        if part in found["document"]:
            print(f"{part + ':':10} {json.dumps(found['document'][part])}")
    if found["proposed"]:
        step = found["proposed"]
        print(f"it may become {step['to']}: {clean(step['reason'])}")
        print(f"  arc patterns approve {clean(found['name'])}   let it")
    for line in evidence.learned(found["evidence"]):
        print(line)
    if found["author"] == "learner":
        for line in _reach(core, found["name"]):
            print(line)
    if found["allocation"]:
        print(f"`arc rollouts show {clean(found['name'])}` says how its trial stands")
    return 0


def _reach(core: CoreClient, name: str) -> Sequence[str]:
    """Return whose calls of the last day it concerns."""
    day = core.post("/replay", {"name": name}, since=point("1d"))
    calls = day["failing"] + day["healthy"]
    matched = day["matched_failing"] + day["matched_healthy"]
    if not calls:
        return ["", "No calls of the last day are recorded."]
    told = f"Of {calls:,} recorded calls of the last day it matches {matched:,}"
    return ["", f"{told} ({100 * matched / calls:.1f} %).", *reach.groups(day["groups"])]


def _history(core: CoreClient, options: argparse.Namespace) -> int:
    events = core.get(f"/patterns/{quoted(options.name)}")["history"]
    if options.json:
        return _json(events)
    rows = [
        (
            clock(event["at"]),
            event["revision"],
            event["to_state"],
            event["set_version"],
            event["author"],
            event["reason"],
        )
        for event in events
    ]
    titles = ("AT", "REVISION", "STATE", "SET", "AUTHOR", "REASON")
    first, *lines = table(titles, rows, whole=("AT", "STATE"))
    print(first)
    for event, line in zip(events, lines):
        print(line)
        for numbers in evidence.of_step(event["evidence"]):
            print(numbers)
    return 0


def _add(core: CoreClient, options: argparse.Namespace) -> int:
    parts = ("name", "pattern", "fix", "provider", "operation", "rationale")
    given = {part: getattr(options, part) for part in parts if getattr(options, part) is not None}
    if (options.file is None) == (not given):
        raise CoreError("Give either a file, or --name, --pattern and --fix.")
    document = documents.only_one(options.file) if options.file else _document(given)
    added = core.post(
        "/patterns", {"document": document, "state": options.state, "reason": options.reason}
    )
    return _said(options, added)


def _document(given: Dict[str, str]) -> Dict[str, Any]:
    document: Dict[str, Any] = dict(given)
    for part in ("pattern", "fix"):
        if part in given:
            document[part] = documents.parse_json(given[part], f"--{part}")
    return document


def _import(core: CoreClient, options: argparse.Namespace) -> int:
    found: List[Any] = []
    for file in options.files:
        found += documents.read(file)
    added = core.post("/patterns/import", {"documents": found})["patterns"]
    if options.json:
        return _json(added)
    for each in added:
        _said(options, each)
    return 0


def _export(core: CoreClient, options: argparse.Namespace) -> int:
    found = core.get("/patterns/export")["documents"]
    ascii_only = options.output is None and (sys.stdout.encoding or "").lower() != "utf-8"
    if options.json:
        text = documents.to_json(found)
    else:
        text = documents.to_yaml(found, ascii_only=ascii_only)
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise CoreError(f"{options.output} cannot be written: {problem.strerror}.") from problem
    print(f"{len(found)} patterns are in {options.output}.")
    return 0


def _move(core: CoreClient, options: argparse.Namespace) -> int:
    path = f"/patterns/{quoted(options.name)}/state"
    return _said(options, core.post(path, {"to": options.to, "reason": options.reason}))


def _approve(core: CoreClient, options: argparse.Namespace) -> int:
    path = f"/patterns/{quoted(options.name)}/approve"
    return _said(options, core.post(path, {"reason": options.reason}))


def _roll_back(core: CoreClient, options: argparse.Namespace) -> int:
    path = f"/patterns/{quoted(options.name)}/rollback"
    return _said(options, core.post(path, {"reason": options.reason}))


def _said(options: argparse.Namespace, record: Dict[str, Any]) -> int:
    if options.json:
        return _json(record)
    print(f'"{clean(record["name"])}" is {record["state"]}, revision {record["revision"]}.')
    return 0


def _json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return 0
