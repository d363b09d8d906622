"""The parser of all commands: says what was probably meant, and what can come next in a shell."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Callable, Iterator, List, NoReturn

_CHOICE = re.compile(r"invalid choice: '([^']*)'")
_OPTION = re.compile(r"unrecognized arguments: (--?[^\s=]+)")

Completer = Callable[..., List[str]]
"""Takes the beginning of a word and the options so far; returns what the word may become."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints name the command or option that looks like what was typed."""

    def error(self, message: str) -> NoReturn:
        """End with code 2 and a sentence."""
        found = _CHOICE.search(message) or _OPTION.search(message)
        if found is not None:
            near = difflib.get_close_matches(found.group(1), [*_words(self)], n=1)
            if near:
                message = f"{message}. Did you mean {near[0]}?"
        super().error(message)


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        for choice in action.choices or ():
            yield str(choice)
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _words(below)


def completed_by(action: argparse.Action, completer: Completer) -> argparse.Action:
    """Have a shell offer what `completer` returns for an argument."""
    action.completer = completer  # type: ignore[attr-defined]
    return action
