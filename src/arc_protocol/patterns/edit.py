"""Editing a request without touching it: containers are copied when first written to."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from arc_protocol.patterns.paths import DEEP, Location, Path, child, show_location
from arc_protocol.patterns.values import LIST, MAPPING, MISSING, is_json, same, type_name


class ConflictError(Exception):
    """The fix would write what a pattern of higher precedence has written."""


class Edit:
    """One fix at work on one request.

    Attributes:
        body: the request as it is now; the one given at first is never changed.
        claims: for each place that must not be written any more, the pattern that has written it.
        written: the places whose values this fix has chosen.
    """

    __slots__ = ("_above", "_own", "body", "claims", "written")

    def __init__(self, body: Any, claims: Mapping[Location, str]) -> None:
        self.body = body
        self.claims = claims
        self.written: List[Location] = []
        self._own: Dict[int, object] = {}
        self._above: Dict[Location, Location] = {
            claimed[:length]: claimed for claimed in claims for length in range(1, len(claimed))
        }

    def get(self, location: Location) -> Any:
        """Return the value at a place, or `MISSING`."""
        value = self.body
        for step in location:
            value = child(value, step)
        return value

    def find(self, path: Path, base: Location) -> List[Tuple[Location, Any]]:
        """Return what a path leads to from a place, with where it is."""
        return [(base + at, value) for at, value in path.find(self.get(base))]

    def targets(self, path: Path, base: Location) -> List[Location]:
        """Return the places where a path can be written, also where nothing is yet.

        Keys after the last index or `[*]` may be missing; below `**` only what exists counts.
        """
        segments = path.segments
        if path.location is not None:
            return [base + path.location]
        if DEEP in segments:
            return [at for at, _ in self.find(path, base)]
        cut = len(segments)
        while cut and isinstance(segments[cut - 1], str):
            cut -= 1
        keys: Tuple[Any, ...] = segments[cut:]
        return [
            at + keys
            for at, value in self.find(Path(path.text, segments[:cut]), base)
            if not keys or isinstance(value, MAPPING)
        ]

    def put(self, location: Location, value: object, *, chosen: bool = True) -> None:
        """Write a value; objects on the way are created.

        Args:
            location: where to write.
            value: what to write.
            chosen: whether the place is this fix's from now on; not so for what it only arranges.
        """
        if same(self.get(location), value):
            return
        self._check(location)
        self._container(location[:-1])[location[-1]] = value
        if chosen:
            self.written.append(location)

    def remove(self, location: Location) -> None:
        """Remove a key or an element, if it is there."""
        if self.get(location) is MISSING:
            return
        self._check(location)
        del self._container(location[:-1])[location[-1]]
        self.written.append(location)

    def rename(self, location: Location, key: str) -> None:
        """Move a value to another key of the same object, unless that is there already.

        Only the old key is written: the fix chooses the name, not the value.
        """
        if not isinstance(location[-1], str):
            raise ValueError(f"{show_location(location)} has no key that could be renamed")
        value = self.get(location)
        target = (*location[:-1], key)
        self.remove(location)
        if self.get(target) is MISSING:
            self.put(target, value, chosen=False)

    def _check(self, location: Location) -> None:
        """Refuse a place that is claimed, lies below a claimed one, or has one below it."""
        if not self.claims:
            return
        prefixes = (location[:length] for length in range(1, len(location) + 1))
        claimed = next(filter(self.claims.__contains__, prefixes), self._above.get(location))
        if claimed is not None:
            raise ConflictError(
                f"{self.claims[claimed]} has already written {show_location(claimed)}"
            )

    def _container(self, location: Location) -> Any:
        container = self.body = self._owned(self.body)
        for step in location:
            inner = self._owned(child(container, step))
            container[step] = inner
            container = inner
        return container

    def _owned(self, value: Any) -> Any:
        if id(value) in self._own:
            return value
        if isinstance(value, MAPPING):
            value = dict(value)
        elif isinstance(value, LIST):
            value = list(value)
        elif value is MISSING or is_json(value):
            value = {}
        else:
            raise ValueError(f"cannot write inside a {type_name(value)}")
        self._own[id(value)] = value
        return value
