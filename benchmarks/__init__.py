"""Measurements of Arc's cost, as ratios and paired differences in one run: `make bench`."""

import sys
from pathlib import Path

# what starts real programs for tests starts them for measurements too
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
