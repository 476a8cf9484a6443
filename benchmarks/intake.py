"""Print how long an intake of many order lines takes, the memory it needs, and whether its counts are DuckDB's own.

Makes a CSV file of random order lines in a folder that should have room for about 80 bytes a line, and as much again
for the tables; `--clean` removes both::

    .venv/bin/python benchmarks/intake.py FOLDER [--lines 50000000] [--date 2026-11-22] [--clean]
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb
import psutil

from models import columns as col
from training.intake_report import REPORT_FILE

GIB = 2**30
CONFIG = """
[source.order_lines]
path = "orders.csv"
columns = { customer_id = "member", ordered_at = "time", order_id = "receipt", product_id = "sku", amount = "paid" }
"""
# 2 million customers and 50,000 products, few of whom buy much and few of which sell well; three years in order;
# one line in a hundred is nobody's, one in two hundred breaks a rule
LINES = """
SELECT CASE WHEN kind < 100 THEN '' ELSE 'm' || (2e6 * pow(unit(i, 1), 2))::BIGINT END AS member,
       CASE WHEN kind BETWEEN 100 AND 109 THEN 'yesterday' WHEN kind BETWEEN 110 AND 114 THEN ''
            WHEN kind BETWEEN 115 AND 119 THEN '2099-01-01 00:00:00'
            ELSE strftime(TIMESTAMP '2022-01-01' + to_seconds((i * 94608000.0 / {lines})::BIGINT), '%Y-%m-%d %H:%M:%S')
       END AS time,
       'r' || i // 3 AS receipt,
       'p' || (5e4 * pow(unit(i, 2), 3))::BIGINT AS sku,
       CASE WHEN kind BETWEEN 120 AND 124 THEN 'many' ELSE (1 + (unit(i, 3) * 4)::INTEGER)::VARCHAR END AS quantity,
       CASE WHEN kind BETWEEN 125 AND 139 THEN 'free' WHEN kind BETWEEN 140 AND 149 THEN '1e18'
            ELSE ((unit(i, 4) * 100 - 2)::DECIMAL(18, 2))::VARCHAR END AS paid,
       (unit(i, 5) * 5)::DECIMAL(18, 2)::VARCHAR AS discount,
       's' || (unit(i, 6) * 300)::INTEGER AS store_id
FROM (SELECT i, (unit(i, 0) * 9999)::INTEGER AS kind FROM range({lines}) lines(i))
"""
# the rules in the contract's order, over the written text: none of the intake's own code
COUNTS = """
SELECT outcome, count(*), sum(try_cast(paid AS DECIMAL(18, 4)))
FROM (
    SELECT paid,
           CASE WHEN member IS NULL THEN 'anonymous'
                WHEN time IS NULL THEN 'no_ordered_at'
                WHEN try_cast(time AS TIMESTAMP) IS NULL THEN 'unreadable_ordered_at'
                WHEN try_cast(time AS TIMESTAMP)::DATE > DATE '{today}' THEN 'ordered_at_out_of_range'
                WHEN try_cast(quantity AS DOUBLE) IS NULL THEN 'quantity_not_a_number'
                WHEN try_cast(paid AS DOUBLE) IS NULL THEN 'amount_not_a_number'
                WHEN abs(try_cast(paid AS DOUBLE)) > 1e9 THEN 'amount_too_large'
                ELSE 'kept' END AS outcome
    FROM read_csv('{file}', all_varchar = true, header = true)
)
GROUP BY outcome
"""


def main(folder: Path, lines: int, today: date, clean: bool) -> None:
    """Make the file where it is not there yet, take it in, and print the figures and the comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "orders.csv"
    make(source, lines)
    (folder / "foresell.toml").write_text(CONFIG, encoding="utf-8")
    print(f"Measured {today}, Python {platform.python_version()}, DuckDB {duckdb.__version__}, {machine()}.")
    print(f"{lines:,} lines, {source.stat().st_size / GIB:.2f} GiB of CSV.\n")
    seconds, phases = take_in(folder, today)
    print("| phase | seconds | peak memory, GiB |\n| --- | --- | --- |")
    for phase, (took, peak) in phases.items():
        if took >= 0.5:
            print(f"| {phase} | {took:.0f} | {peak / GIB:.2f} |")
    peak = max(peak for _, peak in phases.values())
    print(f"\n{seconds:.0f} s, {lines / seconds:,.0f} lines a second, peak memory {peak / GIB:.2f} GiB.\n")
    ours, theirs = counted_by_intake(folder), counted_by_duckdb(source, today)
    print("| outcome | intake | DuckDB |\n| --- | --- | --- |")
    for outcome in sorted(ours | theirs):
        print(f"| {outcome} | {ours.get(outcome, 0):,} | {theirs.get(outcome, 0):,} |")
    print("\nThe counts are the same." if ours == theirs else "\nTHE COUNTS DIFFER.")
    if clean:
        source.unlink()
        shutil.rmtree(folder / "data")
    sys.exit(ours != theirs)


def make(source: Path, lines: int) -> None:
    """Write the order lines; a file of the same number of lines is used again."""
    mark = source.with_suffix(".lines")
    if source.exists() and mark.exists() and mark.read_text() == str(lines):
        return
    connection = duckdb.connect(config={"memory_limit": "2GB"})
    connection.execute("CREATE MACRO unit(i, k) AS hash(i, k) / 18446744073709551616.0")
    connection.execute(f"COPY ({LINES.format(lines=lines)}) TO '{source}' (HEADER, PER_THREAD_OUTPUT false)")
    mark.write_text(str(lines))


def take_in(folder: Path, today: date) -> tuple[float, dict[str, tuple[float, float]]]:
    """Run the intake in a process of its own; return its seconds and, for each phase, seconds and peak memory."""
    started = time.monotonic()
    command = [sys.executable, __file__, str(folder), "--date", str(today), "--child"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child, memory_of(child.pid) as peak:  # noqa: S603
        phases: dict[str, tuple[float, float]] = {}
        phase, since = "start", started
        assert child.stdout is not None
        for said in child.stdout:
            now = time.monotonic()
            _close(phases, phase, now - since, peak)
            phase, since = said.strip(), now
        _close(phases, phase, time.monotonic() - since, peak)
    if child.returncode:
        sys.exit(f"the intake left with {child.returncode}")
    return time.monotonic() - started, phases


def _close(phases: dict[str, tuple[float, float]], phase: str, seconds: float, peak: list[float]) -> None:
    took, most = phases.get(phase, (0.0, 0.0))
    phases[phase] = (took + seconds, max(most, peak[0]))
    peak[0] = 0.0


@contextmanager
def memory_of(pid: int) -> Iterator[list[float]]:
    """Keep the largest resident memory of a process and its children, in bytes, in a list of one figure."""
    peak, done = [0.0], Event()

    def watch() -> None:
        while not done.wait(0.05):
            try:
                process = psutil.Process(pid)
                family = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(each.memory_info().rss for each in family))
            except psutil.NoSuchProcess:
                continue

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def child(folder: Path, today: date) -> None:
    """Take the tables in, and print each phase as it begins."""
    from models.settings import load_settings
    from training.ingest import ingest

    last = ""

    def told(happens: str, *_: Any) -> None:
        nonlocal last
        if happens != last:
            print(happens, flush=True)
        last = happens

    ingest(load_settings(folder), today=today, progress=told)


def counted_by_intake(folder: Path) -> dict[str, Decimal]:
    """Return the intake's rows by outcome, and the kept amounts' sum as the kept file has it."""
    report = json.loads((folder / "data" / "tables" / REPORT_FILE).read_text())["tables"][col.ORDER_LINES]
    kept = duckdb.read_parquet(str(folder / "data" / "tables" / f"{col.ORDER_LINES}.parquet"))
    rows, amount = kept.aggregate(f"count(*), sum({col.AMOUNT})").fetchall()[0]
    counts = {**report["rejected"], **report["set_aside"], "kept": rows, "amount": amount}
    assert report["kept"] == rows
    return {outcome: Decimal(figure) for outcome, figure in counts.items()}


def counted_by_duckdb(source: Path, today: date) -> dict[str, Decimal]:
    """Return DuckDB's own count of the same file."""
    connection = duckdb.connect(config={"memory_limit": "3GB"})
    outcomes = connection.execute(COUNTS.format(file=source, today=today)).fetchall()
    counts = {outcome: Decimal(rows) for outcome, rows, _ in outcomes}
    return counts | {"amount": next(amount for outcome, _, amount in outcomes if outcome == "kept")}


def machine() -> str:
    """Name the machine without its address."""
    memory = psutil.virtual_memory().total / GIB
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, {platform.system()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=50_000_000)
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="the day of the run")
    parser.add_argument("--clean", action="store_true", help="remove the file and the tables afterwards")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.folder, given.date)
    else:
        main(given.folder, given.lines, given.date, given.clean)
