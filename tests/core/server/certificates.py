"""Certificates of an authority that exists for one test."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme


class Authority:
    """Issues certificates as PEM files in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *, expired: bool = False) -> tuple[Path, Path]:
        """Return the files of a certificate for this machine, and of its key."""
        ended = datetime.now(timezone.utc) - timedelta(days=1)
        dates = {"not_before": ended - timedelta(days=9), "not_after": ended} if expired else {}
        made = self._ca.issue_cert("localhost", "127.0.0.1", **dates)
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return cert, key

    def server(self, *, expired: bool = False) -> list[str]:
        """Return the options with which Core shows a new certificate."""
        cert, key = self.issue("expired" if expired else "server", expired=expired)
        return ["--tls-cert", str(cert), "--tls-key", str(key)]
