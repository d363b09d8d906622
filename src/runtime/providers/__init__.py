"""The SDKs that Arc intercepts: one module each, found by being here or by an entry point.

A provider is a module with `SDK`, the name of the package to intercept, and
`intercept(sdk, interception, seam)`, which puts Arc in front of the package's calls and returns an
object with `wrap(client)`. Distributions of others name theirs in the entry point group
`arc.providers`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any, Iterator

if sys.version_info >= (3, 10):
    from importlib.metadata import entry_points
else:
    from importlib.metadata import entry_points as _all_entry_points

    def entry_points(*, group: str) -> Any:
        """Return the entry points of one group, as Python 3.10 does."""
        return _all_entry_points().get(group, ())


def discover() -> Iterator[Any]:
    """Yield every provider module."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            yield importlib.import_module(f"{__name__}.{module.name}")
    for entry_point in entry_points(group="arc.providers"):
        yield entry_point.load()
