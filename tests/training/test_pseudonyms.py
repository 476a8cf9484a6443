import hashlib
import hmac
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import ConfigError, InvalidRequestError
from models.settings import PrivacySettings, Settings, SourceSettings, load_settings
from training.pseudonyms import hash_key, hashed, key_state, pseudonym, require_key

KEY = b"a key of thirty-two bytes or so!"


def in_duckdb(texts: list[str | None], key: bytes) -> list[str | None]:
    ids = ibis.memtable(pa.table({"id": pa.array(texts, pa.string())}))
    connection = ibis.duckdb.connect(threads=1)
    found: list[str | None] = connection.to_pyarrow(hashed(ids.id, key)).to_pylist()
    connection.disconnect()
    return found


def test_a_pseudonym_is_the_first_half_of_the_standard_digest() -> None:
    whole = hmac.new(KEY, "顾客 7".encode(), hashlib.sha256).hexdigest()
    assert pseudonym("顾客 7", KEY) == whole[:32]
    assert in_duckdb(["顾客 7"], KEY) == [whole[:32]]


def test_a_published_digest_comes_out() -> None:
    # RFC 4231, test case 2
    assert pseudonym("what do ya want for nothing?", b"Jefe") == "5bdcc146bf60754e6a042426089575c7"


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_keys_of_every_length_give_the_same_in_duckdb(length: int) -> None:
    key = bytes(range(1, length + 1)) if length < 200 else b"\xff" * length
    assert in_duckdb(["7", "007"], key) == [pseudonym("7", key), pseudonym("007", key)]


def test_null_stays_null() -> None:
    assert in_duckdb([None, "7"], KEY) == [None, pseudonym("7", KEY)]


TEXTS = st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(texts=TEXTS)
@example(texts=["", "\0", "a\0b", "🙂" * 300, "'; drop", "\\x00", "e\u0301", "\u00e9", " 7", "7"])
def test_duckdb_and_python_agree_on_every_text(texts: list[str]) -> None:
    assert in_duckdb([*texts], KEY) == [pseudonym(text, KEY) for text in texts]


def test_an_id_is_refused_when_it_is_no_text() -> None:
    with pytest.raises(InvalidRequestError, match=r"id '7\\udcff' is no Unicode text; write it in the terminal's own"):
        pseudonym("7\udcff", KEY)


def workspace(privacy: PrivacySettings) -> Settings:
    return Settings(workspace=".", source=SourceSettings(builtin="complete-journey"), privacy=privacy)


def test_there_is_a_key_when_ids_are_hashed_alone() -> None:
    text = KEY.decode()
    assert hash_key(workspace(PrivacySettings(hash_ids=True, key=text))) == KEY
    assert hash_key(workspace(PrivacySettings(key=text))) is None
    with pytest.raises(ConfigError, match=r"ids are not hashed: .* only with hash_ids = true under \[privacy\]"):
        require_key(workspace(PrivacySettings()))


def test_the_state_changes_with_the_key_and_does_not_tell_it() -> None:
    assert key_state(None) == ""
    assert key_state(KEY) != key_state(KEY[::-1])
    assert KEY.decode() not in key_state(KEY)


@pytest.mark.parametrize(("key", "length"), [(None, 0), ("x" * 31, 31)])
def test_hashing_is_refused_when_the_key_is_short(key: str | None, length: int) -> None:
    with pytest.raises(
        ValueError, match=f"needs a key of 32 characters or more, it has {length}: set FORESELL_PRIVACY"
    ):
        PrivacySettings(hash_ids=True, key=key)


def test_the_key_is_refused_and_not_repeated_when_the_file_holds_it(tmp_path: Path) -> None:
    text = f'[source]\nbuiltin = "cdnow"\n[privacy]\nhash_ids = true\nkey = "{KEY.decode()}"\n'
    (tmp_path / "foresell.toml").write_text(text)
    with pytest.raises(
        ConfigError, match=r"privacy\.key is read only from the environment.*FORESELL_PRIVACY__KEY"
    ) as e:
        load_settings(tmp_path)
    assert KEY.decode() not in e.value.message
