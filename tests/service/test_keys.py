"""Row 26 of what is promised: without a key nothing but livez and readyz answers, whatever route or host is named."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.testclient import TestClient

from models.errors import ConfigError
from models.release import Releases
from models.settings import ServiceSettings, Settings, SourceSettings
from service.access import KEYS_ENV, NEEDED_ENV, OPEN, Access, is_local, is_loopback
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
    monkeypatch.setenv(NEEDED_ENV, "never")
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
    with pytest.raises(ConfigError, match=r"\Anobody has a key to call 0\.0\.0\.0 .* foresell keys add NAME"):
        serve(settings)
    behind_a_proxy = settings.model_copy(update={"service": ServiceSettings(require_keys="always")})
    with pytest.raises(
        ConfigError, match=r"nobody has a key to call 127\.0\.0\.1 with \(service\.require_keys = 'always'\)"
    ):
        serve(behind_a_proxy)


@pytest.mark.parametrize(("told", "status"), [("always", 401), ("0", 401), ("", 401), ("outside", 200), ("never", 200)])
def test_who_calls_from_the_same_machine_needs_a_key_where_a_proxy_lets_others_in(
    published: Releases, keys: Keys, monkeypatch: pytest.MonkeyPatch, told: str, status: int
) -> None:
    monkeypatch.setenv(KEYS_ENV, str(keys.path))
    monkeypatch.setenv(NEEDED_ENV, told)
    with client_of(published.folder, monkeypatch) as client:
        assert client.get("/v1/models").status_code == status
        assert client.get("/livez").status_code == 200
        assert client.get("/v1/models", headers=with_key(keys.add("crm", "score"))).status_code == 200


@pytest.mark.parametrize(
    ("server", "local"),
    [
        (("127.0.0.1", 3000), True),
        (("::1", 3000), True),
        (("::ffff:127.0.0.1", 3000), True),
        (("/run/foresell.sock", None), True),
        (("10.0.0.7", 3000), False),
        (("::ffff:10.0.0.7", 3000), False),
        (("localhost", 3000), False),
        (None, False),
    ],
)
def test_only_what_no_other_machine_reaches_is_local(server: Any, local: bool) -> None:
    assert is_local({"server": server}) is local


def test_a_call_from_another_address_needs_a_key_over_a_real_socket(keys: Keys) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        refusal = Access(keys).refusal(scope)
        await send({"type": "http.response.start", "status": refusal.status if refusal else 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    outside = _own_address()
    if outside is None:
        pytest.skip("this machine has no address but loopback")
    server = uvicorn.Server(uvicorn.Config(app, host="0.0.0.0", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code == 200
        assert httpx.get(f"http://{outside}:{port}/v1/models").status_code == 401
    finally:
        server.should_exit = True
        thread.join()


def _own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # nothing is sent: it only says from which address it would be
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found: str = probe.getsockname()[0]
    return None if is_loopback(found) else found


def test_two_keys_made_at_once_are_both_kept(keys: Keys) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = dict(zip("abcdefgh", pool.map(lambda name: Keys(keys.path).add(name, "score"), "abcdefgh"), strict=True))
    assert set(keys.all()) == set(made)
    assert all(keys.scope_of(key.encode()) == "score" for key in made.values())


def test_a_file_that_could_not_be_read_once_is_read_again(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.add("crm", "score").encode()
    read = Path.read_bytes

    def refused_once(self: Path) -> bytes:
        monkeypatch.setattr(Path, "read_bytes", read)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused_once)
    assert keys.scope_of(key) is None
    assert keys.scope_of(key) == "score"


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
