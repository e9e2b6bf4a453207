"""AI and models: declared, described, served (LDT-KN-01 to -05). Inference is tried with the declared sample alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.twin import JSON, Place, Twin, load_file
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, not_applicable, warn

DATATYPES = frozenset(
    {
        "BOOL",
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FP16",
        "FP32",
        "FP64",
        "BYTES",
        "BF16",
    }
)
WANTED = ("purpose", "kind", "owner", "status")


@toolbox_check("knowledge/ai-declared", "LDT-KN-01")
def test_ai_declared(twin: Twin, run: RunContext) -> None:
    models = twin.site.ai
    if models is None:
        inconclusive(
            Reason.NOT_DECLARED, "ldt.yaml says nothing about AI", expected="ai: a list of models, or [] for none"
        )
    if not models:
        run.note("the site declares that it uses no AI")
        return
    gaps = [
        f"{model.name} lacks {', '.join(missing)}"
        for model in models
        if (missing := [name for name in WANTED if not getattr(model, name)])
    ]
    expected = "purpose, kind, owner and status of each model"
    if len(gaps) == len(models) and all(not model.purpose and not model.kind for model in models):
        fail(expected, listed(gaps))
    if gaps:
        warn(Reason.PARTIAL, expected, listed(gaps))
    run.note(f"{len(models)} declared")


def server(twin: Twin) -> tuple[Place, list[str]]:
    """Where the Open Inference Protocol answers, and the names of the models declared there."""
    if twin.site.ai == ():
        not_applicable(Reason.UNCLAIMED, "the site declares that it uses no AI")
    place = twin.place("kserve-v2")
    endpoint = twin.target.endpoint(place.role)
    names = [model.model or model.name for model in twin.site.ai or () if model.endpoint == place.role]
    if endpoint is not None and endpoint.model:
        names = list(dict.fromkeys([endpoint.model, *names]))
    if not names:
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml names no model (endpoints.forecaster.model or ai[].model)")
    return place, names


def model_path(name: str) -> str:
    """The resource of a model, below /v2."""
    return f"/models/{quote(name, safe='')}"


def body_of(response: Response) -> dict[str, Any]:
    """The JSON object of an answer, {} for anything else."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def metadata(twin: Twin, place: Place, name: str) -> tuple[Response, dict[str, Any]]:
    """The metadata of a model; asked once."""
    response = twin.once(f"model {place.url} {name}", lambda: place.get(model_path(name), headers=JSON))
    return response, body_of(response)


def tensors(value: Any) -> list[Mapping[str, Any]]:
    """Inputs or outputs of a model."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


@toolbox_check("knowledge/model-metadata", "LDT-KN-02")
def test_model_metadata(twin: Twin, run: RunContext) -> None:
    place, names = server(twin)
    for name in names:
        response, found = metadata(twin, place, name)
        if response.status != 200 or found.get("name") != name:
            fail(f"200 with the metadata of {name}", f"{response.status} {response.text[:100]}")
        lacks = [] if found.get("platform") else ["platform"]
        lacks += [key for key in ("inputs", "outputs") if not tensors(found.get(key))]
        if lacks:
            fail("platform, inputs and outputs in the metadata", f"{name} lacks {', '.join(lacks)}")
        for tensor in [*tensors(found["inputs"]), *tensors(found["outputs"])]:
            if tensor.get("datatype") not in DATATYPES or not isinstance(tensor.get("shape"), list):
                fail("name, datatype and shape of each tensor", f"{name}: {tensor}")
    run.note(listed(names))


@toolbox_check("knowledge/server-ready", "LDT-KN-03")
def test_server_ready(twin: Twin, run: RunContext) -> None:
    place, names = server(twin)
    paths = ["/health/live", "/health/ready", *(f"{model_path(name)}/ready" for name in names)]
    wrong = [f"{path} {status}" for path in paths if (status := place.get(path).status) != 200]
    if wrong:
        fail("200 from live, ready and each model's ready", listed(wrong))


@toolbox_check("knowledge/inference", "LDT-KN-04")
def test_inference(twin: Twin, run: RunContext) -> None:
    place, _ = server(twin)
    tried = 0
    for name, request in _samples(twin, place):
        tried += 1
        response = place.client.request("POST", f"{place.url}{model_path(name)}/infer", json=request)
        fault = inference_fault(response, tensors(metadata(twin, place, name)[1].get("outputs")))
        if fault:
            fail("200 with the outputs that the metadata names, finite numbers", f"{name}: {fault}")
        run.measure("inference_seconds", response.elapsed_seconds)
    if not tried:
        inconclusive(
            Reason.NOT_DECLARED, "no model of ldt.yaml has a sample request (ai[].sample)", expected="a sample"
        )


def _samples(twin: Twin, place: Place) -> Iterator[tuple[str, Any]]:
    for model in twin.site.ai or ():
        if model.sample is not None and model.endpoint in {None, place.role}:
            yield model.model or model.name, load_file(twin.directory / model.sample)


def inference_fault(response: Response, outputs: list[Mapping[str, Any]]) -> str | None:
    """What is wrong with an inference response by the metadata of the model; None where nothing is."""
    if response.status != 200:
        return f"{response.status} {response.text[:120]}"
    found = {str(tensor.get("name")): tensor for tensor in tensors(body_of(response).get("outputs"))}
    for wanted in outputs:
        tensor = found.get(str(wanted.get("name")))
        if tensor is None:
            return f"the output {wanted.get('name')} is missing"
        if tensor.get("datatype") != wanted.get("datatype"):
            return f"{wanted.get('name')} is {tensor.get('datatype')}, the metadata says {wanted.get('datatype')}"
        shape, stated = tensor.get("shape"), wanted.get("shape")
        if not isinstance(shape, list) or not isinstance(stated, list) or not _fits(shape, stated):
            return f"{wanted.get('name')} has the shape {shape}, the metadata says {stated}"
        if not all(isinstance(size, int) for size in shape):
            return f"{wanted.get('name')} has the shape {shape}"
        values = list(_flat(tensor.get("data")))
        if len(values) != math.prod(shape):
            return f"{wanted.get('name')} has {len(values)} values for the shape {shape}"
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            return f"{wanted.get('name')} has values that are not finite"
    return None if found else "no output"


def _fits(shape: list[Any], stated: list[Any]) -> bool:
    return len(shape) == len(stated) and all(a == b or b in {-1, None} for a, b in zip(shape, stated, strict=True))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for member in value:
            yield from _flat(member)
    elif value is not None:
        yield value


@toolbox_check("knowledge/bad-input", "LDT-KN-05")
def test_bad_input(twin: Twin, run: RunContext) -> None:
    place, names = server(twin)
    name = names[0]
    inputs = tensors(metadata(twin, place, name)[1].get("inputs"))
    if not inputs:
        inconclusive(Reason.PRECONDITION_UNMET, f"the metadata of {name} names no input")
    first = str(inputs[0].get("name"))
    bad = {
        "no tensor": {"inputs": []},
        "a shape that is not that of the data": {
            "inputs": [{"name": first, "shape": [7, 13], "datatype": inputs[0].get("datatype"), "data": [1]}]
        },
        "an unknown datatype": {"inputs": [{"name": first, "shape": [1], "datatype": "LDTCHECK", "data": [1]}]},
    }
    faults = []
    for what, request in bad.items():
        response = place.client.request("POST", f"{place.url}{model_path(name)}/infer", json=request)
        if not 400 <= response.status < 500:
            faults.append(f"{what}: {response.status}")
        elif "error" not in body_of(response):
            faults.append(f"{what}: {response.status} without error")
    ready = place.get("/health/ready").status
    if ready != 200:
        faults.append(f"afterwards the server is not ready ({ready})")
    if faults:
        fail("4xx with an error text, and a server that stays ready", listed(faults))
