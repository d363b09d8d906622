"""Where Core's patterns are kept: in force in this process, and on disk for its next start."""

from __future__ import annotations

import threading
from typing import Callable, List, Optional, Tuple

from arc_protocol.version import __version__
from runtime._endpoint import Endpoint
from runtime._link import trust
from runtime._link.disk import LastGood
from runtime._link.holding import (
    Entry,
    Holding,
    Refused,
    SetId,
    Signed,
    adopt,
    judge_again,
    still_disabled,
)
from runtime._patterns import PatternRegistry

Between = Callable[[], None]
"""Called after each pattern; may raise to have everything left as it was."""


class Shelf:
    """The holding, and whoever wants to change it one after the other."""

    def __init__(self, registry: PatternRegistry) -> None:
        self._registry = registry
        self._source: Optional[Tuple[Endpoint, Optional[str], Optional[str]]] = None
        self._file: Optional[LastGood] = None
        self._trusted: Optional[str] = None
        self.holding = Holding("safe")
        """What is in force; replaced as a whole."""
        self.forget()

    def forget(self) -> None:
        """Be usable in a forked child, with what the parent had in force."""
        self._lock = threading.Lock()

    def overridden(self) -> List[str]:
        """Return the names of patterns that give way to the application's own."""
        return self._registry.overridden()

    def prepare(
        self,
        endpoint: Endpoint,
        api_key: Optional[str],
        policy: str,
        cache_dir: Optional[str],
        trusted_key: Optional[str],
        between: Between,
    ) -> None:
        """Put in force what is known of this Core without asking it.

        That is what was kept on disk, or what is in force already if it came from there; judged by
        the policy of now in any case. With a trusted key, only what it had signed.
        """
        with self._lock:
            self._file = LastGood(cache_dir, endpoint, api_key)
            self._trusted = trusted_key
            source = (endpoint, api_key, trusted_key)
            if self._source != source:
                self._put(self._stored(policy, between) or Holding(policy))
                self._source = source
            elif self.holding.policy != policy:
                held = [held.entry for held in self.holding.held.values()]
                signed = self.holding.signed
                judged = judge_again(held, policy, between)
                off = still_disabled(self.holding, judged.held)
                self._put(judged._replace(signed=signed, disabled=off))

    def follow(self, between: Between) -> None:
        """Put in force what another process has kept on disk since this one looked."""
        with self._lock:
            if self._file is not None and self._file.is_new():
                stored, newest = self._stored(self.holding.policy, between), self.holding.signed
                if stored is None or (newest and stored.signed and stored.signed.precedes(newest)):
                    return
                off = still_disabled(self.holding, stored.held)
                self._put(stored._replace(disabled=off))

    def clear(self) -> None:
        """Take everything out of force; what is on disk stays there."""
        with self._lock:
            self._put(Holding(self.holding.policy))
            self._source = self._file = None

    def take(
        self,
        offered_id: SetId,
        offered: List[Entry],
        signature: Optional[trust.Signature],
        between: Between,
    ) -> bool:
        """Put a set of Core's in force; False if that changes nothing. Raises `SetRefusedError`."""
        with self._lock:
            before = self.holding
            signed = trust.check(self._trusted, offered_id, signature, before.signed)
            after = adopt(before, offered_id, offered, between, signed=signed)
            self._put(after)
            self._keep()
            return (after.held, after.refused) != (before.held, before.refused)

    def disable(self, name: str, revision: int, reason: str) -> bool:
        """Switch a pushed pattern off in this process; False if it is not in force any more."""
        with self._lock:
            held = self.holding.held.get(name)
            if held is None or held.entry.revision != revision or name in self.holding.disabled:
                return False
            off = {name: Refused(revision, held.entry.digest, reason)}
            self._put(self.holding._replace(disabled={**self.holding.disabled, **off}))
            return True

    def confirm(self, current: SetId) -> bool:
        """Take over how Core names what is in force; False if that is something else."""
        with self._lock:
            known = self.holding.id
            if known is None or known.digest != current.digest:
                self.holding = self.holding._replace(id=None)  # it will be sent whole
                return False
            if known != current:
                self.holding = self.holding._replace(id=current)
                self._keep()
            return True

    def _stored(self, policy: str, between: Between) -> Optional[Holding]:
        stored = self._file.load() if self._file is not None else None
        if stored is None or not self._trusts(stored.signed):
            return None
        judged = judge_again(stored.entries, policy, between)._replace(signed=stored.signed)
        if (stored.policy, stored.version) != (policy, __version__):
            return judged
        return judged._replace(id=stored.id, refused=stored.refused)

    def _trusts(self, signed: Optional[Signed]) -> bool:
        return self._trusted is None or (signed is not None and signed.key == self._trusted)

    def _put(self, holding: Holding) -> None:
        if holding.patterns != self.holding.patterns:
            self._registry.push(holding.patterns)
        self.holding = holding

    def _keep(self) -> None:
        if self._file is not None:
            self._file.save(self.holding)
