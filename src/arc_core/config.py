"""Settings of `arc core`: one table, read from the command line, the environment, or the default.

All of them are read and checked before anything is opened.
"""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from arc_protocol.errors import ArcError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
APPROVALS = ("auto", "manual")


class SettingError(ArcError):
    """Settings cannot be used; the message has one line for each, with what to do."""


def _text(value: str) -> str:
    return value


def _port(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value) <= 65535):
        raise ValueError("write a port number from 0 to 65535; 0 takes any free one")
    return int(value)


def _positive(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise ValueError("write a whole number above 0")
    return int(value)


def _amount(value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = 0.0
    if not 0.001 <= amount <= 1e6:
        raise ValueError("write a number from 0.001 to 1000000")
    return amount


def _switch(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("write 1 or 0")


def _level(value: str) -> str:
    if value.upper() not in LEVELS:
        raise ValueError(f"write one of {', '.join(LEVELS)}")
    return value.upper()


def _seconds(value: str) -> float:
    try:
        seconds = float(value[:-1] if value.endswith("s") else value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise ValueError("write seconds from 0.1 to 3600, such as 5s")
    return seconds


def _approval(value: str) -> str:
    if value.lower() not in APPROVALS:
        raise ValueError(f"write one of {', '.join(APPROVALS)}")
    return value.lower()


def _folder(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("it is a file; name a folder")
    return path


def _file(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    try:
        path.open("rb").close()
    except OSError as problem:
        raise ValueError(f"it cannot be read: {problem.strerror}") from None
    return path


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    name: str
    """Attribute of `Settings`; the option is `--name`, the environment variable ARC_CORE_NAME."""
    default: Any
    parse: Callable[[str], Any]
    meaning: str

    @property
    def option(self) -> str:
        """Option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def env(self) -> str:
        """Environment variable."""
        return f"ARC_CORE_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting("host", "127.0.0.1", _text, "address to listen on; any but loopback demands API keys"),
    Setting("port", 50051, _port, "gRPC: telemetry and pattern sync"),
    Setting("http_port", 8050, _port, "HTTP: REST, OTLP/HTTP, health and metrics"),
    Setting("data", user_data_path("arc-core"), _folder, "folder of the embedded stores"),
    Setting("store", None, _text, "clickhouse://user:password@host:8123/database for the calls"),
    Setting("registry", None, _text, "postgresql://user:password@host/database for the patterns"),
    Setting("retention_days", 30, _positive, "calls are kept for so many days"),
    Setting("retention_gb", None, _amount, "calls take at most so much disk; oldest days go"),
    Setting("memory_mb", 1024, _positive, "limit of the embedded call store"),
    Setting("approval", "auto", _approval, "manual: learned patterns wait for a person's yes"),
    Setting("learn_interval", 5.0, _seconds, "failures and trials are looked at this often, in s"),
    Setting("max_learned", 50, _positive, "so many learned patterns of a project change calls"),
    Setting("require_key", None, _switch, "1: API keys on loopback as well"),
    Setting("tls_cert", None, _file, "PEM file of the certificate chain: TLS on both ports"),
    Setting("tls_key", None, _file, "PEM file of the certificate's private key"),
    Setting("tls_client_ca", None, _file, "PEM file: clients must show a certificate of these"),
    Setting("signing_key", None, _file, "PEM file of an Ed25519 key: pattern sets are signed"),
    Setting("log_level", "INFO", _level, "DEBUG, INFO, WARNING or ERROR"),
)


@dataclass(frozen=True)
class Settings:
    """The settings in force."""

    host: str
    port: int
    http_port: int
    data: Path
    store: str | None
    registry: str | None
    retention_days: int
    retention_gb: float | None
    memory_mb: int
    approval: str
    learn_interval: float
    """Seconds."""
    max_learned: int
    require_key: bool | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    signing_key: Path | None
    log_level: str

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def registry_url(self) -> str:
        """Where patterns and keys are: the database that was named, or a file beside the calls."""
        return self.registry or f"sqlite:///{self.data / 'registry.db'}"

    @property
    def keys_required(self) -> bool:
        """Whether callers must show an API key."""
        return bool(self.require_key) or not self.loopback


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Read every setting; an option goes before its environment variable.

    Raises `SettingError` that names all that cannot be used.
    """
    given = vars(parser().parse_args(arguments))
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in SETTINGS:
        source, text = setting.option, given[setting.name]
        if text is None:
            source, text = setting.env, environ.get(setting.env)
        if text is None or text == "":
            values[setting.name] = setting.default
            continue
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as problem:
            problems.append(f"{source} is {text!r}: {problem}.")
    if not problems:
        settings = Settings(**{each.name: values[each.name] for each in fields(Settings)})
        problems = _contradictions(settings)
    if problems:
        raise SettingError("\n".join(problems))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    if (settings.tls_cert is None) != (settings.tls_key is None):
        problems.append("TLS needs both --tls-cert and --tls-key; give the other one as well.")
    if settings.tls_client_ca is not None and settings.tls_cert is None:
        problems.append("--tls-client-ca needs --tls-cert and --tls-key.")
    if settings.port == settings.http_port != 0:
        problems.append(f"--port and --http-port are both {settings.port}; give different ones.")
    if settings.require_key is False and not settings.loopback:
        problems.append(
            f"--require-key 0 works on loopback only, and --host is {settings.host}; "
            "make keys with `arc keys create`."
        )
    return problems


def parser() -> argparse.ArgumentParser:
    """Return what `arc core` takes."""
    made = argparse.ArgumentParser(
        prog="arc core",
        description="Collects telemetry, keeps the patterns and pushes them.",
        epilog="`arc core move` takes calls, patterns and keys from the folder to servers.",
    )
    for setting in SETTINGS:
        default = "" if setting.default is None else f" (default: {setting.default})"
        made.add_argument(
            setting.option,
            dest=setting.name,
            metavar=setting.name.upper(),
            help=f"{setting.meaning}{default} [{setting.env}]",
        )
    return made
