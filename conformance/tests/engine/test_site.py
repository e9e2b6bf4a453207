"""The site file: what it may say, and how a mistake in it is told."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.run.session import Options, Session
from ldt_conformance.engine.site.model import json_schema
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.site.site_file import load_site, parse_site, site_for_url

SCHEMA = Path(__file__).parents[3] / "docs" / "ldt.schema.json"
WHOLE = """
site: {name: Lux TEF electromobility, owner: Example, country: LU, bbox: [5.7, 49.4, 6.6, 50.2]}
target: {level: 1, by: 2027-06}
claims: {ngsi_ld: 1.8.1, citcom_level: 0, edic_profile: predictive, capabilities: [temporal, subscriptions]}
safety: {mode: probe, max_requests: 500, rate: 10}
endpoints:
  broker: {url: https://ldt.example.org/ngsi-ld/v1, api: ngsi-ld, tenant: null, ca: certs/own.pem,
           auth: {kind: oauth2, token_url: https://id.example.org/token, client_id: a, client_secret: "${LDT_SECRET}"}}
  history: {url: https://ldt.example.org, prefix: /twin, proxy: http://proxy.example.org:3128}
  objects: {url: https://s3.example.org, api: s3, bucket: staging,
            auth: {kind: s3, access_key: "${KEY}", secret_key: {file: s3.key}}}
  model: {file: dtdl/station.json, api: dtdl-3}
  api: {url: https://api.example.org, auth: {kind: header, name: X-Api-Key, value: "${API_KEY}"}}
  identity: {url: https://id.example.org,
             auth: {kind: oidc, issuer: https://id.example.org, client_id: a, client_secret: "${B}"}}
  portal: {url: https://portal.example.org, auth: {kind: basic, username: me, password: "${PORTAL}"}}
  connector: {url: https://c.example.org, auth: {kind: mtls, certificate: c.pem, key: c.key}}
  catalogue: {url: https://cat.example.org, auth: {kind: bearer, token: "${TOKEN}"}}
objectives: {p95_milliseconds: 300, scenarios: {ingest: {error_share: 0.01}}}
data_sources: [{name: charging sessions, kind: api, format: json, endpoint: broker}]
pipelines: [{name: ingest, source: charging sessions, target: broker, engine: nifi}]
services: [{name: charging map, domain: mobility, types: [EVChargingStation]}]
ai: []
visualisations: [{name: dashboard, url: https://dash.example.org, access: public}]
answers: {data_sources: "…", interoperability: "…", LDT-OR-16: "…"}
samples: {types: [EVChargingStation], entities: ["urn:ngsi-ld:EVChargingStation:1"]}
waivers: [{check: create-entity/minimal, until: 2027-01-31, reason: the vendor knows}]
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(SiteError) as raised:
        parse_site(text)
    return raised.value.problems


def refused(text: str) -> list[str]:
    """The problems of a file; none where it is read."""
    try:
        parse_site(text)
    except SiteError as error:
        return error.problems
    return []


def test_a_site_file_with_everything_in_it_is_read():
    """Every section of the design's example, and every kind of authentication, is understood."""
    site = parse_site(WHOLE)
    assert site.endpoints["broker"].auth.kind == "oauth2"
    assert site.claims.ngsi_ld == "1.8.1"
    assert site.target is not None
    assert site.target.by == "2027-06"
    assert site.ai == ()
    assert site.waivers[0].until.year == 2027


def test_the_published_schema_is_that_of_the_model():
    """docs/ldt.schema.json is what `json_schema` makes; run the test with its content to renew it."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema()


def test_the_schema_accepts_what_the_model_accepts():
    """An editor that uses the published schema does not complain about a right file."""
    document = json.loads(json.dumps(yaml.safe_load(WHOLE), default=str))
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)


def test_the_version_may_be_written_short():
    """YAML reads 1.8 as a number; people mean the edition 1.8.1."""
    assert parse_site("site: {name: x}\nclaims: {ngsi_ld: 1.8}").claims.ngsi_ld == "1.8.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("site: {name: x, ownr: y}", "ldt.yaml:1:17: site.ownr: unknown key; nearest known: owner"),
        ("site: {name: x}\nendpoint: {}", "ldt.yaml:2:1: endpoint: unknown key; nearest known: endpoints"),
        (
            "site: {name: x}\nendpoints:\n  brokr: {url: 'http://x.org'}",
            "ldt.yaml:3:3: endpoints.brokr: unknown role; nearest known: broker",
        ),
        (
            "site: {name: x}\nendpoints: {api: {url: 'http://x', auth: {kind: bearer, tokn: '${A}', token: '${A}'}}}",
            "endpoints.api.auth.tokn: unknown key; nearest known: token",
        ),
        (
            "site: {name: x}\nendpoints:\n  broker: {url: 'http://x.org', auth: {kind: bearr, token: '${A}'}}",
            "unknown kind 'bearr'; nearest known: bearer",
        ),
        ("site: {name: x}\nsafety: {mode: prob}", "nearest known: probe"),
        ("site: {name: x}\nclaims: {edic_profile: predictve}", "nearest known: predictive"),
        ("site: {name: x}\nendpoints: {broker: {api: ngsi-ld}}", "endpoints.broker: needs either url or file"),
        ("site: {name: x}\nendpoints: {broker: {url: ftp://x.org}}", "starts with http:// or https://"),
        ("site: {name: x}\nendpoints: {broker: {url: 'http://a:b@x.org'}}", "must not carry user or password"),
        ("site: {name: x}\nendpoints: {broker: {url: 'http://x.org/?api_key=1'}}", "must not carry a key"),
        ("site: {name: x}\nsite: {name: y}", "ldt.yaml:2:1: site: stands twice"),
        ("endpoints: {}", "site: is missing and needed"),
        ("site: {name: x}\ndata_sources: [{name: a, endpoint: objects}]", "data_sources.0 names objects"),
        ("- a\n- b", "found a list"),
        ("", "found nothing"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write_instead(text: str, expected: str):
    """Each mistake names key, place and the nearest thing that would be right."""
    assert any(expected in problem for problem in problems_of(text)), problems_of(text)


def test_a_syntax_error_is_told_with_line_and_column():
    """What is no YAML says where it stops being any."""
    (problem,) = problems_of("site: {name: x}\nendpoints:\n  broker: {url: 'http://x.org'\n")
    assert problem.startswith("ldt.yaml:4:1: not YAML")


def test_a_secret_in_the_file_is_refused_and_not_repeated():
    """The message says how to name a secret, and does not print the one that was found."""
    text = "site: {name: x}\nendpoints: {broker: {url: 'http://x.org', auth: {kind: bearer, token: hunter2-hunter2}}}"
    (problem,) = problems_of(text)
    assert "${NAME}" in problem
    assert "{file: path}" in problem
    assert "hunter2" not in problem


def test_all_mistakes_are_told_at_once():
    """A file with three mistakes needs one round, not three."""
    text = "site: {nam: x}\nendpoints: {brokr: {url: 'http://x.org'}}\nsafety: {mode: sandbox}"
    assert len(problems_of(text)) == 4  # nam, the missing name, brokr, sandbox


def test_a_missing_file_is_told(tmp_path: Path):
    """No such file: the message names it and what to try."""
    with pytest.raises(SiteError, match="no such file"):
        load_site(tmp_path / "ldt.yaml")


def test_a_url_alone_is_a_site():
    """Whoever only has a URL gets a site with a broker."""
    assert site_for_url("http://127.0.0.1:9090").endpoints["broker"].url == "http://127.0.0.1:9090"
    with pytest.raises(SiteError):
        site_for_url("http://me:secret@127.0.0.1")


def test_secrets_that_are_not_there_are_all_told_before_anything_is_sent(tmp_path: Path):
    """Two variables that are not set and a file that is missing: three problems, exit code 2."""
    site = tmp_path / "ldt.yaml"
    site.write_text(
        "site: {name: x}\nendpoints:\n"
        "  broker: {url: 'http://127.0.0.1:9', auth: {kind: bearer, token: '${LDT_NOT_SET_A}'}}\n"
        "  api: {url: 'http://127.0.0.1:9', auth: {kind: header, name: X-Key, value: 'k ${LDT_NOT_SET_B}'}}\n"
        "  portal: {url: 'http://127.0.0.1:9', auth: {kind: basic, username: u, password: {file: nowhere}}}\n"
    )
    with pytest.raises(SiteError) as raised:
        Session.open(Options(site=str(site), out=str(tmp_path / "out")))
    said = str(raised.value)
    assert raised.value.exit_code == 2
    assert "LDT_NOT_SET_A" in said
    assert "LDT_NOT_SET_B" in said
    assert "nowhere" in said


def test_a_secret_too_short_to_be_masked_is_refused(tmp_path: Path):
    """Three characters occur by chance everywhere: nothing could keep them out of a report."""
    secrets = Secrets(environ={"A": "abc"}, directory=tmp_path)
    secrets.resolve("${A}", "endpoints.broker.auth")
    assert "characters" in secrets.problems[0]


LINES = WHOLE.strip().splitlines()
PIECES = st.sampled_from(
    ["", "{", "}", "[", "]", ":", "- ", "&a *a", "null", "'", "\t", "!!python/object:os.system", "\x00", "é"]
)


@settings(max_examples=150, deadline=None)
@given(
    cut=st.integers(0, len(WHOLE)),
    length=st.integers(0, 40),
    piece=PIECES | st.text(max_size=8),
    dropped=st.sets(st.integers(0, len(LINES) - 1), max_size=6),
)
def test_no_site_file_however_broken_gives_anything_but_a_site_error(
    cut: int, length: int, piece: str, dropped: set[int]
):
    """Mutated files are read, or refused in sentences: never a traceback."""
    text = "\n".join(line for index, line in enumerate(LINES) if index not in dropped)
    problems = refused(text[:cut] + piece + text[cut + length :])
    assert all(problem and "Traceback" not in problem for problem in problems)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(section=st.sampled_from(list(yaml.safe_load(WHOLE))), value=JSON_VALUES)
def test_any_value_in_any_section_is_read_or_refused(section: str, value: object):
    """A section of the wrong form is told as a mistake of the file."""
    document = yaml.safe_load(WHOLE) | {section: value}
    assert all(refused(yaml.safe_dump(document)))
