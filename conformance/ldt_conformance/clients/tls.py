"""What a host shows when TLS is set up: version, certificate, and whether it still accepts what is outdated.

No request is sent: the connection is closed after the handshake.
"""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What was seen.

    Attributes:
        weak_accepted: An outdated version that was accepted, `""` where none was (or none could be offered from here).
        problem: Why no verified connection came about.
    """

    version: str = ""
    days_left: int = 0
    weak_accepted: str = ""
    problem: str = ""


def look_at_tls(host: str, port: int, ca: Path | None = None) -> TlsFacts:
    """Connect once with verification, and once offering only outdated versions.

    Args:
        ca: PEM bundle to trust besides the system's.
    """
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
            version = secured.version() or ""
    except ssl.SSLCertVerificationError as error:
        return TlsFacts(problem=f"the certificate is not valid: {error.verify_message}")
    except (OSError, ssl.SSLError) as error:
        return TlsFacts(problem=f"no TLS connection: {error}")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return TlsFacts(version, (ends - datetime.now(UTC)).days, _weak(host, port))


def _weak(host: str, port: int) -> str:
    """`TLSv1.1` or older where the host accepts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over this connection
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # offering an outdated version is the point
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection((host, port), TIMEOUT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as secured,
        ):
            return secured.version() or ""
    except (OSError, ssl.SSLError, ValueError):
        return ""
