"""The simulated providers; a new one is a line in this table."""

from __future__ import annotations

from arc_simulator.provider import Provider
from arc_simulator.providers.openai import OPENAI

PROVIDERS: tuple[Provider, ...] = (OPENAI,)
