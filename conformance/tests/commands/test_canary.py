"""Canary secrets of every kind of authentication, against a twin that sends back whatever it is sent: in no output.

The twin repeats credentials in headers and bodies, plain and in several encodings. What the commands write and print is
then searched by undoing encodings (base64 at every alignment, URL-encoding, entities, JSON escapes, hexadecimal), not
by the list of encodings that our masking knows.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, unquote, unquote_plus

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.site.site_file import load_site
from ldt_conformance.reports.interface import Edition, Format, read_report, render

from ..engine.fakes import Answer, FakeBroker, Seen, Served
from .process import assert_clear, ldt, report_of

KINDS = ("header", "bearer", "basic", "oauth2", "oidc", "s3_access", "s3_secret", "key_password", "file", "token")
CANARIES = {kind: f"cAnArY-{kind}/of+our=own&{kind}~%~end" for kind in KINDS}
IN_ENVIRONMENT = {f"LDT_CANARY_{kind.upper()}": value for kind, value in CANARIES.items() if kind != "file"}


def spellings(value: str) -> list[str]:
    """A value as it is and as servers like to encode it."""
    data = value.encode()
    plain = [value, quote(value, safe=""), quote_plus(value), html.escape(value), data.hex()]
    return plain + [base64.b64encode(b"x" * shift + data + b":end").decode() for shift in range(3)]


class Parrot(FakeBroker):
    """Repeats every credential that it has ever received, in answers to everybody, and issues opaque tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[str, None] = {}
        self.token_refusal = False

    def _respond(self, seen: Seen) -> Answer:
        self._listen(seen)
        if seen.path.startswith("/token"):
            return self._token()
        if seen.path == "/.well-known/openid-configuration":
            return Answer(200, {"issuer": self.url, "token_endpoint": f"{self.url}/token"})
        answer = super()._respond(seen)
        if answer.status == 404 and seen.method == "GET":
            answer = Answer(200, {"openapi": "3.0.0"})
        repeated = [spelling for value in list(self.heard)[-20:] for spelling in spellings(value)]
        if isinstance(answer.body, dict):
            answer.body = {**answer.body, "title": " ".join(repeated[:8]), "repeated": repeated}
        last = repeated[1] if repeated else ""
        answer.headers |= {"X-Repeated": last, "Link": f'<http://twin.example/?key={last}>; rel="x"', "Server": last}
        return answer

    def _listen(self, seen: Seen) -> None:
        for name in ("authorization", "x-key"):
            if name in seen.headers:
                self.heard |= {seen.headers[name]: None, seen.headers[name].partition(" ")[2]: None}
        kind, _, coded = seen.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            password = base64.b64decode(coded).decode().partition(":")[2]
            self.heard |= {password: None, unquote_plus(password): None}  # at the token endpoint it is form-encoded
        form = parse_qs(seen.body.decode(errors="replace")) if seen.path == "/token" else {}
        self.heard |= dict.fromkeys(form.get("client_secret", []))
        self.heard.pop("", None)

    def _token(self) -> Answer:
        if self.token_refusal:
            return Answer(400, {"error": " ".join(spellings(list(self.heard)[-1]))})
        return Answer(200, {"access_token": CANARIES["token"], "token_type": "Bearer", "expires_in": 60})


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    twin = Parrot()
    yield twin
    twin.close()


@pytest.fixture
def site(parrot: Parrot, write_site: Callable[..., Path], authority: trustme.CA, tmp_path: Path) -> Path:
    """A site that uses every kind of authentication that there is, each with a canary of its own."""
    (tmp_path / "secret").write_text(CANARIES["file"] + "\n")
    certificate = authority.issue_cert("client@example.org")
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    lock = BestAvailableEncryption(CANARIES["key_password"].encode())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))

    def secret(kind: str) -> str:
        return f"${{LDT_CANARY_{kind.upper()}}}"

    client = {"client_id": "ldt"}
    auths: dict[str, dict[str, Any]] = {
        "broker": {"kind": "oauth2", "token_url": f"{parrot.url}/token", "client_secret": secret("oauth2"), **client},
        "api": {"kind": "header", "name": "X-Key", "value": secret("header")},
        "forecaster": {"kind": "bearer", "token": secret("bearer")},
        "catalogue": {"kind": "basic", "username": "me", "password": secret("basic")},
        "portal": {"kind": "basic", "username": "me", "password": {"file": "secret"}},
        "identity": {"kind": "oidc", "issuer": parrot.url, "client_secret": secret("oidc"), **client},
        "objects": {"kind": "s3", "access_key": secret("s3_access"), "secret_key": secret("s3_secret")},
        "features": {
            "kind": "mtls", "certificate": "client.pem", "key": "key.pem", "key_password": secret("key_password"),
        },
    }  # fmt: skip
    endpoints = {role: {"url": parrot.url, "auth": auth} for role, auth in auths.items()}
    return write_site({"safety": {"mode": "load"}}, **endpoints)


def undone(text: str) -> Iterator[bytes]:
    """The text, and what comes out when encodings are undone, the whole or wherever something looks encoded."""
    yield text.encode(errors="surrogateescape")
    plain = html.unescape(html.unescape(text))
    for opened in (unquote(text), unquote(unquote(text)), unquote_plus(text), plain):
        yield opened.encode(errors="surrogateescape")
    yield re.sub(r'\\(["\\/])', r"\1", re.sub(r"\\u00([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text)).encode()
    for run in re.findall(r"[0-9a-fA-F]{16,}", text):
        yield binascii.unhexlify(run[: len(run) // 2 * 2])
    for run in set(re.findall(r"[A-Za-z0-9+/_-]{16,}", unquote(plain))):
        for shift in range(4):
            part = run[shift:].replace("-", "+").replace("_", "/")
            yield base64.b64decode(part[: len(part) // 4 * 4])


def found_in(text: str) -> set[str]:
    """The kinds of canaries that a text gives away; a piece of one is enough."""
    pieces = {kind: value[:-6].encode() for kind, value in CANARIES.items()}
    return {kind for opened in undone(text) for kind, piece in pieces.items() if piece in opened}


def texts_of(folder: Path, done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Everything that a command printed or left in files, unpacked."""
    texts = {"standard output": done.stdout, "standard error": done.stderr}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
            texts[str(path.relative_to(folder))] = text.decode(errors="surrogateescape")
    return texts


@pytest.mark.parametrize("value", ["cAnArY-oauth2/of+our=own&oauth2~%~end"])
def test_the_search_finds_every_spelling(value: str) -> None:
    """The search itself works: each spelling is found, within other text, in JSON and in HTML."""
    for spelling in spellings(value):
        for text in (f"a {spelling} b", json.dumps({"k": f"<{spelling}>"}), f"<p title='{html.escape(spelling)}'>"):
            assert found_in(text) == {"oauth2"}, spelling
    assert found_in("nothing in here, cAnArY or not") == set()


@pytest.mark.slow
@pytest.mark.timeout(600)  # six commands, one after the other, on a machine that may be busy
def test_no_command_gives_a_secret_away(parrot: Parrot, site: Path, tmp_path: Path) -> None:
    """check, load, gap, badge, discover and every rendering: no canary on the screen or in any file."""
    out = tmp_path / "out"
    commands = {
        "check": ["check", str(site), "--pack", "toolbox", "--out", str(out), "-n", "1"],
        "check of the broker": ["check", str(site), "--select", "create_entity", "--out", str(out), "-n", "1"],
        "load": ["load", str(site), "--scenario", "ingest", "--duration", "1s", "--out", str(out)],
        "gap": ["gap", str(site), "--no-probe", "--out", str(out)],
        "discover": ["discover", parrot.url, "--out", str(out / "discovered.yaml")],
        "badge": ["badge", str(out)],
    }
    for name, arguments in commands.items():
        done = ldt(*arguments, cwd=tmp_path, **IN_ENVIRONMENT)
        assert_clear(done)
        assert done.returncode in {0, 1, 3}, (name, done.stdout, done.stderr)
        assert not found_in(done.stdout + done.stderr), name
    for format_ in set(Format) - {Format.HTML, Format.GAP}:  # what is not written anyway
        for edition in Edition:
            report, digest = read_report(out / "report.json")
            (out / f"{edition}.{format_}").write_text(render(report, format_, edition=edition, digest=digest))
    for place, text in texts_of(out, done).items():
        assert not found_in(text), place
    written = {path.name for path in out.iterdir()}
    assert {"report.json", "evidence.jsonl.gz", "report.html", "gap.html", "badge.svg", "discovered.yaml"} <= written
    heard = " ".join(parrot.heard)
    sent = {kind for kind, value in CANARIES.items() if value in heard}
    assert sent >= set(KINDS) - {"s3_secret", "s3_access", "key_password"}  # these three never travel as they are
    assert CANARIES["s3_access"][:16] in heard
    assert len(report_of(out)["load"]) == 1


def test_a_token_endpoint_that_repeats_the_secret(parrot: Parrot, site: Path, tmp_path: Path) -> None:
    """Its error is told as the root cause, without the secret that stands in it."""
    parrot.token_refusal = True
    done = ldt("check", str(site), "--select", "create_entity", cwd=tmp_path, **IN_ENVIRONMENT)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "to the request for a token" in done.stdout
    for place, text in texts_of(tmp_path / "ldt-report", done).items():
        assert not found_in(text), place
    done = ldt("load", str(site), "--duration", "1s", cwd=tmp_path, **IN_ENVIRONMENT)
    assert done.returncode == 3, done.stdout + done.stderr
    assert_clear(done)
    assert not found_in(done.stdout + done.stderr)


def test_a_secret_where_none_belongs_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """A secret within the site file or an address: a usage error that does not quote it."""
    canary = CANARIES["bearer"]
    auth = {"kind": "bearer", "token": canary}
    wrong = [
        {"url": "http://127.0.0.1:1", "auth": auth},
        {"url": "http://127.0.0.1:1", "auth": {**auth, "kind": "baerer"}},
        {"url": "http://127.0.0.1:1", "auth": {"kind": "header", "name": "X-Key", "valeu": canary}},
        {"url": f"http://me:{quote(canary, safe='')}@127.0.0.1:1"},
        {"url": f"http://127.0.0.1:1/?api_key={quote(canary, safe='')}"},
    ]
    for endpoint in wrong:
        path = tmp_path / "ldt.yaml"
        path.write_text(json.dumps({"site": {"name": "T"}, "endpoints": {"broker": endpoint}}))
        with pytest.raises(SiteError) as refused:
            load_site(path)
        assert not found_in(str(refused.value)), endpoint
    for command in ("check", "discover"):
        done = ldt(command, wrong[3]["url"], cwd=tmp_path)
        assert done.returncode == 2
        assert not found_in(done.stdout + done.stderr)


def test_a_browser_page_of_the_twin_is_searched_too(tmp_path: Path) -> None:
    """A secret in a page that is no JSON, in the middle of a long body: masked in the evidence all the same."""
    canary = CANARIES["header"]
    page = ("<p>" + "x" * 9000 + f"{base64.b64encode(('..' + canary).encode()).decode()}</p>").encode()
    server = Served(lambda seen: Answer(200, page, {"Content-Type": "text/html"}))
    auth = {"kind": "header", "name": "X-Key", "value": "${LDT_CANARY_HEADER}"}
    site = {"site": {"name": "T"}, "endpoints": {"broker": {"url": server.url, "auth": auth}}}
    (tmp_path / "ldt.yaml").write_text(json.dumps(site))
    done = ldt("check", "--select", "create_entity", cwd=tmp_path, **IN_ENVIRONMENT)
    server.close()
    assert done.returncode == 3
    texts = texts_of(tmp_path / "ldt-report", done)
    assert "x" * 9000 in texts["evidence.jsonl.gz"]
    assert not {place for place, text in texts.items() if found_in(text)}
