"""Processes that the demo starts, and what they print while they run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, TypeVar

from arc_cli.demo import interrupts

_Found = TypeVar("_Found")

WAIT_S = 30.0
"""Longer than anything takes on a busy machine; what takes longer has failed."""
_END_WITHIN_S = 15.0


class DemoError(Exception):
    """Something did not happen without which the demo cannot go on; the message says what."""


def environment(folder: Path, **more: str) -> Dict[str, str]:
    """Return this process's environment without what would make the demo another one.

    Of Arc's settings only `more` is left, and what outlives a process goes to `folder`.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARC_", "OTEL_", "OPENAI_"))}
    no_proxy = "127.0.0.1,localhost"
    return {
        **kept,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
        "ARC_CACHE_DIR": str(folder / "cache"),
        **more,
    }


class Finished(NamedTuple):
    """A process that has ended."""

    code: int
    out: str
    err: str


def run(*command: str, folder: Path, env: Dict[str, str]) -> Finished:
    """Run a Python module to its end; it is killed if the demo ends before."""
    with ExitStack() as ends:
        with interrupts.held():
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=str(folder),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,
            )
            ends.enter_context(process)  # closes its pipes, and waits
            ends.callback(process.kill)  # before that
        out, err = process.communicate()
    return Finished(process.returncode, out, err)


class Place(NamedTuple):
    """Where the demo is at home."""

    folder: Path
    """Temporary: data, logs, and what Runtimes keep on disk."""
    ends: ExitStack
    """What is to be done at the end, however it comes."""


class Child:
    """A Python module as a process of its own, of which the place holds what outlives it."""

    def __init__(self, name: str, *command: str, place: Place, **env: str) -> None:
        self.name = name
        self.lines: List[str] = []
        """What it has printed."""
        self._changed = threading.Condition()
        self._ended = False
        self._log = place.folder / f"{name}.log"
        with self._log.open("ab") as log, interrupts.held():
            # in a session of its own it does not get the terminal's Ctrl-C
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=str(place.folder),
                env=environment(place.folder, **env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                start_new_session=True,
            )
            self._reader = threading.Thread(target=self._read, name=name, daemon=True)
            self._reader.start()
            place.ends.callback(self.kill)

    def taken(self, line: str) -> None:
        """Take one line of its output; called with the lock held."""
        self.lines.append(line)

    def wait_for(self, what: str, look: Callable[[], Optional[_Found]]) -> _Found:
        """Return what `look` finds, which is called again after each line of output.

        Raises `DemoError` when the process ends before, or after `WAIT_S`.
        """
        with self._changed:
            found: List[_Found] = []

            def seen() -> bool:
                value = look()
                if value is not None and value is not False:
                    found.append(value)
                return bool(found) or self._ended

            self._changed.wait_for(seen, WAIT_S)
            if found:
                return found[0]
        why = "it ended" if self._ended else f"not within {WAIT_S:g} s"
        raise DemoError(f"{self.name}: {what} did not happen ({why}).{self._last_words()}")

    def finish(self) -> None:
        """Close its standard input, upon which it ends; raises `DemoError` if it does not."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            code = self.process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise DemoError(f"{self.name} did not end.{self._last_words()}") from None
        if code:
            raise DemoError(f"{self.name} ended with code {code}.{self._last_words()}")
        self._reader.join()

    def kill(self) -> None:
        """End it with SIGKILL, which leaves it no time for anything."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.taken(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _last_words(self) -> str:
        log = self._log.read_text("utf-8", "replace").splitlines()
        return "".join(f"\n  {line}" for line in log[-8:])
