"""`ldt discover`: what answers is said with evidence, and the site file it writes is a valid one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from ldt_conformance.engine.site.site_file import load_site

TYPES = {"id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": ["Vehicle"]}
ROOT = "/ngsi-ld/v1"


def ldt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ldt_conformance", "discover", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def dead_url() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def serve_broker(server: HTTPServer) -> str:
    """A broker that hosts @contexts and knows the concise representation, but not pick."""
    concise = {"id": "urn:ngsi-ld:Vehicle:1", "type": "Vehicle", "speed": {"value": 40}}
    server.expect_request(f"{ROOT}/types").respond_with_json(TYPES)
    server.expect_request(f"{ROOT}/jsonldContexts").respond_with_json([])
    server.expect_request(f"{ROOT}/entities").respond_with_json([concise])
    return server.url_for("").rstrip("/")


def test_broker_is_found_with_evidence_and_version(httpserver: HTTPServer, tmp_path: Path) -> None:
    """An NGSI-LD broker is named with confidence, evidence and estimated version, and becomes the broker of a site."""
    url = serve_broker(httpserver)

    result = ldt(f"{url}{ROOT}", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert f"ngsi-ld 1.6.1 at {ROOT} (certain): GET {ROOT}/types answered an EntityTypeList" in result.stdout
    site = load_site(tmp_path / "ldt.yaml")
    broker = site.endpoints["broker"]
    assert (broker.url, broker.api) == (url, "ngsi-ld")
    assert site.claims.ngsi_ld is None  # an estimate is no claim
    assert '# ngsi_ld: "1.6.1"' in (tmp_path / "ldt.yaml").read_text(encoding="utf-8")


def test_only_reads_are_sent(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Discovery sends nothing but GET."""
    ldt(serve_broker(httpserver), cwd=tmp_path)

    assert {request.method for request, _ in httpserver.log} == {"GET"}


def test_existing_file_is_kept(httpserver: HTTPServer, tmp_path: Path) -> None:
    """A site file is not overwritten, and nothing is sent, unless --force is given."""
    url = serve_broker(httpserver)
    (tmp_path / "ldt.yaml").write_text("mine", encoding="utf-8")

    refused = ldt(url, cwd=tmp_path)
    kept, sent = (tmp_path / "ldt.yaml").read_text(encoding="utf-8"), len(httpserver.log)
    forced = ldt(url, "--force", cwd=tmp_path)

    assert (refused.returncode, kept, sent) == (2, "mine", 0)
    assert "--force" in refused.stderr
    assert forced.returncode == 0, forced.stderr
    assert "broker" in load_site(tmp_path / "ldt.yaml").endpoints


def test_dead_address_is_one_sentence(dead_url: str, tmp_path: Path) -> None:
    """Where nothing answers, one sentence says so, no file is written and the exit code is 3."""
    result = ldt(dead_url, cwd=tmp_path)

    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1
    assert f"{dead_url} does not answer" in result.stderr
    assert not (tmp_path / "ldt.yaml").exists()


def test_dead_address_beside_a_living_one(httpserver: HTTPServer, dead_url: str, tmp_path: Path) -> None:
    """What was found is written even where another address is dead, which the exit code and a comment tell."""
    result = ldt(serve_broker(httpserver), dead_url, "--out", "city.yaml", cwd=tmp_path)

    assert result.returncode == 3
    assert set(load_site(tmp_path / "city.yaml").endpoints) == {"broker"}
    assert f"# {dead_url}: " in (tmp_path / "city.yaml").read_text(encoding="utf-8")


def test_web_page_is_no_api(httpserver: HTTPServer, tmp_path: Path) -> None:
    """A web page is said to be one, and becomes no endpoint."""
    httpserver.expect_request("/").respond_with_data("<html><title>City</title></html>", content_type="text/html")

    result = ldt(httpserver.url_for("/"), cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "a web page (City) answers" in result.stdout
    assert not load_site(tmp_path / "ldt.yaml").endpoints


def test_titles_cannot_write_into_the_file(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Line ends in what a server says end no comment: they add no key to the site file."""
    document = {"openapi": "3.0.3", "info": {"title": "x\nsafety: {mode: disruptive}\n"}, "paths": {}}
    httpserver.expect_request("/openapi.json").respond_with_json(document)

    result = ldt(httpserver.url_for("/openapi.json"), cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    site = load_site(tmp_path / "ldt.yaml")
    assert site.safety.mode == "probe"
    assert site.endpoints["api"].url == httpserver.url_for("/openapi.json")


def test_credentials_in_an_address_are_refused(tmp_path: Path) -> None:
    """An address with a password is refused before anything is sent, for it would be written to the file."""
    result = ldt("http://me:pass-9f@127.0.0.1:1/", cwd=tmp_path)

    assert result.returncode == 2
    assert not (tmp_path / "ldt.yaml").exists()
