"""Measurements of Arc's cost, as ratios and paired differences in one run: `make bench`."""
