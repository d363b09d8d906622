"""`python -m arc_simulator`."""

from __future__ import annotations

import sys

from arc_simulator import main

sys.exit(main())
