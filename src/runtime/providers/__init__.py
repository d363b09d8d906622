"""The SDKs that Arc intercepts: one module each, found by being here or by an entry point.

A provider is a module with `SDK`, the name of the package to intercept, `MAJORS`, the major
versions of it that Arc is tested with, and `intercept(sdk, interception, seam)`, which puts Arc in
front of the package's calls and returns an object with `wrap(client)`. Distributions of others name
theirs in the entry point group `arc.providers`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Iterator

from arc_protocol.extensions import loaded


def discover() -> Iterator[Any]:
    """Yield every provider module; others' that cannot be loaded are left out with a warning."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            yield importlib.import_module(f"{__name__}.{module.name}")
    yield from loaded("arc.providers", "provider", lambda _name, provider: provider)
