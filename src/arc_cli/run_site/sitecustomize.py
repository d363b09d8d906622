"""Activates Arc in a program that `arc run` started, when it imports an SDK that Arc protects.

Python imports this before the program. It runs in every Python that the program starts, also in
one of another environment or, from 3.6 on, of another version. It imports nothing that the program
would not have: gevent, for one, wants to be there before ssl and threading.
"""

import os
import sys


class _Watch:
    """Finds no module itself; activates Arc after the import of the first SDK."""

    def __init__(self, names: str) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return what the other finders know of an SDK, with a loader that activates Arc."""
        if name not in self._names.split(","):
            return None
        others = [finder for finder in sys.meta_path if id(finder) != id(self)]
        for finder in others:
            spec = finder.find_spec(name, path, target)  # type: ignore[arg-type]
            if spec is not None:
                self._activate_after(spec.loader)
                return spec
        return None

    def _activate_after(self, loader: object) -> None:
        load = getattr(loader, "exec_module", None)
        if load is None:  # a mere folder of that name
            return

        def exec_module(module: object) -> None:
            del loader.exec_module  # type: ignore[attr-defined]
            load(module)
            self._names = ""
            _activate()

        loader.exec_module = exec_module  # type: ignore[attr-defined]


def _activate() -> None:
    try:
        import runtime.auto  # noqa: F401
    except Exception as problem:
        sys.stderr.write(
            "arc WARNING: The LLM calls of this process are not protected, as Arc cannot be "
            f"imported: {problem}.\n"
        )


def _leave_no_trace() -> None:
    """Let the path be as without `arc run`, and a sitecustomize of the program's own run."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    sys.path_importer_cache.pop(here, None)
    this = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError as problem:
        sys.modules["sitecustomize"] = this  # the import that is under way needs one
        if getattr(problem, "name", "sitecustomize") != "sitecustomize":
            raise


if os.environ.get("ARC_RUN"):
    sys.meta_path.insert(0, _Watch(os.environ["ARC_RUN"]))  # type: ignore[arg-type]
_leave_no_trace()
