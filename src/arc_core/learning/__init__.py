"""Learns patterns from recorded calls: what foretells a failure, and what prevents it."""

from arc_core.learning.candidates import Candidate, learn
from arc_core.learning.examples import Example
from arc_core.learning.servers import learn_by_server
from arc_core.learning.trial import Trial, trial

__all__ = ["Candidate", "Example", "Trial", "learn", "learn_by_server", "trial"]
