"""Who may call: reads the header `Authorization` of both ports, and refuses in the same words."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from arc_core.registry.keys import Key

_logger = logging.getLogger("arc.core")

DEFAULT_PROJECT = "default"
"""The project of callers without a key, where none is needed."""

NO_KEY = (
    "This Core demands an API key: set ARC_API_KEY, or send it as `Authorization: Bearer KEY`; "
    "`arc keys create` makes one."
)
NO_BEARER = "The header Authorization must be: Bearer KEY, with an API key of Arc Core."
NO_VALID_KEY = "The API key is unknown or revoked; `arc keys create` makes another."

_THREADS = 4
_TOLD_EVERY_S = 60.0
_PUBLIC_PART = re.compile(r"arc_[0-9a-f]{12}(?=_)")


class AccessError(Exception):
    """A caller is refused; the message is a sentence for them."""


class KeySource(Protocol):
    """Where keys are: the registry."""

    def authenticate(self, secret: str) -> Key | None:
        """Return the valid key of a secret, or None; may block."""

    def remembered_key(self, secret: str) -> Key | None:
        """Return it if it has just been looked up; does not block."""


class Gate:
    """Tells whose request it is; for one event loop, which it never blocks."""

    def __init__(self, keys: KeySource, *, demand_key: bool) -> None:
        self.demand_key = demand_key
        """Whether callers must show an API key; without, only this machine may call."""
        self._keys = keys
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="arc-access")
        self._told: dict[str, float] = {}

    async def key(self, authorization: str | None, caller: str) -> Key | None:
        """Return the key that a header shows; None for none, where none is needed.

        `caller` is for the log. Raises `AccessError`, and `RegistryError` when keys cannot be
        looked up.
        """
        if authorization is None:
            if self.demand_key:
                raise self._refusal(NO_KEY, caller)
            return None
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise self._refusal(NO_BEARER, caller)
        key = self._keys.remembered_key(secret)
        if key is None:
            loop = asyncio.get_running_loop()
            key = await loop.run_in_executor(self._threads, self._keys.authenticate, secret)
        if key is None:
            shown = _PUBLIC_PART.match(secret)
            raise self._refusal(NO_VALID_KEY, caller, f" ({shown[0]}_...)" if shown else "")
        return key

    async def project(self, authorization: str | None, caller: str) -> str:
        """Return the project that a header opens; raises as `key` does."""
        key = await self.key(authorization, caller)
        return DEFAULT_PROJECT if key is None else key.project

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _refusal(self, sentence: str, caller: str, key: str = "") -> AccessError:
        now = time.monotonic()
        if now - self._told.get(sentence, float("-inf")) >= _TOLD_EVERY_S:
            self._told[sentence] = now
            _logger.warning(
                "A caller at %s is refused%s: %s (told once a minute)", caller, key, sentence
            )
        return AccessError(sentence)
