"""`arc core move`: takes what is in one store to another, as when a machine has been outgrown."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from arc_core import config
from arc_core.config import SettingError, Settings
from arc_core.storage import CallStore, StoreError, open_call_store

_SHOWN_EVERY = 100_000


def move(argv: Sequence[str], environ: Mapping[str, str], tell: Callable[[str], None]) -> None:
    """Copy, and check that all has arrived; what was copied stays where it is.

    Raises an `ArcError` with one sentence.
    """
    options, rest = _parser().parse_known_args(argv)
    settings = config.read(rest, environ)
    if not (options.to_store or options.to_registry):
        raise SettingError(
            "Say where to: --to-store clickhouse://... for the calls, "
            "--to-registry postgresql://... for patterns and keys, or both."
        )
    if settings.store is None and not (settings.data / "calls").is_dir():
        raise SettingError(
            f"There is no call store in {settings.data}; name its folder with --data."
        )
    # open for as long as anything is copied: no Core works on the folder meanwhile
    with closing(_open(settings, settings.store)) as store:
        if options.to_registry:
            _move_registry(settings, options.to_registry, tell)
        if options.to_store:
            with closing(_open(settings, options.to_store)) as target:
                _move_calls(store, target, repeated=options.again, tell=tell)
    given = {"--store": options.to_store, "--registry": options.to_registry}
    named = " ".join(f"{option} URL" for option, url in given.items() if url)
    tell(f"Done. Start Core with: arc core {named}")
    tell(f"What was copied is still in {settings.data}; delete it when all is well.")


def _open(settings: Settings, url: str | None) -> CallStore:
    return open_call_store(url, settings.data, memory_limit_mb=settings.memory_mb)


def _move_registry(settings: Settings, url: str, tell: Callable[[str], None]) -> None:
    from arc_core.registry.copying import copy

    counts = copy(settings.registry_url, url)
    tell(
        f"registry  {counts['arc_pattern']} patterns, {counts['arc_key']} keys, "
        f"{sum(counts.values())} rows in all: copied and counted"
    )


def _move_calls(
    store: CallStore, target: CallStore, *, repeated: bool, tell: Callable[[str], None]
) -> None:
    here, there = store.info(), target.info()
    if here.location == there.location:
        raise StoreError(f"The calls are in {there.location} already.")
    if there.calls and not repeated:
        raise StoreError(
            f"The store at {there.location} holds {there.calls} calls already; name an empty "
            "database, or add --again to repeat a move that was interrupted."
        )
    tell(f"calls     {here.calls:,} from {here.location} to {there.location}")
    shown = 0

    def progress(done: int, total: int) -> None:
        nonlocal shown
        if done - shown >= _SHOWN_EVERY:
            shown = done
            tell(f"calls     {done:,} of {total:,}")

    store.copy_to(target, progress)
    expected, arrived = store.counts(), target.counts()
    missing = {
        project: count - arrived.get(project, 0)
        for project, count in expected.items()
        if arrived.get(project, 0) < count
    }
    if missing:
        raise StoreError(
            f"Calls are missing at {there.location}: "
            + ", ".join(f"{count} of the project {project}" for project, count in missing.items())
            + "; run the command again with --again."
        )
    tell(f"calls     {sum(expected.values()):,} copied and counted, project by project")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="arc core move",
        description="Copies calls, or patterns and keys, to a server. Core must not run meanwhile. "
        "The options of `arc core` say where they are now.",
    )
    parser.add_argument(
        "--to-store", metavar="URL", help="clickhouse://user:password@host/database"
    )
    parser.add_argument("--to-registry", metavar="URL", help="postgresql://user:password@host/db")
    parser.add_argument(
        "--again", action="store_true", help="the target has calls of an interrupted move"
    )
    return parser
