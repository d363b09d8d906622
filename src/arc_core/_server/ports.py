"""Listening sockets, and a sentence that helps when a port is taken."""

from __future__ import annotations

import errno
import socket

import psutil

from arc_core.config import SettingError


def listen(host: str, port: int, option: str) -> socket.socket:
    """Return a socket that listens; `option` is the setting to name when the port is taken.

    Raises `SettingError`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=4096)
    except OSError as problem:
        raise SettingError(complaint(host, port, option, problem)) from None


def complaint(host: str, port: int, option: str, problem: OSError) -> str:
    """Say why a port cannot be had, who has it, and what to do."""
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken{_holder(port)}; "
            f"end that program or choose another port with {option}."
        )
    if problem.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has; choose another with {option}."
    return f"Arc Core cannot listen on {host} port {port}: {problem.strerror or problem}."


def _holder(port: int) -> str:
    """Name the process that listens there, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
