"""A small S3 client: buckets and whole objects, signed with AWS Signature Version 4.

Why not boto3: the twin's parts put and get a handful of small objects. boto3 with botocore would add
some 25 MB to every installation for that (botocore carries the service models of all of AWS), and a second HTTP stack
beside httpx. What is here is the documented signature and five requests. Left out on purpose: multipart,
retries, redirects, STS.

Source: AWS Signature Version 4 for Amazon S3 (single chunk), Amazon S3 REST API 2006-03-01.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpx

REGION = "us-east-1"
ALGORITHM = "AWS4-HMAC-SHA256"
KEY_ELEMENT = re.compile(r"<Key>([^<]*)</Key>")
TOKEN_ELEMENT = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")


class ObjectStoreError(Exception):
    """The object store refused, or could not be reached."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and its secret; the secret never shows in a repr."""

    access_key: str
    secret_key: str = field(repr=False)


def sign(
    credentials: Credentials,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    body: bytes,
    moment: datetime,
    region: str = REGION,
) -> dict[str, str]:
    """The headers that make a request acceptable to S3.

    Args:
        host: With port, as in the Host header.
        path: Percent-encoded, from the root.
        query: Not encoded.
        moment: UTC; servers refuse what is more than 15 minutes off.
    """
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    content_digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": content_digest, "x-amz-date": stamp}
    signed = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            method,
            path,
            canonical_query(query),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            signed,
            content_digest,
        ]
    )
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    return {**headers, "authorization": authorization}


def canonical_query(query: Mapping[str, str]) -> str:
    """Sorted, percent-encoded as RFC 3986 has it (a space is %20, never +)."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


class S3Client:
    """Path-style access to one S3 service; to be used as a context manager. Safe to share between threads."""

    def __init__(self, url: str, credentials: Credentials, timeout_seconds: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._host = urlsplit(url).netloc
        self._credentials = credentials
        self._http = httpx.Client(timeout=timeout_seconds, trust_env=False)

    def __enter__(self) -> Self:
        """Give the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close connections."""
        self._http.close()

    def ensure_bucket(self, bucket: str) -> None:
        """Make the bucket unless it is there."""
        if self._send("HEAD", f"/{quote(bucket)}", expected=(200, 404)).status_code == httpx.codes.NOT_FOUND:
            self._send("PUT", f"/{quote(bucket)}")

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Write one object, whole."""
        self._send("PUT", f"/{quote(bucket)}/{quote(key, safe='/-_.~')}", body=body, content_type=content_type)

    def get(self, bucket: str, key: str) -> bytes | None:
        """One object, whole; None where there is none."""
        answer = self._send("GET", f"/{quote(bucket)}/{quote(key, safe='/-_.~')}", expected=(200, 404))
        return answer.content if answer.status_code == httpx.codes.OK else None

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Every key that begins with `prefix`, all pages (ListObjectsV2)."""
        found: list[str] = []
        query = {"list-type": "2", "prefix": prefix}
        while True:
            text = self._send("GET", f"/{quote(bucket)}", query=query).text
            found.extend(html.unescape(key) for key in KEY_ELEMENT.findall(text))
            following = TOKEN_ELEMENT.search(text)
            if following is None:
                return found
            query["continuation-token"] = html.unescape(following[1])

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str | None = None,
        expected: tuple[int, ...] = (200,),
    ) -> httpx.Response:
        headers = sign(self._credentials, method, self._host, path, query or {}, body, datetime.now(UTC))
        if content_type:
            headers["content-type"] = content_type
        encoded = f"?{canonical_query(query)}" if query else ""
        try:
            answer = self._http.request(method, f"{self._url}{path}{encoded}", headers=headers, content=body)
        except httpx.HTTPError as error:
            raise ObjectStoreError(f"{self._url} does not answer {method} {path} ({error}). Is it up?") from error
        if answer.status_code not in expected:
            raise ObjectStoreError(
                f"{self._url} answered {answer.status_code} to {method} {path}; expected "
                f"{' or '.join(map(str, expected))}: {answer.text[:300]}"
            )
        return answer
