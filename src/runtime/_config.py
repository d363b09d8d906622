"""Settings: one table, read from the argument, the environment, `[tool.arc]`, or the default."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from runtime import _endpoint, _otel, _project_file, _values
from runtime.errors import SettingError

_logger = logging.getLogger("arc")


class Setting(NamedTuple):
    """One line of the table."""

    name: str
    """Name of the argument of `Arc` and of the key in `[tool.arc]`."""
    env: str
    default: Any
    parse: Callable[[Any], Any]
    meaning: str
    in_file: bool = True
    """False for secrets, which do not belong into a project's files."""
    otel: str = ""
    """End of the names of OpenTelemetry's variables that stand in where nothing else is said."""

    @property
    def stand_ins(self) -> Tuple[str, ...]:
        """Variables of OpenTelemetry's exporters, that for traces before that for everything."""
        if not self.otel:
            return ()
        return _otel.names(self.otel)


SETTINGS: Tuple[Setting, ...] = (
    Setting(
        "disable", "ARC_DISABLE", False, _values.switch, "1: nothing is patched, started or opened"
    ),
    Setting(
        "endpoint",
        "ARC_ENDPOINT",
        "grpc://localhost:50051",
        _values.address,
        "Arc Core or any OTLP/gRPC receiver; grpcs:// for TLS; http:// or https:// for OTLP/HTTP, "
        "by which no patterns come; otel: that of OpenTelemetry's exporters; empty: none",
    ),
    Setting(
        "api_key",
        "ARC_API_KEY",
        None,
        _values.text,
        "key for Arc Core, never logged",
        in_file=False,
    ),
    Setting(
        "headers",
        "ARC_HEADERS",
        None,
        _values.headers,
        "headers that the endpoint wants besides: name=value,name=value; never logged",
        in_file=False,
    ),
    Setting("log_level", "ARC_LOG_LEVEL", "INFO", _values.level, "level of the logger `arc`"),
    Setting(
        "metrics_port",
        "ARC_METRICS_PORT",
        9090,
        _values.port,
        "port of the Prometheus endpoint on localhost; 0: no server",
    ),
    Setting(
        "mode", "ARC_MODE", "enforce", _values.mode, "observe: match and record, change nothing"
    ),
    Setting(
        "capture_content",
        "ARC_CAPTURE_CONTENT",
        None,
        _values.switch,
        "whether messages, tool arguments and reasoning are sent to the endpoint; "
        "default: yes, as the endpoint is on this machine or was named by you",
    ),
    Setting(
        "redact",
        "ARC_REDACT",
        None,
        _values.hook,
        "function that gets each text which would leave the process and returns what may; as text "
        "module:function",
    ),
    Setting(
        "otel",
        "ARC_OTEL",
        _values.AUTO,
        _values.otel,
        "off: the application's own OpenTelemetry gets no spans and no measures of Arc, the "
        "endpoint alone does",
    ),
    Setting(
        "otel_compat",
        "ARC_OTEL_COMPAT",
        None,
        _values.compat,
        "cache_creation: the application's own tracer provider gets tokens written to the cache "
        "by their older name, which Phoenix and Langfuse know",
    ),
    Setting(
        "heal",
        "ARC_HEAL",
        False,
        _values.switch,
        "1: a request that was refused with a 4xx is sent again, once: repaired as its error says, "
        "within the policy, or to try a fix of Arc Core",
    ),
    Setting(
        "policy",
        "ARC_POLICY",
        "safe",
        _values.policy,
        "what pushed patterns may change: safe (sampling, limits, refused parameters, structure), "
        "content (messages and tools too), all, none; or an object of paths, see below",
    ),
    Setting(
        "rewrite_cached",
        "ARC_REWRITE_CACHED",
        False,
        _values.switch,
        "1: pushed patterns may change what the provider's prompt cache keeps, which is then paid "
        "anew",
    ),
    Setting(
        "cache_dir",
        "ARC_CACHE_DIR",
        None,
        _values.text,
        "folder for what outlives the process: telemetry that waits, the last patterns of Core; "
        "default: the platform's cache folder",
    ),
    Setting(
        "spool",
        "ARC_SPOOL",
        True,
        _values.switch,
        "whether telemetry waits on disk while its receiver is away, up to 64 MiB for 24 hours; "
        "0: in memory alone",
    ),
    Setting(
        "service_name", "ARC_SERVICE_NAME", None, _values.text, "`service.name` of the telemetry"
    ),
    Setting(
        "trusted_key",
        "ARC_TRUSTED_KEY",
        None,
        _values.public_key,
        "public key of Arc Core, `ed25519:...`: pushed patterns without its signature are refused",
    ),
    Setting(
        "tls_ca",
        "ARC_TLS_CA",
        None,
        _values.text,
        "PEM file of the authorities to trust; else, under TLS, that in "
        "`OTEL_EXPORTER_OTLP_CERTIFICATE`",
        otel="CERTIFICATE",
    ),
    Setting(
        "tls_cert",
        "ARC_TLS_CERT",
        None,
        _values.text,
        "PEM file of the client's certificate chain; else that in "
        "`OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`",
        otel="CLIENT_CERTIFICATE",
    ),
    Setting(
        "tls_key",
        "ARC_TLS_KEY",
        None,
        _values.text,
        "PEM file of the client's private key; else that in `OTEL_EXPORTER_OTLP_CLIENT_KEY`",
        otel="CLIENT_KEY",
    ),
    Setting(
        "shutdown_timeout",
        "ARC_SHUTDOWN_TIMEOUT",
        2.0,
        _values.seconds,
        "seconds that the end of the program may wait for telemetry to be delivered",
    ),
)

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


class Settings:
    """The settings in force, each an attribute named as in the table, and where each is from."""

    def __init__(self, values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.sources = dict(sources)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def heals(self) -> bool:
        """Whether calls that failed are sent again where that may help."""
        return bool(self.heal) and self.mode == "enforce"

    def receiver(self) -> Optional[_endpoint.Endpoint]:
        """Return the endpoint, parsed; None when there is none."""
        named = self.sources["endpoint"] != "default"
        return _endpoint.parse(self.values["endpoint"], explicit=named)


def read(
    arguments: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    folder: Optional[Path] = None,
) -> Settings:
    """Read every setting; a bad value is logged in one sentence and the default is used."""
    file, where = _project_file.settings(folder)
    _warn_of_unknown(file, where)
    values: Dict[str, Any] = {}
    sources: Dict[str, str] = {}
    for setting in SETTINGS:
        candidates: List[Tuple[str, Any]] = [
            ("argument", arguments.get(setting.name)),
            (setting.env, environ.get(setting.env)),
        ]
        if setting.in_file:
            candidates.append((where, file.get(setting.name)))
        # an empty one counts as unset, by the specification of OpenTelemetry
        candidates.extend((name, environ.get(name) or None) for name in setting.stand_ins)
        values[setting.name], sources[setting.name] = setting.default, "default"
        for source, given in candidates:
            if given is None:
                continue
            try:
                values[setting.name], sources[setting.name] = setting.parse(given), source
            except (SettingError, ValueError, TypeError) as problem:
                _logger.warning("%s", _complaint(setting, source, given, problem))
            break
    if values["endpoint"] == _values.OTEL:
        _follow_opentelemetry(values, sources, environ)
    return Settings(values, sources)


def _follow_opentelemetry(
    values: Dict[str, Any], sources: Dict[str, str], environ: Mapping[str, str]
) -> None:
    """Put in the place of what nobody has said what OpenTelemetry's exporters do."""
    values["endpoint"] = ""
    address, headers = _otel.endpoint(environ), _otel.value("HEADERS", environ)
    taken = [("endpoint", *address)]
    if sources["headers"] == "default" and headers[0] is not None:
        taken.append(("headers", headers[0], headers[1]))
    for name, given, source in taken:
        setting = BY_NAME[name]
        try:
            values[name], sources[name] = setting.parse(given), source
        except SettingError as problem:
            where = f"{source} cannot be used: {str(problem).rstrip('.')}"
            _logger.warning("The endpoint otel: %s. Arc uses nothing instead.", where)
    if sources["capture_content"] == "default":
        # somebody else's receiver: as the application has it for its own spans
        values["capture_content"] = _otel.captures_content(environ)
    if sources["otel"] == "default":
        values["otel"] = _values.OFF  # it would get each call twice


def _complaint(setting: Setting, source: str, given: Any, problem: Exception) -> str:
    shown = "" if not setting.in_file else f" {str(given)[:80]!r}"
    advice = str(problem) if isinstance(problem, SettingError) else "write a number"
    default = "nothing" if setting.default is None else setting.default
    return (
        f"Setting {setting.name} ({setting.env}){shown} from {source} cannot be used: "
        f"{advice.rstrip('.')}. Arc uses {default} instead."
    )


def _warn_of_unknown(file: Mapping[str, Any], where: str) -> None:
    known = [setting.name for setting in SETTINGS if setting.in_file]
    for key in file:
        if key in known:
            continue
        if key in BY_NAME:
            _logger.warning("%s: %s is a secret; give it as an environment variable.", where, key)
            continue
        import difflib  # a fifth of a megabyte that right settings do not need

        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        _logger.warning("%s: [tool.arc] has no setting %r: %s", where, key, hint)
