"""Our own OpenAPI 3.1 document: every route, every status, our error body.

BentoML's leaves out mounted routes and most statuses.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from models.prediction import Prediction
from service.access import ADMIN, OPEN

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_DERIVED = {
    "date": "2018-01-01",
    "date-time": "2018-01-01T00:00:00",
    "boolean": False,
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "array": [],
    "object": {},
    "null": None,
}


class ErrorDetail(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="Stable name of the cause, for programs.", examples=["invalid_request"])
    message: str = Field(description="What is wrong and what is allowed.", examples=["customers.0.as_of: is required"])
    field: str | None = Field(description="Dotted path of the offending field.", examples=["customers.0.as_of"])


class ErrorBody(BaseModel):
    """The one shape of every error."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorDetail = Field(description="What went wrong.")


_FAULTS = {
    400: "The body is not UTF-8 JSON, or a number is not finite.",
    401: "The call shows no key; one is needed on any address but loopback.",
    403: "The key's scope does not reach so far.",
    405: "The path does not take this method.",
    408: "The header or the body was not there in time: 10 seconds each unless configured otherwise.",
    413: "The body is larger than 8 MiB.",
    415: "The body is not labelled application/json.",
    422: "The body is JSON but asks for what the schema, or this release, does not have; `field` says where.",
    429: "Too many large calls at once; Retry-After says in how many seconds to come again.",
    431: "The header is larger than 64 KiB.",
    500: "Something failed in the service; nothing of it is shown.",
    503: "No verified release is open, or it does not have this prediction, or it is too old for it.",
    504: "The answer took too long.",
}
_KEY: Json = {
    "type": "http",
    "scheme": "bearer",
    "description": "Needed on any address but loopback: `foresell keys add NAME` makes one.",
}
_REQUEST_ID: Json = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "Name of the call; where it is not 1 to 128 printable ASCII characters, one is made in its place.",
    "schema": {"type": "string"},
    "example": "crm-42",
}


def document(predictions: Sequence[Prediction], models: type[BaseModel]) -> Json:
    """Return the document.

    Parameters
    ----------
    predictions : sequence of Prediction
        Each has an endpoint.
    models : type of BaseModel
        The answer of ``GET /v1/models``.
    """
    schemas = _schemas([ErrorBody, models], predictions)
    paths: Json = {f"/v1/{prediction.name}": {"post": _scoring(prediction, schemas)} for prediction in predictions}
    paths["/v1/models"] = {"get": _get("models", "What serves: versions, evidence, features.", _ref(models), (503,))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Foresell",
            "version": _version(),
            "description": "Predictions about a retailer's customers. Calls change nothing: retrying one is safe.",
        },
        "paths": paths | _probes(),
        "components": {"schemas": schemas, "securitySchemes": {"key": _KEY}},
        "security": [{"key": []}, {}],
    }


def _scoring(prediction: Prediction, schemas: Mapping[str, Json]) -> Json:
    schema = _ref(prediction.request)
    return {
        "operationId": prediction.name.replace("-", "_"),
        "summary": prediction.question,
        "tags": ["predictions"],
        "parameters": [_REQUEST_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": _example(schema, schemas)}},
        },
        "responses": _responses(
            "The answers, in the order asked.",
            _ref(prediction.response),
            (400, 401, 405, 408, 413, 415, 422, 429, 431, 500, 503, 504),
        ),
    }


def _probes() -> Json:
    text = {"type": "string"}
    anything = {"type": "object"}
    plain = {
        "/livez": _get("livez", "Whether the process runs and could answer.", text, (503,), "text/plain"),
        "/readyz": _get("readyz", "Whether a verified release is open.", text, (503,), "text/plain"),
        "/healthz": _get("healthz", "The same as /livez.", text, (503,), "text/plain"),
        "/metrics": _get("metrics", "Figures for Prometheus.", text, (), "text/plain"),
        "/docs.json": _get("docs_json", "This document.", anything, ()),
        "/docs": _get("docs", "This document as a page.", text, (), "text/html"),
        "/schema.json": _get("schema_json", "What BentoML's own client reads.", anything, ()),
    }
    index = _get("index", "Leads to /docs.", text, (), "text/html")
    del index["responses"]["200"]
    index["responses"]["307"] = {"description": "To /docs."}
    return {path: {"get": operation} for path, operation in (plain | {"/": index}).items()}


def _get(name: str, summary: str, schema: Json, statuses: Sequence[int], media_type: str = "application/json") -> Json:
    keyed = () if f"/{name}" in OPEN else (401, 403) if f"/{name}" in ADMIN else (401,)
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["service"],
        "parameters": [_REQUEST_ID],
        "responses": _responses(summary, schema, (*statuses, *keyed, 405, 408, 431, 500), media_type),
    }


def _responses(description: str, schema: Json, statuses: Sequence[int], media_type: str = "application/json") -> Json:
    headers = {"X-Request-Id": {"description": "Name of the call.", "schema": {"type": "string"}}}
    faults = {
        str(status): {
            "description": _FAULTS[status],
            "headers": headers,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model="ErrorBody")}}},
        }
        for status in sorted(statuses)
    }
    answer = {"description": description, "headers": headers, "content": {media_type: {"schema": schema}}}
    return {"200": answer} | faults


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(shared: Sequence[type[BaseModel]], predictions: Sequence[Prediction]) -> Json:
    requests = dict.fromkeys(prediction.request for prediction in predictions)
    answers = dict.fromkeys([*(prediction.response for prediction in predictions), *shared])
    inputs = [(model, "validation") for model in requests]
    outputs = [(model, "serialization") for model in answers]
    _, found = models_json_schema([*inputs, *outputs], ref_template=_REF)  # type: ignore[list-item]
    schemas: Json = found["$defs"]
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            field.setdefault("description", _described(field, schemas))
            field.setdefault("examples", [_example(field, schemas)])
    return schemas


def _described(field: Json, schemas: Mapping[str, Json]) -> str:
    """Return the description of the type that a field refers to."""
    name = field.get("$ref", "").rpartition("/")[2]
    return str(schemas.get(name, {}).get("description", field.get("title", "")))


def _example(schema: Json, schemas: Mapping[str, Json]) -> Any:
    """Derive an example where a type leaves only a few: an enumeration, a default, a date, another model."""
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema:
        properties = schemas[schema["$ref"].rpartition("/")[2]].get("properties", {})
        return {name: _example(field, schemas) for name, field in properties.items()}
    if "anyOf" in schema:
        # a text that may be absent mostly is
        return (
            None if schema["anyOf"] == [{"type": "string"}, {"type": "null"}] else _example(schema["anyOf"][0], schemas)
        )
    if schema.get("type") == "array" and "items" in schema:
        return [_example(schema["items"], schemas)]
    if isinstance(schema.get("additionalProperties"), dict):
        return {"name": _example(schema["additionalProperties"], schemas)}
    return _DERIVED[str(schema.get("format", schema.get("type", "null")))]


def _version() -> str:
    try:
        return version("foresell")
    except PackageNotFoundError:
        # a bento carries the packages as files
        return "0"
