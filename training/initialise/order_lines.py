"""What the file says of the order lines, and of the products that they describe."""

from collections.abc import Mapping

from models import columns as col
from models.contracts import SCHEMAS
from training.initialise import words as names
from training.initialise.discount import discount_of
from training.initialise.entries import Entry, TableGuess, identifier
from training.initialise.evidence import depends
from training.initialise.money import money_of
from training.initialise.notation_guess import notation_entries
from training.initialise.profile import Column, Profile
from training.initialise.recognise import LEAST, Candidate, Recognised, quoted
from training.initialise.rules import prefix_of, stray_products
from training.initialise.statuses import cancelled_notes, status_rules
from training.initialise.vocabulary import name_score

_OWN = {col.CUSTOMER_ID: "customer", col.ORDERED_AT: "time", col.ORDER_ID: "order", col.PRODUCT_ID: "product"}
_PLAIN = (col.ORDER_ID, col.PRODUCT_ID, col.QUANTITY)
_DETAILS = {
    names.PRODUCT_NAME: col.NAME,
    col.DEPARTMENT: col.DEPARTMENT,
    col.CATEGORY: col.CATEGORY,
    col.SUBCATEGORY: col.SUBCATEGORY,
    col.BRAND: col.BRAND,
}
_OURS = frozenset(name for name, kind in SCHEMAS[col.ORDER_LINES].items() if kind != "date")
_MANY_ANONYMOUS = 0.05  # share of the lines
_DECIDES = 0.8  # share of the lines on which a product has its most frequent category
_ABSENT = {
    col.ORDER_ID: "the lines of one customer and day count as one order",
    col.PRODUCT_ID: "next-best-product is off",
    col.QUANTITY: "each line counts as one unit",
    col.AMOUNT: "what is computed from spend is off",
}


def order_lines_guess(profile: Profile, found: Recognised) -> TableGuess:
    """Say which column of the order lines is which."""
    money = money_of(found)
    entries = [customer_entry(found), _time_entry(found)]
    entries += [plain_entry(found, role) for role in _PLAIN if role in found.chosen]
    if money.value is not None:
        entries.append(Entry(col.AMOUNT, money.value, money.reason, money.question, money.alternatives))
    discount, discounts, no_discounts = discount_of(found, money)
    entries += discount
    entries += [plain_entry(found, role) for role in (col.CHANNEL, col.STORE_ID) if role in found.chosen]
    used = {
        found.chosen[entry.key].column.name
        for entry in entries
        if entry.key in found.chosen and entry.key != col.AMOUNT
    }
    used |= set(money.used) | set(discounts)
    status, clock = found.column(names.STATUS), found.column(names.CLOCK)
    rules = status_rules(found)
    if status is not None and (rules.returns or rules.set_aside):
        used.add(status.name)
    if clock is not None and any(entry.key == col.ORDERED_AT and "||" in str(entry.value) for entry in entries):
        used.add(clock.name)
    used |= set(details_of(found))
    columns = list(profile.columns.values())
    written = {entry.key for entry in entries}
    # a column that bears our name is taken unless the mapping empties it
    unwanted = [each.name for each in columns if each.name in _OURS - used - written]
    entries += [
        Entry(
            name,
            "",
            f"the column of this name is left out: {money.left_out.get(name, 'its values do not look like one')}",
        )
        for name in unwanted
    ]
    return TableGuess(
        col.ORDER_LINES,
        profile.sample,
        settings=[*notation_entries(profile, entries, _clock_formats(found)), *_anonymous(found)],
        columns=entries,
        returns=[*prefix_of(found), *rules.returns],
        set_aside=[*rules.set_aside, *stray_products(found)],
        left_out=_left_out(columns, used, no_discounts | money.left_out) + _said_of_absent(entries),
        notes=[*rules.notes, *cancelled_notes(columns)],
    )


def _anonymous(found: Recognised) -> list[Entry]:
    customer = found.column(col.CUSTOMER_ID)
    if customer is None or customer.empty_share < _MANY_ANONYMOUS:
        return []
    reason = (
        f"{100 * customer.empty_share:.0f} % of the lines have no customer and are set aside; this counts "
        f"them in how popular products are all the same"
    )
    return [Entry("count_anonymous", None, reason, alternatives=(True,))]


def customer_entry(found: Recognised) -> Entry:
    """Say which column holds the customer."""
    role = col.CUSTOMER_ID
    if role not in found.chosen:
        others = [each.column.name for each in found.rivals(role)]
        others += [each.name for each in found.left if each.name not in others and each.times is None]
        return Entry(role, None, question=f"which column holds the {_OWN[role]}?", alternatives=tuple(others[:6]))
    entry = _asked(plain_entry(found, role), found, role)
    if entry.question or found.chosen[role].by_name or found.chosen[role].score > LEAST:
        return entry
    return Entry(
        role, entry.value, entry.reason, f"is {quoted(entry.value)} the customer? Nothing but the time is beside it"
    )


def plain_entry(found: Recognised, role: str) -> Entry:
    """Say which column holds a role, why, and which is the next best."""
    return Entry(role, found.chosen[role].column.name, _reason(found, role))


def _reason(found: Recognised, role: str) -> str:
    best, second = found.chosen[role], found.runner_up(role)
    how = "by name" if best.by_name else "by its values alone"
    if role == col.QUANTITY and name_score(col.AMOUNT, best.column.name) > name_score(role, best.column.name):
        how = "by its values, against its name: whole numbers, mostly small"
    after = f"Next best: {second.described}" if second else "No other column comes near"
    return f"{quoted(best.column.name)} - {how}; {best.column.described}. {after}."


def _asked(entry: Entry, found: Recognised, role: str) -> Entry:
    """Add the question where other columns fit nearly as well."""
    rivals = found.rivals(role)
    doubtful = [each.column.name for each in rivals if each.by_name or not found.chosen[role].by_name]
    if not doubtful:
        return entry
    question = f"is {', '.join(quoted(name) for name in doubtful[:3])} the {_OWN[role]} instead?"
    return Entry(entry.key, entry.value, entry.reason, question, tuple(doubtful[:3]))


def _time_entry(found: Recognised) -> Entry:
    role = col.ORDERED_AT
    best = found.chosen.get(role)
    if best is None:
        others = [each.column.name for each in found.ranked[role][:6]]
        return Entry(
            role,
            None,
            question="which column holds the day or the time of the order? None was seen that has dates",
            alternatives=tuple(others),
        )
    clock = found.column(names.CLOCK)
    if clock is not None and _has_no_clock(best):
        value = f"{identifier(best.column.name)} || ' ' || {identifier(clock.name)}"
        return Entry(role, value, f"{_reason(found, role)} The time of day is in {quoted(clock.name)}.")
    return _asked(plain_entry(found, role), found, role)


def _has_no_clock(best: Candidate) -> bool:
    return best.column.kind == "text" and best.column.times is not None and not best.column.times.has_clock


def _clock_formats(found: Recognised) -> str:
    """Return what times of day of a second column look like; empty = there is none."""
    best, clock = found.chosen.get(col.ORDERED_AT), found.column(names.CLOCK)
    if best is None or clock is None or not _has_no_clock(best):
        return ""
    first = str(clock.values.dropna().iloc[0])
    half = " %p" if first[-1] in "Mm" and " " in first else "%p" if first[-1] in "Mm" else ""
    return f"{'%I' if half else '%H'}:%M{':%S' if first.count(':') > 1 else ''}{half}"


def details_of(found: Recognised) -> dict[str, str]:
    """Return the columns of the order lines that describe products -> our column of the products."""
    product = found.column(col.PRODUCT_ID)
    if product is None:
        return {}
    details: dict[str, str] = {}
    for role, ours in _DETAILS.items():
        column = found.column(role)
        if column is not None and column.distinct > 1 and depends(product.values, column.values) >= _DECIDES:
            details[column.name] = ours
    return details


def products_from_lines(found: Recognised) -> TableGuess | None:
    """Say which details of products the order lines have; None = none."""
    details = details_of(found)
    if not details:
        return None
    roles = {ours: role for role, ours in _DETAILS.items()}
    entries = [plain_entry(found, roles[ours]) for ours in details.values()]
    columns = [Entry(ours, entry.value, entry.reason) for ours, entry in zip(details.values(), entries, strict=True)]
    return TableGuess(col.PRODUCTS, None, settings=[Entry("from_order_lines", value=True)], columns=columns)


def _left_out(columns: list[Column], used: set[str], reasons: Mapping[str, str]) -> list[str]:
    return [
        f"{quoted(column.name)} ({reasons.get(column.name, column.described)})"
        for column in columns
        if column.name not in used
    ]


def _said_of_absent(entries: list[Entry]) -> list[str]:
    there = {entry.key for entry in entries}
    return [f"no {name} was found: {cost}" for name, cost in _ABSENT.items() if name not in there]
