"""The Open Inference Protocol v2 over HTTP: what a client may rely on, and that nothing malformed breaks it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from ldt_stack.forecaster.cycle import Served
from ldt_stack.forecaster.features import FEATURES
from ldt_stack.forecaster.model import QuantileModel, Scores
from ldt_stack.forecaster.model_card import Training
from ldt_stack.forecaster.service import MAX_BODY_BYTES, create_app

MODEL = "/v2/models/traffic-flow"
COLUMNS = len(FEATURES)


class AppClient:
    """Asks an application without a socket; what it fails at comes back as 500."""

    def __init__(self, app: Starlette) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://forecaster.test")

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self.http.get(path))

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._runner.run(self.http.post(path, **body))

    def together(self, *requests: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
        async def ask() -> list[httpx.Response]:
            return await asyncio.gather(*requests)

        return self._runner.run(ask())

    def close(self) -> None:
        self._runner.run(self.http.aclose())
        self._runner.close()


class FixedRegressor:
    """Says the same for every row; the model around it is the real one."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), self.value)


class FixedCycle:
    """Stands for a cycle that has learnt already, or not yet."""

    def __init__(self, served: Served | None) -> None:
        self.served = served


def served_model() -> Served:
    scores = Scores(1.0, 0.7, 0.9, 0.7, 0.9, 0.8, 1.0, 100)
    training = Training("3", "2026-11-23T09:00:00Z", ("a", "b"), ["x"], 100, "sha256:0", scores)
    model = QuantileModel(tuple(FixedRegressor(value) for value in (30.0, 20.0, 10.0)), 100, scores)
    return Served("3", model, training, datetime(2026, 11, 23, 9, tzinfo=UTC))


@pytest.fixture(scope="module")
def client() -> Iterator[AppClient]:
    client = AppClient(create_app(FixedCycle(served_model()), run_cycle=False))  # type: ignore[arg-type]  # reason: only `served` is used
    yield client
    client.close()


@pytest.fixture
def untrained() -> Iterator[AppClient]:
    client = AppClient(create_app(FixedCycle(None), run_cycle=False))  # type: ignore[arg-type]  # reason: only `served` is used
    yield client
    client.close()


def request(rows: int = 1, **changes: Any) -> dict[str, Any]:
    tensor = {"name": "features", "shape": [rows, COLUMNS], "datatype": "FP64", "data": [1.5] * rows * COLUMNS}
    return {"id": "42", "inputs": [{**tensor, **changes}]}


def test_health_and_metadata(client: AppClient) -> None:
    """Health, server and model metadata have the members that the protocol requires."""
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json()["ready"] is True
    assert set(client.get("/v2").json()) == {"name", "version", "extensions"}
    metadata = client.get(MODEL).json()
    assert metadata["name"] == "traffic-flow"
    assert metadata["versions"] == ["3"]
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, COLUMNS]}]
    assert client.get(f"{MODEL}/versions/3").json() == metadata
    assert client.get(f"{MODEL}/ready").json()["ready"] is True
    assert client.get(f"{MODEL}/versions/3/ready").status_code == 200


@pytest.mark.parametrize("rows", [1, 3, 4096])
@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/3"])
def test_inference(client: AppClient, rows: int, path: str) -> None:
    """The answer has names, shapes and datatypes of the metadata, ascending quantiles, and the request's id."""
    answer = client.post(f"{path}/infer", json=request(rows))
    assert answer.status_code == 200
    body = answer.json()
    output = body["outputs"][0]
    assert (body["model_name"], body["model_version"], body["id"]) == ("traffic-flow", "3", "42")
    assert (output["name"], output["datatype"], output["shape"]) == ("quantiles", "FP64", [rows, 3])
    assert output["data"] == [10.0, 20.0, 30.0] * rows


def test_nested_data(client: AppClient) -> None:
    """Data may be given as a list of rows as well as flat."""
    nested = request(2, data=[[1.0] * COLUMNS, [2] * COLUMNS])
    assert client.post(f"{MODEL}/infer", json=nested).status_code == 200


def test_sample_request(client: AppClient) -> None:
    """The sample that the site file names is answered."""
    sample = json.loads(files("ldt_stack.forecaster").joinpath("sample_request.json").read_bytes())
    assert client.post(f"{MODEL}/infer", json=sample).status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shape": [1, COLUMNS - 1]}, "shape"),
        ({"shape": [0, COLUMNS], "data": []}, "shape"),
        ({"shape": [-1, COLUMNS]}, "shape"),
        ({"shape": [True, COLUMNS]}, "shape"),
        ({"shape": [4097, COLUMNS]}, "4096"),
        ({"shape": COLUMNS}, "shape"),
        ({"datatype": "INT64"}, "datatype"),
        ({"datatype": ["FP64"]}, "datatype"),
        ({"datatype": None}, "datatype"),
        ({"data": [1.0] * (COLUMNS - 1)}, "elements"),
        ({"data": [[1.0] * COLUMNS, [1.0]]}, "rows"),
        ({"data": ["1.0"] * COLUMNS}, "finite number"),
        ({"data": [None] * COLUMNS}, "finite number"),
        ({"data": [True] * COLUMNS}, "finite number"),
        ({"data": [1e300] * COLUMNS}, "less than"),
        ({"data": 1.0}, "list"),
        ({"name": "wrong"}, "features"),
    ],
)
def test_malformed_tensor(client: AppClient, changes: dict[str, Any], said: str) -> None:
    """Each fault of a tensor is answered 400 with a sentence that names it, and the server stays ready."""
    answer = client.post(f"{MODEL}/infer", json=request(**changes))
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert client.get("/v2/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b'{"inputs": [NaN]}', "no JSON"),
        (b"[]", "object"),
        (b"{}", "inputs"),
        (b'{"inputs": []}', "inputs"),
        (b'{"inputs": [1]}', "inputs"),
        (b'{"inputs": {"name": "features"}}', "inputs"),
        (b'{"id": 4, "inputs": []}', "id"),
        (b'{"inputs": [], "outputs": [{"name": "x"}]}', "outputs"),
        (b'{"inputs": [{"name": "features"}, {"name": "features"}]}', "exactly one"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_malformed_body(client: AppClient, body: bytes, said: str) -> None:
    """A body that is no inference request is answered 400 with a sentence that says why."""
    answer = client.post(f"{MODEL}/infer", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = {
    "name": st.just("features") | JSON,
    "shape": st.just([1, COLUMNS]) | JSON,
    "datatype": st.just("FP64") | JSON,
}
DATA = st.lists(st.floats(-1e6, 1e6), min_size=COLUMNS, max_size=COLUMNS) | st.lists(JSON, max_size=16) | JSON
TENSORS = st.fixed_dictionaries({}, optional={**MEMBERS, "data": DATA})
REQUESTS = st.fixed_dictionaries(
    {}, optional={"id": JSON, "outputs": JSON, "inputs": st.lists(TENSORS, max_size=2) | JSON}
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(REQUESTS | JSON)
def test_any_json_is_answered(client: AppClient, body: Any) -> None:
    """Whatever JSON comes, the answer is either finite quantiles or 400 with an error, never a failure."""
    answer = client.post(f"{MODEL}/infer", content=json.dumps(body))
    if answer.status_code == 200:
        assert all(math.isfinite(number) for number in answer.json()["outputs"][0]["data"])
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_large_body_is_refused(client: AppClient) -> None:
    """A body above the limit is answered 413, not read to its end."""
    assert client.post(f"{MODEL}/infer", content=b" " * (MAX_BODY_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("path", ["/v2/models/other", f"{MODEL}/versions/9", "/v2/models/other/ready", "/nothing"])
def test_unknown_is_404(client: AppClient, path: str) -> None:
    """Unknown models, versions and paths are 404 with an error in JSON."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_wrong_method_is_405(client: AppClient) -> None:
    """Inference by GET is refused in the protocol's own form."""
    answer = client.get(f"{MODEL}/infer")
    assert answer.status_code == 405
    assert answer.json()["error"]


def test_not_ready_before_training(untrained: AppClient) -> None:
    """A server that has not learnt yet lives, is not ready, and says so to who asks its model."""
    assert untrained.get("/v2/health/live").status_code == 200
    assert untrained.get("/v2/health/ready").status_code == 503
    assert untrained.get(f"{MODEL}/ready").json() == {"name": "traffic-flow", "ready": False}
    answer = untrained.post(f"{MODEL}/infer", json=request())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_openapi_describes_what_is_answered(client: AppClient) -> None:
    """The OpenAPI 3.1 document has every route, and real answers fit its schemas."""
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = set(document["paths"])
    assert {"/v2", f"{MODEL.replace('traffic-flow', '{model}')}/infer", "/v2/health/ready"} <= described
    schemas = {**document["components"]["schemas"]}
    for path, name, answer in [
        ("/v2/models/{model}", "ModelMetadata", client.get(MODEL)),
        ("/v2", "ServerMetadata", client.get("/v2")),
        ("/v2/models/{model}/infer", "InferenceResponse", client.post(f"{MODEL}/infer", json=request())),
    ]:
        assert path in described
        jsonschema.validate(answer.json(), {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


def test_requests_do_not_wait_for_each_other(client: AppClient) -> None:
    """Health is answered while inference runs."""
    infer = client.http.post(f"{MODEL}/infer", json=request(4096))
    answers = client.together(infer, client.http.get("/v2/health/live"), client.http.get(MODEL))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
