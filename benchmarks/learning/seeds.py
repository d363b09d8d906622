"""Runs of a study in a process of their own, over one store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.learning.laboratory import opened_store
from benchmarks.learning.studies import STUDIES, Outcome


def run_seeds(work: tuple[str, Iterable[int]]) -> list[Outcome]:
    """Run a study, which is named, with some seeds."""
    name, seeds = work
    run, _ = STUDIES[name]
    with ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="arc-learning-"))
        store = ends.enter_context(opened_store(Path(folder)))
        return [run(store, Path(folder), seed) for seed in seeds]
