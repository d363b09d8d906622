"""`python -m arc_cli` is the `arc` command."""

import sys

from arc_cli import main

sys.exit(main())
