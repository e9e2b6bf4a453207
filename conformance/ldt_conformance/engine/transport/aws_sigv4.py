"""AWS Signature Version 4 for S3-compatible object storage.

Source: AWS General Reference, "Create a signed AWS API request"; service `s3`: the path is encoded once, not twice, and
the payload's digest is a header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import httpx

SIGNED_HEADERS = ("host", "x-amz-content-sha256", "x-amz-date")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3Signature(httpx.Auth):
    """Signs every request with an access key and its secret."""

    requires_request_body = True

    def __init__(self, access_key: str, secret_key: str, region: str, curl: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region
        self.curl = curl

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the three headers."""
        self.sign(request, datetime.now(UTC))
        yield request

    def sign(self, request: httpx.Request, now: datetime) -> None:
        """Sign as of an instant (UTC)."""
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        request.headers["x-amz-date"] = stamp
        request.headers["x-amz-content-sha256"] = hashlib.sha256(request.content).hexdigest()
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(self._canonical(request).encode()).hexdigest()
        key = f"AWS4{self._secret_key}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        signature = _hmac(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}").hex()
        request.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={';'.join(SIGNED_HEADERS)}, Signature={signature}"
        )

    @staticmethod
    def _canonical(request: httpx.Request) -> str:
        path = quote(unquote(request.url.raw_path.split(b"?")[0].decode("ascii")), safe="/-_.~")
        pairs = sorted(
            (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in request.url.params.multi_items()
        )
        query = "&".join(f"{name}={value}" for name, value in pairs)
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in SIGNED_HEADERS)
        return "\n".join(
            [
                request.method,
                path or "/",
                query,
                headers,
                ";".join(SIGNED_HEADERS),
                request.headers["x-amz-content-sha256"],
            ]
        )
