"""No secret in any output: known values are found in every encoding, unknown headers are not recorded at all."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.transport import masking
from ldt_conformance.engine.transport.masking import NOT_SHOWN, Masker

SECRETS = st.text(min_size=6, max_size=24).filter(lambda text: not text.isspace())
CODINGS = {
    "raw": lambda secret: secret,
    "percent": lambda secret: quote(secret, safe=""),
    "percent lower": lambda secret: re.sub("%[0-9A-F]{2}", lambda code: code.group().lower(), quote(secret, safe="")),
    "form": quote_plus,
    "twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "json": lambda secret: json.dumps({"v": secret}),
    "json utf-8": lambda secret: json.dumps({"v": secret}, ensure_ascii=False),
    "html": html.escape,
    "hex": lambda secret: secret.encode().hex(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "basic": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "basic long": lambda secret: base64.b64encode(f"usr:{secret}:and more".encode()).decode(),
    "in base64 json": lambda secret: base64.b64encode(
        json.dumps({"k": "x" + secret}, ensure_ascii=False).encode()
    ).decode(),
}


@pytest.mark.parametrize("coding", sorted(CODINGS))
@given(secret=st.text(alphabet="abcXYZ019+/=&;% -_.~:ü", min_size=8, max_size=24))
def test_a_secret_is_gone_in_every_encoding(coding: str, secret: str):
    """Whatever a target does with a secret before it sends it back, it is not written."""
    text = f"before {CODINGS[coding](secret)} after"
    masked = Masker({secret: "${NAME}"}).text(text)
    assert "${NAME}" in masked
    assert secret not in masked


@given(secret=SECRETS, noise=st.text(alphabet="0123456789", max_size=50))
def test_what_is_no_secret_stays(secret: str, noise: str):
    """A text without the secret is left as it is."""
    if secret not in noise:
        assert Masker({f"#{secret}": "${NAME}"}).text(noise) == noise


def test_a_longer_secret_is_masked_before_a_shorter_one_in_it():
    """A secret that contains another leaves no rest of itself."""
    masker = Masker({"sesame": "${A}", "open-sesame-now": "${B}"})
    assert masker.text("open-sesame-now sesame") == "${B} ${A}"


def test_a_secret_learned_during_the_run_is_masked_from_then_on():
    """Access tokens join the secrets when they are fetched."""
    secrets = {"first-secret": "${A}"}
    masker = Masker(secrets)
    assert masker.text("second-secret") == "second-secret"
    secrets["second-secret"] = "${B}"
    assert masker.text("second-secret") == "${B}"


def test_headers_that_are_not_known_to_be_harmless_are_named_only():
    """A key in a header of the site's own choice, or a cookie, is never recorded."""
    shown = Masker({}).headers({"Authorization": "Bearer x", "X-Key": "k", "Set-Cookie": "s", "Content-Type": "a/b"})
    assert shown == {
        "authorization": NOT_SHOWN, "x-key": NOT_SHOWN, "set-cookie": NOT_SHOWN, "content-type": "a/b",
    }  # fmt: skip


def test_who_comes_while_secrets_are_read_does_not_go_without(monkeypatch: pytest.MonkeyPatch):
    """Endpoints are looked at by several threads; the first to mask anything reads the secrets, which takes a while."""
    reading, go_on = threading.Event(), threading.Event()
    encodings = masking.encodings

    def slow(value: str) -> set[str]:
        if not reading.is_set():
            reading.set()
            assert go_on.wait(10)
        return encodings(value)

    monkeypatch.setattr(masking, "encodings", slow)
    masker = Masker({"open-sesame": "${A}"})
    first = threading.Thread(target=masker.text, args=("anything",))
    first.start()
    try:
        assert reading.wait(10)
        assert masker.text("it is open-sesame") == "it is ${A}"
    finally:
        go_on.set()
        first.join(10)
