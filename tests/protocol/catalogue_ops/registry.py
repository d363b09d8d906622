"""The operations of the catalogue by their names."""

from __future__ import annotations

from typing import Callable, Dict

OPS: Dict[str, Callable[..., None]] = {}


def op(function: Callable[..., None]) -> Callable[..., None]:
    """Register an operation under its name."""
    OPS[function.__name__.rstrip("_")] = function
    return function
