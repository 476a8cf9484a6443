"""Row 5 of what is promised: a store that is older than its operator allows does not answer that prediction.

The clock itself is moved in ``tests/service/test_freshness.py``; here a process runs by the real one.
"""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from models.release import Releases
from service.demonstration import free_port
from service.freshness import STALE_ENV
from service.serve import running
from tests.service.releases import customer_ids, publish_again

BODY = {"customers": customer_ids(1)}


@pytest.mark.slow
def test_a_stale_store_does_not_answer_one_prediction_and_the_next_release_does(
    sound: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = Releases(Path(shutil.copytree(sound.folder, tmp_path / "releases")))
    now = datetime.now(UTC)
    publish_again(releases, "r000002", at=now - timedelta(hours=49))
    monkeypatch.setenv(STALE_ENV, '{"churn": 48}')
    with running(releases.folder, free_port(), home=tmp_path / "bentos") as url, httpx.Client(base_url=url) as client:
        refused = client.post("/v1/churn", json=BODY)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "features_stale")
        assert client.post("/v1/repurchase", json=BODY).json()["release"] == "r000002"
        assert client.get("/readyz").status_code == 200
        publish_again(releases, "r000003", at=now)
        answer = refused
        for _ in range(600):
            answer = client.post("/v1/churn", json=BODY)
            if answer.status_code == 200:
                break
            time.sleep(0.1)
        assert answer.json()["release"] == "r000003"
