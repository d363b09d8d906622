"""A bar on the terminal for what takes its time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Give what shows how much is done, of how much; the bar goes away at the end.

    It is on stderr, and only where that is a terminal and `arc-runtime[core]` is installed.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda _done, _of: None
        return
    looks = "{desc}: {percentage:3.0f}%|{bar}|"
    # None: not where stderr is no terminal
    with tqdm(desc=name, total=1, leave=False, bar_format=looks, disable=None) as bar:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        yield show
