"""Closes the loop: failures that are stored become patterns, and trials move them."""

from arc_core.learner.loop import Learner

__all__ = ["Learner"]
