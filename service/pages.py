"""Everything that is read with GET: what serves, the OpenAPI document and a page that shows it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

import orjson
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from models.errors import ForesellError
from models.messages import Message, ModelReference
from models.prediction import Prediction
from service.codec import encode
from service.current import Current, Refusal
from service.errors import error_response
from service.openapi import document

# BentoML ships these files and serves them itself, so that the page works in a closed network
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-light-32x32.png")
_PATHS = ("/v1/models", "/livez", "/readyz", "/healthz", "/metrics", "/docs.json", "/docs", "/schema.json", "/")
SHARED_ROUTES: dict[str, Sequence[str]] = dict.fromkeys(
    (*_PATHS, *(f"/static_content/{name}" for name in _ASSETS)), ("GET", "HEAD")
)
"""Every path that is not a prediction's, with its methods."""


class ModelCard(Message):
    """What serves one prediction."""

    model: ModelReference = Field(description="The registered version that serves.")
    evaluated_version: str = Field(description="The registered version whose figures `evidence` holds.", examples=["1"])
    evidence: dict[str, Any] = Field(
        description="Method, cutoffs, test metrics with 95 % intervals, and the rivals' on the same split.",
        examples=[{"method": "boosting", "metrics": {"test.auc.h30": 0.81}}],
    )
    features: list[str] = Field(description="The features that it reads, in order.", examples=[["recency_days"]])


class ModelsResponse(Message):
    """What the service answers from."""

    release: str = Field(description="The open release.", examples=["r000001"])
    published_at: datetime = Field(description="When it was published, UTC.", examples=["2018-01-01T05:00:00Z"])
    as_of: date = Field(description="Local midnight up to which the store knows.", examples=["2018-01-01"])
    customers: int = Field(description="Customers in the store.", examples=[2469])
    fingerprint: str = Field(description="Fingerprint of the features.", examples=["9f86d081884c7d65"])
    models: dict[str, ModelCard] = Field(description="What serves, by prediction.")
    refused: Refusal | None = Field(
        description="The newest release, where it must not serve and the one before serves on; null = it serves."
    )


def pages(predictions: Sequence[Prediction]) -> Starlette:
    """Return the app that BentoML mounts; ``state.current`` must be set before it answers."""
    openapi = orjson.dumps(document(predictions, ModelsResponse))

    async def models(request: Request) -> Response:
        current: Current = request.app.state.current
        return Response(encode(_models(current).model_dump(mode="json")), media_type="application/json")

    async def docs_json(request: Request) -> Response:  # noqa: ARG001
        return Response(openapi, media_type="application/json")

    async def docs(request: Request) -> Response:  # noqa: ARG001
        return HTMLResponse(_PAGE)

    async def index(request: Request) -> Response:  # noqa: ARG001
        # BentoML's own page here loads a tracker from another host
        return RedirectResponse("docs")

    views: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/v1/models": models,
        "/docs.json": docs_json,
        "/docs": docs,
        "/": index,
    }
    routes = [Route(path, view) for path, view in views.items()]
    return Starlette(routes=routes, exception_handlers={ForesellError: refused})


async def refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer an error that a route raised on purpose."""
    assert isinstance(error, ForesellError)
    return error_response(error)


def _models(current: Current) -> ModelsResponse:
    release, refusal = current.release, current.refusal
    manifest = release.manifest
    cards = {
        name: ModelCard(
            model=model.model,
            evaluated_version=model.evaluated_version,
            evidence=model.evidence,
            features=list(release.store.names),
        )
        for name, model in manifest.predictions.items()
    }
    return ModelsResponse(
        release=manifest.name,
        published_at=manifest.published_at,
        as_of=manifest.as_of,
        customers=len(release.store),
        fingerprint=manifest.fingerprint,
        models=cards,
        refused=refusal,
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foresell API</title>
<link rel="icon" type="image/png" href="static_content/favicon-light-32x32.png">
<link rel="stylesheet" href="static_content/swagger-ui.css">
<style>body { margin: 0; background: #fafafa; }</style>
</head>
<body>
<div id="docs"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({ url: "docs.json", dom_id: "#docs", deepLinking: true, validatorUrl: null,
  defaultModelsExpandDepth: 0, presets: [SwaggerUIBundle.presets.apis] });
</script>
</body>
</html>
"""
