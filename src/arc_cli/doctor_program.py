"""Checks of `arc doctor`: settings, Python, the SDKs and whether Arc gets in front of them."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import platform
import sys
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from arc_protocol.extensions import extensions
from runtime import _config, providers
from runtime._flow import Interception
from runtime._guard import Guard
from runtime._patterns import PatternRegistry
from runtime._seam import Seam, instrumentation_of

_NEWEST_PYTHON = (3, 13)
_TRACERS = ("traceloop", "logfire", "ddtrace", "langfuse", "openlit")
"""Packages beside those of OpenTelemetry's registry that make spans of LLM calls."""


def settings(
    found: _config.Settings, complaints: Sequence[str], environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Say what is set where, and what is wrong with it."""
    for sentence in complaints:
        yield Finding("settings", PROBLEM, sentence)
    known = [setting.env for setting in _config.SETTINGS]
    for name in sorted(environ):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith("ARC_") and near and name not in known:
            yield Finding(
                "settings", WARNING, f"{name} is no setting of Arc", f"did you mean {near[0]}?"
            )
    if found.disable:
        yield Finding(
            "settings",
            WARNING,
            f"Arc is switched off by {found.sources['disable']}: no call is protected",
            "unset it to switch Arc on",
        )
    given = [
        f"{name} from {source}" for name, source in found.sources.items() if source != "default"
    ]
    said = ", ".join(given) if given else "all by default"
    yield Finding("settings", OK, f"{said} (arc config shows the values)")


def python() -> Iterator[Finding]:
    """Say which Python this is."""
    version = platform.python_version()
    if sys.version_info[:2] > _NEWEST_PYTHON:
        newest = ".".join(map(str, _NEWEST_PYTHON))
        yield Finding(
            "python",
            WARNING,
            f"Python {version} is newer than what this version of Arc is tested with ({newest})",
            "look for a newer arc-runtime if something does not work",
        )
    else:
        yield Finding("python", OK, f"Python {version} is supported")


def sdks() -> Iterator[Finding]:
    """Look at every SDK that Arc knows and that is installed here."""
    some = False
    for provider in providers.discover():
        if importlib.util.find_spec(provider.SDK) is not None:
            some = True
            yield from _sdk(provider)
    if not some:
        names = ", ".join(provider.SDK for provider in providers.discover())
        yield Finding(
            "sdk",
            WARNING,
            f"no SDK that Arc protects is installed in this Python (it knows: {names})",
            "run arc doctor in the environment of your application",
        )


def _sdk(provider: Any) -> Iterator[Finding]:
    name = provider.SDK
    try:
        sdk = importlib.import_module(name)
    except Exception as fault:
        yield Finding(
            f"sdk {name}", PROBLEM, f"it cannot be imported: {type(fault).__name__}: {fault}"
        )
        return
    version = _version(name)
    around = set(_active(sdk))
    seam = _Recording()
    try:
        interception = Interception(PatternRegistry().current, lambda _: None, Guard())
        calls = provider.intercept(sdk, interception, seam)
        missed = list(_missed(sdk, calls, [owner for owner, _ in seam.methods]))
    except Exception as fault:
        missed, seam.methods = [f"{type(fault).__name__}: {fault}"], []
    finally:
        seam.undo()
    majors = provider.MAJORS
    if missed:
        yield Finding(
            f"sdk {name}",
            PROBLEM,
            f"{name} {version} is installed, but its calls are not intercepted: "
            f"{', '.join(missed)}",
            f"install a newer arc-runtime, or a version of {name} that it supports "
            f"({_range(majors)}); Arc().wrap(client) protects a single client",
        )
    elif _major(version) not in majors:
        yield Finding(
            f"sdk {name}",
            WARNING,
            f"{name} {version} is not among the versions that Arc is tested with "
            f"({_range(majors)}); its calls are intercepted all the same",
            "look for a newer arc-runtime if something does not work",
        )
    else:
        yield Finding(f"sdk {name}", OK, f"{name} {version} is supported; calls are intercepted")
    yield from _instrumentations(name, around)


class _Recording(Seam):
    """Remembers what was replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: List[Tuple[type, str]] = []

    def replace(self, owner: type, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
        super().replace(owner, name, make)
        self.methods.append((owner, name))


def _missed(sdk: Any, calls: Any, owners: Sequence[type]) -> Iterator[str]:
    """Yield the classes of clients whose calls go past Arc."""
    clients = {each for each in _classes(sdk) if issubclass(each, tuple(owners))}
    if not clients:
        yield "no class of clients was found"
    for each in sorted(clients, key=lambda client: client.__name__):
        # only its class matters; making a real one could ask for a key
        client = each.__new__(each)
        try:
            protected = calls.wrap(client)
        except AttributeError:  # as it would have to be copied
            protected = None
        if protected is not client:
            yield each.__name__


def _classes(sdk: Any) -> List[type]:
    # isinstance would have openai's stand-ins for a client make one, for which there is no key
    return [each for each in list(vars(sdk).values()) if issubclass(type(each), type)]


def _active(sdk: Any) -> Iterator[str]:
    """Yield the instrumentations that are around methods of the SDK now."""
    for each in _classes(sdk):
        found = instrumentation_of(getattr(each, "request", None))
        if found:
            yield found


def _instrumentations(name: str, around: Set[str]) -> Iterator[Finding]:
    listed = extensions("opentelemetry_instrumentor")
    others = {each.value.partition(":")[0] for each in listed if name in each.name}
    others |= {each for each in _TRACERS if importlib.util.find_spec(each) is not None}
    others |= around
    if others:
        now = f"active now: {', '.join(sorted(around))}" if around else "none is active now"
        yield Finding(
            f"sdk {name}",
            OK,
            f"others that trace its calls are installed: {', '.join(sorted(others))} ({now}); "
            "where one is active, Arc adds no second span to your own traces",
        )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _major(version: str) -> Optional[int]:
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else None


def _range(majors: Sequence[int]) -> str:
    return ", ".join(f"{major}.x" for major in majors)
