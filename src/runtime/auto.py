"""Starts Arc when imported: `import runtime.auto`."""

from runtime._arc import Arc

Arc()
