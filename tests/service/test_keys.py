import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.errors import ConfigError
from models.release import Releases
from models.settings import ServiceSettings, Settings, SourceSettings
from service.access import KEYS_ENV, OPEN, REQUIRED_ENV
from service.app import ROUTES
from service.keys import Keys
from service.serve import serve
from tests.service.conftest import client_of
from tests.service.test_guard import refused
from tests.shop import open_shop

OUTSIDE = "http://192.0.2.7:3000"
BODY = {"customers": ["c000001"]}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def outside(keys: Keys, published: Releases, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The service as another machine calls it."""
    monkeypatch.setenv(KEYS_ENV, str(keys.path))
    with client_of(published.folder, monkeypatch) as client:
        client.base_url = OUTSIDE  # type: ignore[assignment]
        yield client


def with_key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", [*ROUTES, "/nowhere", "/v1/churn/", "//livez", "/livez/../metrics"])
def test_every_route_but_two_is_closed_without_a_key(outside: TestClient, path: str) -> None:
    for method in ("GET", "POST", "HEAD", "DELETE"):
        answer = outside.request(method, path, json=BODY if method == "POST" else None, follow_redirects=False)
        if path in OPEN:
            assert answer.status_code in (200, 405)
        else:
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                refused(answer, 401, "unauthorized", "foresell keys add NAME")


def test_a_key_opens_what_its_scope_reaches(outside: TestClient, keys: Keys) -> None:
    score, admin = keys.add("crm", "score"), keys.add("prometheus", "admin")
    for key in (score, admin):
        assert outside.post("/v1/churn", json=BODY, headers=with_key(key)).status_code == 200
        assert outside.get("/v1/models", headers=with_key(key)).status_code == 200
    refused(outside.get("/metrics", headers=with_key(score)), 403, "forbidden", "scope admin")
    assert outside.get("/metrics", headers=with_key(admin)).status_code == 200
    # once known, errors are as on loopback
    refused(outside.get("/nowhere", headers=with_key(score)), 404, "unknown_route")


@pytest.mark.parametrize(
    "header", ["{key}", "Basic {key}", "Bearer", "Bearer ", "Bearer {key}x", "Bearer é", "Bearer {key} {key}"]
)
def test_what_is_no_key_of_ours_is_refused(outside: TestClient, keys: Keys, header: str) -> None:
    value = header.format(key=keys.add("crm", "score"))
    refused(outside.get("/v1/models", headers={"authorization": value.encode()}), 401, "unauthorized")


def test_keys_come_and_go_while_the_service_runs(outside: TestClient, keys: Keys) -> None:
    old = keys.add("crm", "score")
    assert outside.get("/v1/models", headers=with_key(old)).status_code == 200
    new = keys.add("crm-2027", "score")
    keys.remove("crm")
    assert outside.get("/v1/models", headers=with_key(new)).status_code == 200
    refused(outside.get("/v1/models", headers=with_key(old)), 401, "unauthorized")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"crm": {"sha256": "x", "scope": "score"}}'])
def test_nobody_is_let_in_when_the_file_is_broken(outside: TestClient, keys: Keys, content: bytes) -> None:
    key = keys.add("crm", "score")
    keys.path.write_bytes(content)
    refused(outside.get("/v1/models", headers=with_key(key)), 401, "unauthorized")
    with pytest.raises(ConfigError, match=r"\Akeys\.json cannot be read: [^\n]+\Z"):
        keys.add("other", "score")


def test_no_key_is_needed_on_loopback_or_where_it_is_switched_off(
    client: TestClient, published: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post("/v1/churn", json=BODY).status_code == 200
    monkeypatch.setenv(REQUIRED_ENV, "0")
    with client_of(published.folder, monkeypatch) as opened:
        opened.base_url = OUTSIDE  # type: ignore[assignment]
        assert opened.get("/metrics").status_code == 200


def test_the_host_header_opens_nothing(outside: TestClient) -> None:
    answer = outside.get("/v1/models", headers={"host": "127.0.0.1", "x-forwarded-for": "127.0.0.1"})
    assert answer.status_code == 401


def test_the_file_holds_no_key(keys: Keys) -> None:
    key = keys.add("crm", "score")
    assert re.fullmatch(r"fs_[A-Za-z0-9_-]{43}", key)
    assert key not in keys.path.read_text()
    assert keys.scope_of(key.encode()) == "score"
    assert keys.add("other", "score") != key


@pytest.mark.parametrize("name", ["", " ", "a b", "ö", "-x", "x" * 65, "a\n"])
def test_a_name_that_is_none_is_refused_in_one_line(keys: Keys, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\A[^\n]+ is no name of a key: [^\n]+\Z"):
        keys.add(name, "score")
    assert not keys.path.exists()


def test_a_name_is_given_once(keys: Keys) -> None:
    keys.add("crm", "score")
    with pytest.raises(ConfigError, match="there is a key 'crm' already"):
        keys.add("crm", "admin")
    with pytest.raises(ConfigError, match="there is no key 'web'; there are: crm"):
        keys.remove("web")


def test_serving_to_others_is_refused_while_nobody_has_a_key(published: Releases, tmp_path: Path) -> None:
    (tmp_path / "releases").symlink_to(published.folder)
    settings = Settings(
        workspace=tmp_path, source=SourceSettings(builtin="complete-journey"), service=ServiceSettings(host="0.0.0.0")
    )
    with pytest.raises(ConfigError, match=r"\Aservice\.host = '0\.0\.0\.0' is not loopback, .* foresell keys add NAME"):
        serve(settings)


def test_keys_at_the_command_line(command: Callable[..., Any], tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "shop")
    said = command("keys", "add", "crm", "--workspace", shop)
    assert said.code == 0
    key = said.out.strip()
    assert Keys(shop / "keys.json").scope_of(key.encode()) == "score"
    assert command("keys", "list", "--workspace", shop).out == "crm: score\n"
    again = command("keys", "add", "crm", "--workspace", shop)
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert command("keys", "remove", "crm", "--workspace", shop).code == 0
    assert command("keys", "list", "--workspace", shop).out == "no keys\n"
