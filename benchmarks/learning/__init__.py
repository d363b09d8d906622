"""Whether the loop closes on worlds that the learner has never seen: `make bench-learning`."""
