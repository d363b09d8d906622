"""`arc patterns`: see and change what Arc Core has the Runtimes do."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Callable, Dict, List, Mapping, Sequence

from arc_cli.command import client, connection_options, pattern_names, run
from arc_cli.core_client import CoreClient, CoreError, quoted
from arc_cli.layout import clean, clock, table
from arc_cli.parser import Parser, completed_by
from arc_cli.patterns import documents, evidence, in_force, reach, stop
from arc_cli.periods import point
from arc_cli.states import STATES
from arc_protocol.patterns.built_in import BUILT_IN

_ALIASES = {"roll-back": ("rollback",)}


def main(argv: Sequence[str]) -> int:
    """Do one of the things that can be done with patterns."""
    made = parser()
    options = made.parse_args(argv)
    if options.action is None:
        made.print_help()
        return 2
    return run(f"arc patterns {options.verb}", lambda: options.action(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    root = Parser(prog="arc patterns", description=__doc__)
    root.set_defaults(action=None)
    verbs = root.add_subparsers(dest="verb", metavar="VERB")
    common = connection_options()

    def add(
        verb: str,
        action: Callable[[CoreClient, Any], int],
        meaning: str,
        aliases: Sequence[str] = (),
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(
            verb, help=meaning, description=meaning, parents=[common], aliases=aliases
        )
        made.set_defaults(action=action, complain=made.error)
        return made

    listing = add("list", _list, "list patterns; the last one goes first")
    listing.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    for verb, action, meaning in (
        ("show", _show, "show a pattern"),
        ("history", _history, "show every step in the life of a pattern"),
    ):
        _named(add(verb, action, meaning))
    _add_options(add("add", _add, "add a pattern, or a new revision of the one of that name"))
    importing = add("import", _import, "add the patterns of files, all or none")
    importing.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON; - reads stdin")
    _waiting(importing)
    exporting = add("export", _export, "write the patterns in force as YAML, or JSON with --json")
    exporting.add_argument("--output", metavar="FILE", help="write to a file")
    pausing = add("pause", _pause, "take a pattern out of force for the time being")
    resuming = add("resume", _resume, "put a paused pattern where it was, a retired one in force")
    for each in (pausing, resuming):
        _named(each, nargs="?")
        each.add_argument("--yes", action="store_true", help="with --all: do not ask")
        _reasoned(each)
    pausing.add_argument(
        "--all",
        action="store_true",
        help="stop everything: trials, what is built into Runtimes and learning too",
    )
    resuming.add_argument("--all", action="store_true", help="put all of that where it was")
    for verb, action, meaning in (
        ("retire", _retire, "take a pattern out of force that is no longer needed"),
        ("approve", _approve, "let a pattern take the step that its trial proposes"),
        ("roll-back", _roll_back, "put the revision that was in force before in force again"),
    ):
        moving = add(verb, action, meaning, aliases=_ALIASES.get(verb, ()))
        _named(moving)
        _reasoned(moving)
    return root


def _named(parser: argparse.ArgumentParser, **more: Any) -> None:
    completed_by(parser.add_argument("name", metavar="NAME", **more), pattern_names)


def _reasoned(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", help="why, for those who read the history")
    _waiting(parser)


def _waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-wait",
        action="store_false",
        dest="wait",
        help="do not wait, up to 2 s, until the Runtimes have it",
    )


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
    _waiting(parser)


def _list(core: CoreClient, options: argparse.Namespace) -> int:
    found = list(core.pages("/patterns", "patterns", state=options.state, limit=1000))
    if options.json:
        return _json(found)
    if not found:
        print("There are no patterns" + (f" that are {options.state}." if options.state else "."))
        return _list_built_in(found, options)
    rows = [
        (each["name"], each["state"], each["revision"], each["author"], clock(each["updated_at"]))
        for each in found
    ]
    print(
        *table(("NAME", "STATE", "REVISION", "AUTHOR", "SINCE"), rows, whole=("STATE", "SINCE")),
        sep="\n",
    )
    return _list_built_in(found, options)


def _list_built_in(found: Sequence[Dict[str, Any]], options: argparse.Namespace) -> int:
    names = [name for name in BUILT_IN if name not in {each["name"] for each in found}]
    if names and options.state in (None, "active"):
        print(f"Built into Arc Runtime: {', '.join(names)}")
    return 0


def _show(core: CoreClient, options: argparse.Namespace) -> int:
    try:
        found = core.get(f"/patterns/{quoted(options.name)}")
    except CoreError as problem:
        if problem.status != 404 or options.name not in BUILT_IN or options.json:
            raise
        return _show_built_in(options.name)
    if options.json:
        return _json(found)
    print(f"{clean(found['name'])} is {found['state']} since {clock(found['updated_at'])}")
    print(f"revision {found['revision']} by {clean(found['author'])}")
    _show_document(found["document"])
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


def _show_built_in(name: str) -> int:
    print(f"{name} is built into Arc Runtime; Core has nothing in its place")
    _show_document(BUILT_IN[name])
    print(f"  arc patterns pause {name}   stop it in all Runtimes")
    return 0


def _show_document(document: Mapping[str, Any]) -> None:
    if document.get("rationale"):
        print(clean(document["rationale"]))
    for part in ("provider", "operation", "server", "pattern", "fix"):
        if part in document:
            print(f"{part + ':':10} {json.dumps(document[part])}")


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
    return _said(core, options, added)


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
    return _said(core, options, *added)


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


def _pause(core: CoreClient, options: argparse.Namespace) -> int:
    if _all(options):
        return stop.pause(core, options)
    return _step(core, options, "state", to="paused")


def _resume(core: CoreClient, options: argparse.Namespace) -> int:
    if _all(options):
        return stop.resume(core, options)
    return _step(core, options, "resume")


def _all(options: argparse.Namespace) -> bool:
    if options.all == (options.name is not None):
        options.complain("give either NAME or --all")
    return bool(options.all)


def _retire(core: CoreClient, options: argparse.Namespace) -> int:
    return _step(core, options, "state", to="retired")


def _approve(core: CoreClient, options: argparse.Namespace) -> int:
    return _step(core, options, "approve")


def _roll_back(core: CoreClient, options: argparse.Namespace) -> int:
    return _step(core, options, "rollback")


def _step(core: CoreClient, options: argparse.Namespace, way: str, **body: str) -> int:
    path = f"/patterns/{quoted(options.name)}/{way}"
    return _said(core, options, core.post(path, {**body, "reason": options.reason}))


def _said(core: CoreClient, options: argparse.Namespace, *records: Dict[str, Any]) -> int:
    if options.json:
        return _json(records[0])
    for each in records:
        print(f'"{clean(each["name"])}" is {each["state"]}, revision {each["revision"]}.')
    published = [each for each in records if each["state"] != "candidate"]
    if options.wait and published:
        sys.stdout.flush()
        print(*in_force.wait(core, published), sep="\n")
    return 0


def _json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return 0
