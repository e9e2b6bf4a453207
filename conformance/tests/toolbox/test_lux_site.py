"""The shipped Lux TEF site says what its owners said in public, and nothing else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from ldt_conformance.engine.site.model import ANSWER_LAYERS, Site
from ldt_conformance.engine.site.site_file import load_site

PATH = Path(str(files("ldt_conformance").joinpath("sites", "lux-tef.yaml")))


@pytest.fixture(scope="module")
def lux() -> Site:
    return load_site(PATH)


def test_answers_are_those_of_the_page(lux: Site) -> None:
    """All layers that the page asks about are answered; services, which it does not ask about, stays silent."""
    assert set(lux.answers) == set(ANSWER_LAYERS) - {"services"}
    assert "DTDL v3" in lux.answers["interoperability"]
    assert "not yet published" in lux.answers["data_acquisition"]
    assert lux.services is None


def test_nothing_is_invented(lux: Site) -> None:
    """No address, date, licence, interval or NGSI-LD version stands in the file, for the page gives none."""
    assert not lux.endpoints
    assert "http" not in PATH.read_text(encoding="utf-8")
    assert lux.target is not None
    assert (lux.target.level, lux.target.by) == (1, None)
    assert lux.claims.ngsi_ld is None
    assert lux.data_sources
    assert all(source.licence is None and source.interval_seconds is None for source in lux.data_sources)


def test_model_is_dtdl_and_no_component_speaks_ngsi_ld(lux: Site) -> None:
    """DTDL 3 and OpenAPI 3.0 are claimed; no component is declared with an NGSI API."""
    assert lux.claims.standards["dtdl"] == "3"
    assert lux.claims.standards["openapi"] == "3.0"
    apis = {component.api for component in lux.components if component.api}
    assert apis == {"dtdl-3", "openapi-3.0", "s3"}


def test_staging_store_is_there_but_not_published(lux: Site) -> None:
    """MinIO plays the role of the object store, speaks S3, and its data is not published."""
    minio = next(component for component in lux.components if component.name == "MinIO")
    assert (minio.role, minio.api, minio.published) == ("objects", "s3", False)
