"""What can go wrong over the calls of a run: one module each, named like what it finds."""
