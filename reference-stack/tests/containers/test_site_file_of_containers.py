"""`python -m ldt_stack site-file`: what Compose is told and what the suite is told are the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ldt_conformance.engine.site.model import Site
from ldt_stack.supervisor import containers

REPOSITORY = Path(__file__).parents[3]
CONTEXT = {"@context": {"speed": "https://example.org/speed"}}
KEYS = "LDT_S3_ACCESS_KEY=someone\nLDT_S3_SECRET_KEY=canary-secret\n"


@pytest.fixture
def twin(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """City, forecaster and broker behind one port; what is hosted is kept."""
    hosted: dict[str, object] = {}

    def contexts(request: Request) -> Response:
        if request.method == "GET":
            return Response(json.dumps([{"localId": name} for name in hosted]), mimetype="application/json")
        name = f"urn:hosted:{len(hosted) + 1}"
        hosted[name] = json.loads(request.data)
        return Response(status=201, headers={"Location": f"/ngsi-ld/v1/jsonldContexts/{name}"})

    def one(request: Request) -> Response:
        return Response(json.dumps(hosted[request.path.rpartition("/")[2]]), mimetype="application/ld+json")

    httpserver.expect_request("/ngsi-ld/v1/jsonldContexts").respond_with_handler(contexts)
    httpserver.expect_request(re.compile("/ngsi-ld/v1/jsonldContexts/.+")).respond_with_handler(one)
    httpserver.expect_request("/contexts/city.jsonld").respond_with_json(CONTEXT)
    httpserver.expect_request("/v2/models/traffic-flow").respond_with_json({"versions": ["1", "7"]})
    for name in containers.SETTINGS.values():
        monkeypatch.setenv(name, str(httpserver.port))
    return httpserver


def test_defaults_are_those_of_the_compose_file() -> None:
    """Each port, the address, and each key's name stand so in docker-compose.yml."""
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")

    for name, setting in containers.SETTINGS.items():
        assert set(re.findall(rf"\$\{{{setting}:-(\d+)}}", text)) == {str(containers.PORTS[name])}
    assert set(re.findall(r"\$\{LDT_ADDRESS:-([^}]+)}", text)) == {containers.LOOPBACK}
    assert all(f"${{{key}:?" in text for key in containers.KEYS)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """As with Compose; comments, quotes and empty lines are read as Compose reads them."""
    env = tmp_path / ".env"
    env.write_text('# LDT_A=commented\n\nLDT_A=file\nLDT_B="quoted # text"  # why\n', encoding="utf-8")

    settings = containers.read_settings(env, {"LDT_A": "environment", "HOME": "/nowhere"})

    assert settings == {"LDT_A": "environment", "LDT_B": "quoted # text"}


def test_the_site_file_is_complete_and_holds_no_secret(
    twin: HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written twice: the suite's model accepts it, keys are private files, the @context is hosted once."""
    env = tmp_path / ".env"
    env.write_text(KEYS, encoding="utf-8")
    folder = tmp_path / "site"

    assert [containers.main([str(folder), "--env-file", str(env)]) for _ in range(2)] == [0, 0]

    text = (folder / "ldt.yaml").read_text(encoding="utf-8")
    site = Site.model_validate(yaml.safe_load(text))
    assert site.samples.links["context"] == twin.url_for("/ngsi-ld/v1/jsonldContexts/urn:hosted:1").replace(
        "localhost", "127.0.0.1"
    )
    assert len([1 for request, _ in twin.log if request.method == "POST"]) == 1
    assert "canary-secret" not in text + capsys.readouterr().out
    assert (folder / "s3-secret-key").stat().st_mode & 0o077 == 0
    assert "/traffic-flow/7/" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "make-env.sh"),
        ("LDT_S3_ACCESS_KEY=only\n", "LDT_S3_SECRET_KEY"),
        (f"{KEYS}LDT_CITY_PORT=many\n", "a port is no number"),
        (f"{KEYS}LDT_FORECASTER_PORT=9\n", "docker compose ps"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    """No file, no key, a wrong port, or nobody there: exit 2, and what to do."""
    env = tmp_path / ".env"
    if content is not None:
        env.write_text(content, encoding="utf-8")

    assert containers.main([str(tmp_path / "site"), "--env-file", str(env)]) == 2

    assert said in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
