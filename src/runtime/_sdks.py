"""The SDKs of this process, and Arc in front of them."""

from __future__ import annotations

import functools
import logging
from typing import Any, List, Optional

from runtime import providers
from runtime._flow import Interception
from runtime._guard import Guard
from runtime._seam import Seam, when_imported

_logger = logging.getLogger("arc")


class Sdks:
    """Puts Arc in front of each SDK as soon as it is imported, and back again if need be."""

    def __init__(self, guard: Guard) -> None:
        self.names: List[str] = []
        """Of those that Arc knows, whether they are here or not."""
        self._guard = guard
        self._interception: Optional[Interception] = None
        self._seam = Seam()
        self._seams: List[Any] = []
        self._mended = False

    def intercept(self, interception: Interception) -> None:
        """Have all calls from now on go through `interception`."""
        self._interception = interception
        try:
            for provider in providers.discover():
                self.names.append(provider.SDK)
                when_imported(provider.SDK, functools.partial(self._install, provider))
        except Exception as fault:
            self._guard.caught("discover", fault)

    def _install(self, provider: Any, sdk: Any) -> None:
        if not self._is_active():
            return
        try:
            self._seams.append(provider.intercept(sdk, self._interception, self._seam))
            version = getattr(sdk, "__version__", "of an unknown version")
            _logger.debug("Calls of the SDK %s %s are intercepted.", provider.SDK, version)
        except Exception as fault:
            self._guard.caught(f"intercept {provider.SDK}", fault)

    def mend(self) -> None:
        """Put Arc back in front of the calls: on the worker's thread, in every second."""
        if not (self._is_active() and self._seam.mend()):
            return
        if not self._is_active():  # shut down just now
            self._seam.undo()
        elif not self._mended:
            self._mended = True
            _logger.info(
                "Another library put back methods of an SDK as it had found them, without Arc; "
                "Arc is in front of them again."
            )

    def _is_active(self) -> bool:
        return self._interception is not None and self._interception.active

    def wrap(self, client: Any) -> Any:
        """Return a client whose calls are protected, the same one where they are already."""
        for seam in self._seams:
            try:
                protected = seam.wrap(client)
            except Exception as fault:
                self._guard.caught("wrap", fault)
                continue
            if protected is not None:
                return protected
        _logger.warning(
            "Arc cannot protect a %s: it is not a client of an SDK that Arc knows. "
            "It is used as it is.",
            type(client).__name__,
        )
        return client

    def undo(self) -> None:
        """Leave the SDKs as they were found."""
        self._seam.undo()
