"""Open Inference Protocol v2 (KServe v2), REST: what may be asked of a model, and the checks of its tensors.

Source: Open Inference Protocol specification 2.0, "HTTP/REST": health, server and model metadata, inference.
Left out: gRPC, binary tensors, shared memory and batching extensions; none is claimed in the server metadata.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from ldt_stack.forecaster.features import FEATURES, Floats
from ldt_stack.forecaster.model import MODEL_NAME, QUANTILES

JsonObject = dict[str, Any]
INPUT_NAME, OUTPUT_NAME = "features", "quantiles"
DATATYPES = ("FP64", "FP32")
MAX_ROWS = 4096
PLATFORM = "scikit-learn_joblib"


class ProtocolError(Exception):
    """The request is not one this model can answer.

    Attributes:
        status: HTTP status, 4xx.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What is left of a request once it is known to be sound."""

    id: str | None
    features: Floats


def server_metadata(version: str) -> JsonObject:
    """Answer of `GET /v2`."""
    return {"name": "ldt-forecaster", "version": version, "extensions": []}


def model_metadata(versions: Sequence[str]) -> JsonObject:
    """Answer of `GET /v2/models/{name}`; -1 stands for any number of rows."""
    return {
        "name": MODEL_NAME,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [{"name": INPUT_NAME, "datatype": "FP64", "shape": [-1, len(FEATURES)]}],
        "outputs": [{"name": OUTPUT_NAME, "datatype": "FP64", "shape": [-1, len(QUANTILES)]}],
    }


def parse_inference(body: bytes) -> InferenceRequest:
    """Check an inference request down to the last number.

    Raises:
        ProtocolError: Says what is wrong with it, and what was expected.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"the body is no JSON: {error}") from error
    if not isinstance(request, dict):
        raise ProtocolError("the body must be a JSON object with a member 'inputs'")
    request_id = request.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise ProtocolError("'id' must be a string")
    _check_outputs(request.get("outputs"))
    tensors = request.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise ProtocolError("'inputs' must be a list with the one tensor 'features'")
    if not all(isinstance(tensor, dict) for tensor in tensors):
        raise ProtocolError("each of 'inputs' must be an object with name, shape, datatype and data")
    names = [tensor.get("name") for tensor in tensors]
    if names != [INPUT_NAME]:
        raise ProtocolError(f"'inputs' has {names!r:.200}; expected exactly one tensor named '{INPUT_NAME}'")
    return InferenceRequest(request_id, _tensor(tensors[0]))


def inference_answer(request: InferenceRequest, version: str, quantiles: Floats) -> JsonObject:
    """Answer of `POST …/infer`; data is flattened, row by row."""
    answer: JsonObject = {
        "model_name": MODEL_NAME,
        "model_version": version,
        "outputs": [
            {
                "name": OUTPUT_NAME,
                "datatype": "FP64",
                "shape": list(quantiles.shape),
                "data": quantiles.ravel().tolist(),
            }
        ],
    }
    if request.id is not None:
        answer["id"] = request.id
    return answer


def _check_outputs(outputs: Any) -> None:
    if outputs is None:
        return
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise ProtocolError("'outputs' must be a list of objects with a 'name'")
    unknown = [output.get("name") for output in outputs if output.get("name") != OUTPUT_NAME]
    if unknown:
        raise ProtocolError(f"'outputs' asks for {unknown!r:.200}; this model has '{OUTPUT_NAME}' only")


def _tensor(tensor: Mapping[str, Any]) -> Floats:
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if datatype not in DATATYPES:
        raise ProtocolError(f"tensor '{INPUT_NAME}' has datatype {datatype!r:.100}; expected FP64 or FP32")
    if not _is_shape(shape):
        raise ProtocolError(f"tensor '{INPUT_NAME}' has shape {shape!r:.100}; expected [rows, {len(FEATURES)}]")
    rows, columns = shape  # type: ignore[misc]  # reason: _is_shape has just said that it is a pair
    if columns != len(FEATURES) or not 1 <= rows <= MAX_ROWS:
        raise ProtocolError(
            f"tensor '{INPUT_NAME}' has shape [{rows}, {columns}]; expected [1 to {MAX_ROWS}, {len(FEATURES)}]"
        )
    numbers = _numbers(tensor.get("data"), rows, columns)
    return np.array(numbers, dtype=np.float64).reshape(rows, columns)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and len(shape) == 2 and all(type(size) is int for size in shape)


def _numbers(data: Any, rows: int, columns: int) -> list[float]:
    """The numbers of a tensor, given flat or as a list of rows."""
    if not isinstance(data, list):
        raise ProtocolError("'data' must be a list of numbers, or a list of rows")
    if data and all(isinstance(row, list) for row in data):
        if len(data) != rows or any(len(row) != columns for row in data):
            raise ProtocolError(f"'data' is not {rows} rows of {columns} numbers as 'shape' says")
        data = [number for row in data for number in row]
    if len(data) != rows * columns:
        raise ProtocolError(f"'data' has {len(data)} elements; 'shape' says {rows} x {columns} = {rows * columns}")
    for position, number in enumerate(data):
        if type(number) not in {int, float} or not math.isfinite(number):
            raise ProtocolError(f"'data' element {position} is {number!r:.80}; expected a finite number")
        if abs(number) > 1e12:
            raise ProtocolError(f"'data' element {position} is {number!r:.80}; expected less than 1e12 in size")
    return [float(number) for number in data]
