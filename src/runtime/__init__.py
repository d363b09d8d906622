"""Arc Runtime: prevents failures of LLM calls inside your process.

    from runtime import Arc

    Arc()

Nothing happens on import; `Arc()` starts the protection.
"""

from arc_protocol.version import __version__
from runtime._arc import Arc
from runtime.errors import ArcError, PatternError, SettingError

__all__ = ["Arc", "ArcError", "PatternError", "SettingError", "__version__"]
