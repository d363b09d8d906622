"""The one file that knows all parts of the Runtime and puts them together."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    ContextManager,
    Dict,
    Mapping,
    Optional,
    Tuple,
    Union,
)

from arc_protocol.patterns import Origin, Pattern
from arc_protocol.version import __version__
from runtime import _children, _config, _feedback, _log
from runtime._flow import Interception
from runtime._guard import Guard
from runtime._heal import Healer
from runtime._link.link import Link, LinkState
from runtime._patterns import PatternRegistry
from runtime._sdks import Sdks
from runtime._telemetry import forks, runs
from runtime._telemetry.pipeline import Pipeline
from runtime._telemetry.resource import attributes
from runtime._work import Work
from runtime._worker import Worker
from runtime.errors import ArcError

if TYPE_CHECKING:
    from arc_protocol.patterns.explanation import Explanation

_logger = logging.getLogger("arc")
_lock = threading.RLock()


class Arc:
    """Protects the LLM calls of this process; there is one instance, which every call returns.

    Arguments go before environment variables, `[tool.arc]` in the nearest pyproject.toml and the
    defaults. `Arc(...)` again changes the given settings of the running instance. A setting that
    cannot be used is logged in one sentence and its default taken: nothing raises.
    """

    _running: ClassVar[Optional[Arc]] = None

    def __new__(cls, *_arguments: Any, **_settings: Any) -> Arc:
        with _lock:
            if Arc._running is None:
                Arc._running = super().__new__(cls)
                Arc._running._assemble()
            return Arc._running

    def __init__(
        self,
        endpoint: Optional[str] = None,
        api_key: Optional[str] = None,
        log_level: Optional[str] = None,
        *,
        headers: Union[str, Mapping[str, str], None] = None,
        metrics_port: Optional[int] = None,
        mode: Optional[str] = None,
        capture_content: Optional[bool] = None,
        redact: Union[str, Callable[[str], str], None] = None,
        otel: Optional[str] = None,
        otel_compat: Optional[str] = None,
        heal: Optional[bool] = None,
        policy: Union[str, Mapping[str, Any], None] = None,
        rewrite_cached: Optional[bool] = None,
        cache_dir: Optional[str] = None,
        spool: Optional[bool] = None,
        service_name: Optional[str] = None,
        trusted_key: Optional[str] = None,
        tls_ca: Optional[str] = None,
        tls_cert: Optional[str] = None,
        tls_key: Optional[str] = None,
        shutdown_timeout: Optional[float] = None,
        disable: Optional[bool] = None,
    ) -> None:
        given = {
            "endpoint": endpoint,
            "api_key": api_key,
            "headers": headers,
            "log_level": log_level,
            "metrics_port": metrics_port,
            "mode": mode,
            "capture_content": capture_content,
            "redact": redact,
            "otel": otel,
            "otel_compat": otel_compat,
            "heal": heal,
            "policy": policy,
            "rewrite_cached": rewrite_cached,
            "cache_dir": cache_dir,
            "spool": spool,
            "service_name": service_name,
            "trusted_key": trusted_key,
            "tls_ca": tls_ca,
            "tls_cert": tls_cert,
            "tls_key": tls_key,
            "shutdown_timeout": shutdown_timeout,
            "disable": disable,
        }
        with _lock:
            self._arguments.update({k: v for k, v in given.items() if v is not None})
            try:
                self._configure(_config.read(self._arguments))
            except Exception as fault:
                self._guard.caught("configure", fault)

    def _assemble(self) -> None:
        self._arguments: Dict[str, Any] = {}
        self._guard = Guard()
        self._sdks = Sdks(self._guard)
        self._enabled = False
        self._gave_up = False
        self._registry = PatternRegistry()
        self._pipeline = Pipeline(self._guard)
        self._link = Link(
            self._registry,
            self._guard,
            identity=self._identity,
            sdks=self._sdks.names,
            losses=self._pipeline.losses,
        )
        self._pipeline.link = self._link
        self._worker = Worker(
            Work(self._pipeline, self._link, self._registry, self._guard, self._sdks.mend),
            self._guard,
        )
        self._pipeline.worker = self._worker
        self._interception = Interception(
            self._registry.current, self._worker.put, self._guard, runs.current_run
        )

    def _configure(self, settings: _config.Settings) -> None:
        self.settings = settings
        """The settings in force and where each comes from."""
        if settings.disable:
            return
        _log.set_level(settings.log_level)
        self._registry.let_rewrite_cached(settings.rewrite_cached)
        self._interception.enforcing = settings.mode == "enforce"
        healer = Healer(settings.policy, self._guard) if settings.heals else None
        self._interception.healer = healer
        self._pipeline.settings = self._link.settings = settings
        if not self._enabled:
            self._enabled = True
            self._sdks.intercept(self._interception)
            _register_hooks()
            _logger.info(
                "Arc %s protects the LLM calls of this process; telemetry goes to %s.",
                __version__,
                settings.endpoint or "nobody",
            )
        self._worker.start()
        self._worker.wake()  # which may have been waiting when the settings changed

    def _identity(self) -> Mapping[str, Any]:
        return attributes(self.settings.service_name, runtime_id=self._pipeline.runtime_id)

    def register_pattern(
        self,
        pattern: Mapping[str, Any],
        fix: Mapping[str, Any],
        *,
        name: Optional[str] = None,
        provider: Optional[str] = None,
        operation: Optional[str] = None,
    ) -> str:
        """Put a pattern of the application's own in force and return its name.

        It goes before every other pattern, those registered later before earlier ones; the same
        name again replaces. Raises `PatternError` when the pattern cannot be understood.
        """
        if not self._enabled:
            return name or ""
        optional = {"name": name, "provider": provider, "operation": operation}
        document: Dict[str, Any] = {k: v for k, v in optional.items() if v is not None}
        document.update(pattern=pattern, fix=fix)
        parsed = Pattern.parse(document, origin=Origin.LOCAL)
        self._registry.add(parsed)
        self._worker.wake()  # to compile it, so that the next call need not
        return parsed.name

    def unregister(self, name: str) -> bool:
        """Take a registered pattern out of force; False when there is none of that name."""
        return self._registry.remove(name)

    def patterns(self) -> Tuple[Pattern, ...]:
        """Return the patterns in force, those that go first in front."""
        return self._registry.current().patterns if self._enabled else ()

    def explain(
        self,
        request: Mapping[str, Any],
        *,
        provider: str = "openai",
        operation: str = "chat",
        server: Optional[str] = None,
    ) -> Explanation:
        """Say which patterns match a request, what they would change, and why.

        `server` is where it goes, as host:port: some patterns are for some servers alone.
        """
        from arc_protocol.patterns.explanation import explain  # by people, and rarely

        return explain(self._registry.current(), provider, operation, request, server)

    def wrap(self, client: Any) -> Any:
        """Return a client whose calls are protected.

        That is the client itself where its calls are intercepted already, as they are unless
        something has replaced the SDK's methods; otherwise a copy which shares its connections.
        """
        return self._sdks.wrap(client) if self._enabled else client

    def session(
        self, name: str, *, application: Optional[str] = None, pipeline: Optional[str] = None
    ) -> ContextManager[None]:
        """Mark the calls made inside as belonging to one agent run.

        `application` and `pipeline` are names of yours for what the run is part of; sessions
        inside have them as well.
        """
        return runs.session(name, application=application, pipeline=pipeline)

    def handoff(self, giver: str, taker: str) -> ContextManager[None]:
        """Mark the calls made inside as those of the agent `taker`, who has it from `giver`."""
        return runs.handoff(giver, taker)

    def feedback(
        self,
        response_or_id: Any,
        *,
        outcome: Optional[str] = None,
        label: Optional[str] = None,
        score: Optional[float] = None,
        explanation: Optional[str] = None,
        source: str = "end_user",
    ) -> bool:
        """Say how good a reply was: of the SDK's reply object, or of its id, however long ago.

        `outcome` is good or bad; without it, a `score` (0 to 1) below 0.5 is bad, and a `label`
        alone, a short name for what is the matter, neither. `source` is end_user, builder, code or
        llm. False, and one sentence on the logger `arc`, when it cannot be used; nothing raises.

        A label is a name, by which Core groups: it is sent as it is, without the `redact` hook,
        also where content is not captured. What people wrote belongs into `explanation`.
        """
        if not (self._enabled and self._interception.active):
            return False
        said = {"outcome": outcome, "label": label, "score": score, "explanation": explanation}
        try:
            self._worker.put(_feedback.read(response_or_id, source=source, **said))
        except ArcError as problem:
            _logger.warning("Feedback is not taken: %s.", problem)
        except Exception as fault:
            self._guard.caught("feedback", fault)
        else:
            return True
        return False

    def flush(self, timeout_s: float = 2.0) -> bool:
        """Deliver the telemetry of all calls so far; False when the time did not suffice."""
        return self._worker.flush(timeout_s) if self._enabled else True

    def shutdown(self) -> None:
        """Deliver what is left and leave the process as if Arc had not been there."""
        with _lock:
            if Arc._running is not self:
                return
            Arc._running = None
            self._interception.active = False
            self._sdks.undo()
            if self._enabled:
                self._worker.flush(self.settings.shutdown_timeout)
                self._worker.close(self.settings.shutdown_timeout)
                self._link.close()
                self._tell_of_losses(self._pipeline.close())

    def _leave(self) -> None:
        """At the end of the process: what is not delivered in time goes to disk.

        Where `multiprocessing` has asked for it, `atexit` may again; it waits in vain only once.
        """
        if self._gave_up or self._worker.unused:
            return
        if self.flush(self.settings.shutdown_timeout):
            return
        self._gave_up = True
        try:
            stopped = self._worker.stop()
            self._tell_of_losses(self._pipeline.close() if stopped else self._pipeline.abandon())
        except Exception as fault:
            self._guard.caught("exit", fault)

    def _tell_of_losses(self, spans: int) -> None:
        lost = spans + self._pipeline.lose(self._worker.left())
        if lost:
            # who has named no receiver has not asked for telemetry either
            named = self.settings.sources["endpoint"] != "default"
            _logger.log(
                logging.WARNING if named else logging.DEBUG,
                "Telemetry of %s is lost, as the program ended before it could be sent or kept; "
                "ARC_SHUTDOWN_TIMEOUT (now %g) is how many seconds it may wait for that.",
                "1 call" if lost == 1 else f"{lost} calls",
                self.settings.shutdown_timeout,
            )

    @property
    def metrics_url(self) -> Optional[str]:
        """Where this process's metrics are served; None when they are not, or not yet."""
        return self._pipeline.metrics_url if self._enabled else None

    @property
    def link(self) -> LinkState:
        """How it stands with the patterns that Arc Core pushes."""
        return self._link.status()

    def faults(self) -> Mapping[str, int]:
        """Return how often Arc stepped aside because of a fault of its own, by internal step."""
        return self._guard.counts


_hooked = False


def _register_hooks() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(_at_exit)
    _children.attend(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork,
            after_in_parent=_after_fork_in_parent,
            after_in_child=_after_fork_in_child,
        )


def _at_exit() -> None:
    if Arc._running is not None:
        Arc._running._leave()


def _before_fork() -> None:
    if Arc._running is not None:
        Arc._running._worker.before_fork()


def _after_fork_in_parent() -> None:
    if Arc._running is not None and forks.note_children():
        Arc._running._worker.after_fork()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    arc = Arc._running
    if arc is None:
        return
    arc._gave_up = False
    arc._registry.forget()
    arc._worker.forget()
    try:
        _children.attend(_at_exit)
    except Exception as fault:
        arc._guard.caught("children", fault)
