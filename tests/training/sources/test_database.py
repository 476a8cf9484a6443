import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.errors import ContractError, SourceError
from models.settings import Settings
from tests.postgres import OWNER, PASSWORD, NoServerError, Server, running_server
from training.ingest import ingest
from training.progress import Progress, silent
from training.sources import Workbench, open_source, sql_reading
from training.sources.database import sample, tables_of

TODAY = date(2024, 6, 30)
START, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# what a CSV file of the same rows holds; every value is one that a careless reader changes
LINES = '''customer_id,ordered_at,order_id,product_id,quantity,amount,discount,channel
007,2024-01-31 10:00:00.123456,A1,p1,1,19.9900,0.10,shop
7,2024-02-29 23:59:59,A2,p1,-2,-0.0100,,Łódź
"Nº 5, ""x""",2024-03-31 02:30:00,"",p2,1.5000,999999999.9999,,
Ünïcødé 🛒,2024-03-31 12:00:00,A4,"  ",3,0.00005,0,""
,2024-04-01 00:00:00,A5,p3,1,2.50,,web
17850.0,2024-04-02 00:00:00,,p3,1,NaN,,
'''
CREATE_LINES = """create table order_lines (
    customer_id text, ordered_at timestamp, order_id varchar(20), product_id text, quantity numeric(10, 4),
    amount numeric, discount numeric(6, 2), channel text
)"""
CONTACTS = """customer_id,campaign_id,sent_at,is_control,responded_at
007,1,2024-03-31 00:30:00+00,t,
7,12345678901234,2024-03-31 01:30:00+00,f,2024-04-01 08:00:00+00
"""
CREATE_CONTACTS = """create table marketing."Contacts" (
    customer_id text, campaign_id bigint, sent_at timestamptz, is_control boolean, responded_at timestamptz
)"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        with running_server() as found:
            fill(found)
            yield found
    except NoServerError as error:
        pytest.skip(str(error))


def fill(server: Server) -> None:
    server.execute("create schema marketing", CREATE_LINES, CREATE_CONTACTS, "create view recent as select 1 as one")
    with server.connect() as connection:
        for table, text in (("order_lines", LINES), ('marketing."Contacts"', CONTACTS)):
            # an empty text that is quoted would stay empty; here, as in a CSV file, nothing is nothing
            with connection.cursor().copy(f"copy {table} from stdin (format csv, header)") as copy:
                copy.write(text)


def settings(workspace: Path, url: str, password: str | None = PASSWORD, **tables: Any) -> Settings:
    return Settings(workspace=workspace, source={"url": url, "password": password, **tables})


def raw(found: Settings, folder: Path, progress: Progress = silent, table: str = col.ORDER_LINES) -> pa.Table:
    bench = Workbench(ibis.duckdb.connect(), folder, progress)
    bench.connection.raw_sql("SET TimeZone = 'UTC'")
    return open_source(found).tables(bench)[table].rows.to_pyarrow()


def refused(found: Settings, folder: Path, progress: Progress = silent) -> str:
    with pytest.raises(SourceError) as caught:
        raw(found, folder, progress)
    message = caught.value.message
    assert "\n" not in message
    assert PASSWORD not in message
    return message


def test_kept_tables_are_the_same_when_rows_come_from_postgres_or_from_csv(tmp_path: Path, server: Server) -> None:
    tables = {
        "order_lines": {"table": "order_lines"},
        "contacts": {"table": "marketing.Contacts"},
    }
    files = {name: {"path": f"{name}.csv"} for name in tables}
    kept = {}
    for place, source in (("base", tables), ("text", files)):
        (tmp_path / place).mkdir()
        (tmp_path / place / "order_lines.csv").write_text(LINES, encoding="utf-8")
        (tmp_path / place / "contacts.csv").write_text(CONTACTS, encoding="utf-8")
        given = {"url": server.url, "password": PASSWORD, **source}
        shop = Settings(
            workspace=tmp_path / place,
            source=given,
            features={"timezone": "Europe/Berlin"},
            intake={"max_rejected_share": 0.9},
        )
        report = ingest(shop, today=TODAY)
        kept[place] = {path.name: path.read_bytes() for path in sorted(shop.tables.glob("*.parquet"))}
        assert report.tables[col.ORDER_LINES].kept == 4
        assert report.tables[col.CONTACTS].kept == 2
    assert kept["base"] == kept["text"]


def test_types_are_exact_when_postgres_has_many(tmp_path: Path, server: Server) -> None:
    query = """
        select '7' as customer_id, now() as ordered_at, 9007199254740993::bigint as order_id, 0.1::float4 as quantity,
            12345678901234.123456789::numeric as amount, true as channel, date '2024-02-29' as product_id,
            null::numeric as discount, 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as store_id
    """
    [row] = raw(settings(tmp_path, server.url, order_lines={"query": query}), tmp_path).drop(["ordered_at"]).to_pylist()
    assert row == {
        "customer_id": "7",
        "order_id": 9007199254740993,
        "quantity": 0.1,
        "amount": "12345678901234.123456789",
        "channel": True,
        "product_id": date(2024, 2, 29),
        "discount": None,
        "store_id": "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    }


def test_times_are_instants_or_wall_clocks_when_postgres_says_so(tmp_path: Path, server: Server) -> None:
    query = """
        select 'infinity'::timestamp as ordered_at, timestamptz '2024-01-01 10:00:00+02' as customer_id,
            timestamp '0044-03-15 BC' as order_id, timestamptz '-infinity' as product_id, json '{"a":  1}' as channel,
            array[1, 2] as store_id
    """
    found = raw(settings(tmp_path, server.url, order_lines={"query": query}), tmp_path)
    # beyond Python's years is at their end: a row rule names it, and no row is lost
    assert found.to_pylist() == [
        {
            "ordered_at": END.replace(tzinfo=None),
            "customer_id": datetime(2024, 1, 1, 8, tzinfo=UTC),
            "order_id": START.replace(tzinfo=None),
            "product_id": START,
            "channel": '{"a":  1}',
            "store_id": "{1,2}",
        }
    ]
    assert found.schema.field("customer_id").type == pa.timestamp("us", tz="UTC")


def test_decimals_follow_the_notation_when_it_has_a_comma(tmp_path: Path, server: Server) -> None:
    # 12.500 would be read as twelve thousand five hundred
    query = "select 'a' as customer_id, '1' as ordered_at, 12.500 as amount"
    found = raw(settings(tmp_path, server.url, order_lines={"query": query, "decimal": ","}), tmp_path)
    assert found["amount"].to_pylist() == ["12,500"]


def test_query_is_sent_as_it_is_when_it_holds_percent_and_colon(tmp_path: Path, server: Server) -> None:
    query = "select customer_id, ':x' as order_id, ordered_at from order_lines where order_id like 'A%' ;"
    found = raw(settings(tmp_path, server.url, order_lines={"query": query}), tmp_path)
    assert found["order_id"].to_pylist() == [":x"] * 4


def test_tables_fit_together_when_somebody_writes_meanwhile(tmp_path: Path, server: Server) -> None:
    server.execute("create table a (customer_id text, ordered_at date)", "create table b (product_id text)")
    server.execute("insert into a values ('1', '2024-01-01')")
    found = settings(tmp_path, server.url, order_lines={"table": "a"}, products={"table": "b"})

    def writes(text: str, share: float | None = None) -> None:
        if text == "fetching products":
            server.execute("insert into b values ('late')")

    assert raw(found, tmp_path, writes, col.PRODUCTS).num_rows == 0
    assert raw(found, tmp_path, silent, col.PRODUCTS).num_rows == 1


def test_files_are_read_too_when_the_database_has_only_some_tables(tmp_path: Path, server: Server) -> None:
    (tmp_path / "p.csv").write_text("product_id\n1\n")
    found = settings(tmp_path, server.url, order_lines={"table": "order_lines"}, products={"path": "p.csv"})
    assert open_source(found).name == "database and files"
    assert open_source(found).state() is None
    assert raw(found, tmp_path).num_rows == 6
    assert raw(found, tmp_path, silent, col.PRODUCTS).to_pylist() == [{"product_id": "1"}]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"table": "oder_lines"}, "order_lines: no table 'oder_lines' in database 'shop' on 127.0.0.1.*order_lines.*"),
        ({"query": "select nothing from order_lines"}, 'order_lines: .*refuses: column "nothing" does not exist; '),
        ({"query": "select * from nowhere"}, 'order_lines: .*refuses: relation "nowhere" does not exist; correct'),
        ({"query": f"select '{PASSWORD}'::int"}, 'order_lines: .*refuses: .* type integer: "[*]{3}"; correct'),
        ({"query": "delete from order_lines"}, "order_lines: .*refuses: "),
    ],
)
def test_source_is_refused_when_the_table_or_query_is_wrong(
    tmp_path: Path, server: Server, entry: dict[str, str], message: str
) -> None:
    assert re.fullmatch(message + ".*", refused(settings(tmp_path, server.url, order_lines=entry), tmp_path))


def test_database_is_only_read_when_a_query_calls_what_writes(tmp_path: Path, server: Server) -> None:
    server.execute(
        "create table called (at timestamp)",
        "create function calls() returns int as 'insert into called values (now()) returning 1' language sql",
    )
    said = refused(settings(tmp_path, server.url, order_lines={"query": "select calls() as x"}), tmp_path)
    assert "read-only transaction" in said


def test_source_is_refused_when_two_columns_have_one_name(tmp_path: Path, server: Server) -> None:
    found = settings(tmp_path, server.url, order_lines={"query": 'select 1 as id, 2 as "ID"'})
    with pytest.raises(ContractError, match=r"the query of database 'shop' .* has two columns named 'ID'; rename"):
        raw(found, tmp_path)


@pytest.mark.parametrize(
    ("change", "password", "message"),
    [
        (("", ""), "wrong", "password authentication failed"),
        (("", ""), None, "no password supplied"),
        (("/shop", "/shoe"), PASSWORD, "database 'shoe' on 127.0.0.1.*does not exist"),
        (("127.0.0.1", "nowhere.invalid"), PASSWORD, "nowhere.invalid.*resolve"),
    ],
)
def test_source_is_refused_when_the_database_does_not_let_us_in(
    tmp_path: Path, server: Server, change: tuple[str, str], password: str | None, message: str
) -> None:
    url = server.url.replace(*change)
    said = refused(settings(tmp_path, url, password, order_lines={"table": "order_lines"}), tmp_path)
    assert re.search(f"cannot be reached: .*{message}", said) or re.search(message, said)
    assert said.endswith("check [source] url and FORESELL_SOURCE__PASSWORD")


def test_source_is_refused_when_nobody_listens(tmp_path: Path, server: Server) -> None:
    url = server.url.replace(str(server.port), "1")
    said = refused(settings(tmp_path, url, order_lines={"table": "order_lines"}), tmp_path)
    assert said.startswith("database 'shop' on 127.0.0.1:1 cannot be reached: ")
    assert "refused" in said


def test_source_is_refused_when_the_user_may_not_read_the_table(tmp_path: Path, server: Server) -> None:
    server.execute(f"create role guest login password '{PASSWORD}'")
    url = server.url.replace(f"{OWNER}@", "guest@")
    said = refused(settings(tmp_path, url, order_lines={"table": "order_lines"}), tmp_path)
    assert "refuses: permission denied for table order_lines; " in said


@pytest.mark.parametrize("how", ["the connection is cut", "the server stops"])
def test_kept_tables_stay_when_the_database_goes_away_half_way(
    tmp_path: Path, server: Server, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_reading, "BATCH_ROWS", 1_000)
    server.execute(
        "drop table if exists many",
        "create table many as select n::text as customer_id, date '2024-01-01' as ordered_at, "
        "repeat('x', 200) as order_id from generate_series(1, 50000) n",
    )
    found = settings(tmp_path, server.url, order_lines={"table": "many"})
    before = ingest(found, today=TODAY)
    assert before.tables[col.ORDER_LINES].kept == 50_000

    def cuts(text: str, share: float | None = None) -> None:
        if text != "fetching order lines, 1,000 rows so far":
            return
        if how == "the server stops":
            server.stop()
        else:
            server.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'foresell'")

    try:
        with pytest.raises(SourceError, match=r"order_lines: database 'shop' on .* stopped in the middle: .*; nothing"):
            ingest(found, today=TODAY, progress=cuts)
    finally:
        if how == "the server stops":
            server.start()
    assert pq.read_metadata(found.tables / "order_lines.parquet").num_rows == 50_000
    assert ingest(found, today=TODAY).fingerprint == before.fingerprint


def test_tables_are_named_and_sampled_when_init_asks(tmp_path: Path, server: Server) -> None:
    source = settings(tmp_path, server.url, order_lines={"table": "?"}).source
    names = tables_of(source, tmp_path)
    assert {"order_lines", "recent", "marketing.Contacts"} <= set(names)
    assert not [name for name in names if name.startswith(("pg_", "information_schema"))]
    rows = sample(source, "marketing.Contacts", 1, tmp_path)
    assert rows.num_rows == 1
    assert rows.schema.field("sent_at").type == pa.timestamp("us", tz="UTC")
