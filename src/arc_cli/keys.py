"""`arc keys`: API keys of Arc Core, each for one project, and the key with which it signs."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence

from arc_cli import signing_key
from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient, CoreError, quoted
from arc_cli.layout import clean, clock, table
from arc_cli.parser import Parser

if TYPE_CHECKING:
    from arc_core.registry.keys import Key
    from arc_core.registry.registry import Registry


def main(argv: Sequence[str]) -> int:
    """Make, list or revoke keys."""
    made = parser()
    options = made.parse_args(argv)
    if options.action is None:
        made.print_help()
        return 2
    if (options.data or options.registry) and not options.local:
        made.error("--data and --registry go with --local")
    return run(f"arc keys {options.verb}", lambda: options.action(options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc keys", description=__doc__)
    made.set_defaults(action=None)
    verbs = made.add_subparsers(dest="verb", metavar="VERB")
    common = connection_options()
    common.add_argument(
        "--local",
        action="store_true",
        help="work on this machine's registry, whether or not Core runs: the way to the first key",
    )
    common.add_argument("--data", metavar="DIR", help="as for `arc core`; with --local")
    common.add_argument("--registry", metavar="URL", help="as for `arc core`; with --local")
    creating = verbs.add_parser("create", help="make a key", parents=[common])
    creating.add_argument("name", metavar="NAME", help="what people shall call it")
    creating.add_argument("--project", help="what it sees and feeds")
    creating.set_defaults(action=_create)
    listing = verbs.add_parser("list", help="list keys", parents=[common])
    listing.set_defaults(action=_list)
    revoking = verbs.add_parser("revoke", help="end a key for good", parents=[common])
    revoking.add_argument("id", metavar="ID", help="as `arc keys list` shows it")
    revoking.set_defaults(action=_revoke)
    signing = verbs.add_parser("signing-key", help="make the key with which Core signs patterns")
    signing.add_argument("file", metavar="FILE", help="where to; must not exist")
    signing.set_defaults(action=_signing_key, data=None, registry=None, local=False)
    return made


def _signing_key(options: argparse.Namespace) -> int:
    path = Path(options.file)
    try:
        public = signing_key.make(path)
    except OSError as problem:
        raise CoreError(
            f"{path} cannot be written ({problem.strerror}); name a file that does not exist."
        ) from problem
    print(f"The private key is in {clean(path)}; keep it to yourself, and start Core with")
    print(f"\n    arc core --signing-key {shlex.quote(str(path))}\n")
    print("Runtimes that get this take no pattern without its signature:")
    print(f"\n    ARC_TRUSTED_KEY={public}\n")
    return 0


def _create(options: argparse.Namespace) -> int:
    with _keys(options) as keys:
        made = keys.create(options.name, options.project)
    if options.json:
        print(json.dumps(made, indent=2))
        return 0
    print(f'Key {made["id"]} "{clean(made["name"])}" of the project {made["project"]}:')
    print(f"\n    {made['secret']}\n")
    print("It is not shown again. Programs take it as ARC_API_KEY.")
    return 0


def _list(options: argparse.Namespace) -> int:
    with _keys(options) as keys:
        found = keys.list()
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    if not found:
        print("There are no keys.")
        return 0
    rows = [(key["id"], key["project"], key["name"], _use(key)) for key in found]
    print(*table(("ID", "PROJECT", "NAME", "USE"), rows, whole=("ID", "USE")), sep="\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with _keys(options) as keys:
        keys.revoke(options.id)
    if not options.json:
        print(f"Key {clean(options.id)} is revoked.")
    return 0


def _use(key: Dict[str, Any]) -> str:
    if key["revoked_at"]:
        return f"revoked {clock(key['revoked_at'])}"
    return f"last used {clock(key['last_used_at'])}" if key["last_used_at"] else "never used"


class _OfCore:
    """The keys of a Core, by its REST interface."""

    def __init__(self, core: CoreClient) -> None:
        self._core = core

    def create(self, name: str, project: Optional[str]) -> Dict[str, Any]:
        made: Dict[str, Any] = self._core.post("/keys", {"name": name, "project": project})
        return made

    def list(self) -> List[Dict[str, Any]]:
        found: List[Dict[str, Any]] = self._core.get("/keys")["keys"]
        return found

    def revoke(self, key_id: str) -> None:
        self._core.delete(f"/keys/{quoted(key_id)}")


class _OfRegistry:
    """The keys in the registry of this machine."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create(self, name: str, project: Optional[str]) -> Dict[str, Any]:
        key, secret = self._registry.create_key(project or "default", name)
        return {**_shown(key), "secret": secret}

    def list(self) -> List[Dict[str, Any]]:
        found = self._registry.keys()
        return [_shown(key) for key in found]

    def revoke(self, key_id: str) -> None:
        if not self._registry.revoke_key(key_id):
            raise CoreError(
                f"There is no valid key with the id {key_id}; `arc keys list` shows the ids."
            )


def _shown(key: Key) -> Dict[str, Any]:
    """Return a key as Core's REST interface does."""
    from arc_core.web.resources.keys import KEY

    return KEY.show(key)


@contextlib.contextmanager
def _keys(options: argparse.Namespace) -> Iterator[Any]:
    if not options.local:
        yield _OfCore(client(options))
        return
    try:
        from arc_core import config
        from arc_core.registry.registry import Registry
    except ImportError as problem:
        raise CoreError(
            f'--local needs Arc Core on this machine ({problem}): pip install "arc-runtime[core]".'
        ) from problem
    named = {"--data": options.data, "--registry": options.registry}
    given = [f"{option}={value}" for option, value in named.items() if value]
    settings = config.read(given, os.environ)
    if settings.registry is None:
        _make_folder(settings.data)
    registry = Registry.open(settings.registry_url)
    try:
        print(f"in {clean(registry.location)}", file=sys.stderr)
        yield _OfRegistry(registry)
    finally:
        registry.close()


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise CoreError(
            f"The folder {data} cannot be made ({problem.strerror}); name Core's with --data."
        ) from problem
