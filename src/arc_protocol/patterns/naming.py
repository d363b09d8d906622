"""Names and ids that must have a certain shape; importing this module registers its operations.

A shape is written as a regular expression of one form: `^[first][others]{min,max}$`, of which
`[first]` may be missing. A name is changed wherever the request uses it.
"""

from __future__ import annotations

import hashlib
import re
import string
from typing import Callable, Dict, List, NamedTuple, Optional, Pattern

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import KINDS
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.fixes import path_operation
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import Location, Path, parse_path

_CLASS = r"\[([A-Za-z0-9_.:/@ -]+)\]"
_SHAPE = re.compile(rf"\^(?:{_CLASS})?{_CLASS}\{{(\d{{1,3}})(?:,(\d{{1,3}}))?\}}\$")
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

_FILLERS = "_-" + _BASE62


class Shape(NamedTuple):
    """What names may look like."""

    whole: Pattern[str]
    first: Optional[Pattern[str]]
    others: Pattern[str]
    shortest: int
    longest: int

    def fits(self, name: str) -> bool:
        """Tell whether a name has the shape."""
        return self.whole.fullmatch(name) is not None

    @property
    def filler(self) -> str:
        """What stands for a character that is not allowed."""
        return next((one for one in _FILLERS if self.others.fullmatch(one)), "")

    def clean(self, name: str) -> str:
        """Replace what is not allowed in a name, and cut it."""
        text = "".join(one if self.others.fullmatch(one) else self.filler for one in name)
        if self.first is not None and not self.first.match(text):
            text = next((one for one in _FILLERS if self.first.match(one)), "") + text
        return text[: self.longest].ljust(self.shortest, self.filler or "x")

    def hashed(self, name: str) -> str:
        """Return a name of the greatest length, up to 40, that stands for another one."""
        alphabet = [one for one in _BASE62 if self.others.fullmatch(one)]
        number = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest(), "big")
        digits = []
        for _ in range(min(self.longest, 40)):
            number, digit = divmod(number, len(alphabet))
            digits.append(alphabet[digit])
        return self.clean("".join(digits))


def compile_shape(document: object, where: str) -> Shape:
    """Compile the expression of a shape."""
    found = _SHAPE.fullmatch(document) if isinstance(document, str) else None
    try:
        if found is None:
            raise ValueError
        first, others, low, high = found.groups()
        shape = Shape(
            re.compile(str(document)[1:-1]),
            re.compile(f"[{first}]") if first else None,
            re.compile(f"[{others}]"),
            int(low) + bool(first),
            int(high or low) + bool(first),
        )
    except (re.error, ValueError):
        raise PatternError(
            f'{where} is {show(document)}; write it like "^[a-zA-Z0-9_-]{{1,64}}$", '
            "with one more [...] in front if the first character is special."
        ) from None
    sample = shape.clean("a b"), shape.hashed("a b")
    if not all(map(shape.fits, sample)):
        raise PatternError(f"{where} is {show(document)}; no name can be brought into that shape.")
    return shape


def _paths(document: object, where: str) -> object:
    if not isinstance(document, list):
        raise PatternError(f"{where} is {show(document)}; it must be a list of paths.")
    return [parse_path(path, where) for path in document]


KINDS[Shape] = compile_shape
KINDS[List[Path]] = _paths


@path_operation
def sanitize(
    edit: Edit, path: Path, base: Location, *, allowed: Shape, also: Optional[List[Path]] = None
) -> None:
    """Bring names into a shape, here and at further paths; different names stay different."""
    _rename_all(edit, base, [path, *(also or ())], allowed, allowed.clean)


@path_operation
def rewrite_ids(
    edit: Edit, path: Path, base: Location, *, allowed: Shape, also: Optional[List[Path]] = None
) -> None:
    """Replace ids that do not have a shape by hashes that do, here and at further paths."""
    _rename_all(edit, base, [path, *(also or ())], allowed, allowed.hashed)


def _rename_all(
    edit: Edit, base: Location, paths: List[Path], shape: Shape, rewrite: Callable[[str], str]
) -> None:
    places = [
        (location, name)
        for path in paths
        for location, name in edit.find(path, base)
        if isinstance(name, str)
    ]
    taken = {name for _, name in places if shape.fits(name)}
    renamed: Dict[str, str] = {}
    for _, name in places:
        if name not in taken and name not in renamed:
            renamed[name] = _free(rewrite(name), shape, taken | set(renamed.values()))
    for location, name in places:
        if name in renamed:
            edit.put(location, renamed[name])


def _free(name: str, shape: Shape, taken: set[str]) -> str:
    """Number a name that another one has already."""
    free, number = name, 1
    while free in taken:
        number += 1
        tail = f"{shape.filler}{number}"
        free = name[: shape.longest - len(tail)] + tail
    return free
