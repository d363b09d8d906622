"""Cures: what an error's own words say should be changed in the request that it answered."""

from arc_protocol.cures.facts import ErrorFacts
from arc_protocol.cures.proposal import propose
from arc_protocol.cures.view import Cure

__all__ = ["Cure", "ErrorFacts", "propose"]
