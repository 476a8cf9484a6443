"""The real sample after train, promote and publish: what several slow modules ask it with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson

from models.prediction import Served
from models.release import Manifest, Releases
from models.settings import Settings

CUSTOMERS = 2469
UNKNOWN = "nobody-we-know"


@dataclass(frozen=True)
class Sample:
    """The sample's workspace after train, promote and publish."""

    settings: Settings
    runs: dict[str, str]

    @property
    def workspace(self) -> Path:
        return self.settings.workspace

    @property
    def manifest(self) -> Manifest:
        return Releases(self.settings.releases).current()


def everyone(served: Served) -> list[str]:
    return list(served.store.ids_at(np.arange(len(served.store))))


def ask(service: httpx.Client, name: str, customers: list[Any], **more: Any) -> dict[str, Any]:
    response = service.post(f"/v1/{name}", content=orjson.dumps({"customers": customers, **more}))
    assert response.status_code == 200, response.text
    return orjson.loads(response.content)


def as_json(value: object) -> object:
    """Return a value of a table as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
