"""Which table of a source is which: the order lines, and the others that can be told."""

from collections.abc import Mapping, Sequence

from models import columns as col
from models.contracts import REQUIRED
from models.source_settings import OPTIONAL_TABLES
from training.initialise import words as names
from training.initialise.entries import Entry, TableGuess
from training.initialise.notation_guess import notation_entries
from training.initialise.order_lines import (
    customer_entry,
    details_of,
    order_lines_guess,
    plain_entry,
    products_from_lines,
)
from training.initialise.profile import Profile
from training.initialise.recognise import ORDER_LINE_ROLES, Recognised, quoted, recognise
from training.initialise.vocabulary import SURE, name_score

_ONE_A_ROW = 1.05  # rows of a key in a table that lists each once

# in the order in which they take tables: what lists customers is told last, for anything may have one row each
_ROLES: Mapping[str, tuple[str, ...]] = {
    col.PRODUCTS: (
        col.PRODUCT_ID, names.PRODUCT_NAME, col.DEPARTMENT, col.CATEGORY, col.SUBCATEGORY, col.BRAND, col.PRICE,
    ),
    col.CONTACTS: (
        col.CUSTOMER_ID, col.CAMPAIGN_ID, col.RESPONDED_AT, col.SENT_AT, col.CHANNEL, col.IS_CONTROL, col.OFFER,
    ),
    col.EVENTS: (col.CUSTOMER_ID, col.OCCURRED_AT, col.KIND, col.PRODUCT_ID, col.CHANNEL),
    col.IDENTITIES: (col.SOURCE_ID, col.CUSTOMER_ID),
    col.CUSTOMERS: (col.CUSTOMER_ID, col.JOINED_AT, col.VALID_FROM),
}  # fmt: skip


def tables_of(profiles: Sequence[Profile]) -> tuple[list[TableGuess], list[Profile]]:
    """Tell which table is which.

    Returns
    -------
    list of TableGuess
        The order lines first.
    list of Profile
        What nothing could be made of.
    """
    found = {id(profile): recognise(profile, ORDER_LINE_ROLES) for profile in profiles}
    lines = order_lines_among(profiles, found)
    guesses = [order_lines_guess(lines, found[id(lines)])]
    left = [profile for profile in profiles if profile is not lines]
    for table in _ROLES:
        fitting = [(guess, profile) for profile in left if (guess := _guess(table, profile))]
        if fitting:
            guess, profile = max(fitting, key=lambda pair: (len(pair[0].columns), pair[1].sample.total))
            guesses.append(guess)
            left.remove(profile)
    if not any(guess.table == col.PRODUCTS for guess in guesses):
        products = products_from_lines(found[id(lines)])
        guesses += [products] if products else []
    else:
        details = [quoted(name) for name in details_of(found[id(lines)])]
        guesses[0].left_out.extend(f"{name} (the table of products has it)" for name in details)
    order = (col.ORDER_LINES, *OPTIONAL_TABLES)
    return sorted(guesses, key=lambda guess: order.index(guess.table)), left


def order_lines_among(profiles: Sequence[Profile], found: Mapping[int, Recognised]) -> Profile:
    """Return the table that is most likely the order lines; ``found`` is by the tables' ``id()``."""
    return max(profiles, key=lambda profile: _like_order_lines(profile, found[id(profile)]))


def _like_order_lines(profile: Profile, found: Recognised) -> tuple[bool, bool, int, int]:
    needed = sum(role in found.chosen for role in (col.CUSTOMER_ID, col.ORDERED_AT))
    sold = [
        role
        for role in (col.ORDER_ID, col.PRODUCT_ID, col.QUANTITY, col.AMOUNT, names.UNIT_PRICE)
        if role in found.chosen
    ]
    messages = any(name_score(col.CAMPAIGN_ID, name) == SURE for name in profile.columns)
    return needed == 2 and not messages, bool(sold), needed, profile.sample.total


def _guess(table: str, profile: Profile) -> TableGuess | None:
    found = recognise(profile, _ROLES[table])
    if any(role not in found.chosen or not found.chosen[role].by_name for role in REQUIRED[table]):
        return None
    if not _IS[table](profile, found):
        return None
    entries = [_entry(found, role) for role in _ROLES[table] if role in found.chosen]
    used = {each.column.name for each in found.chosen.values()}
    others = [column for name, column in profile.columns.items() if name not in used]
    said = [f"{quoted(column.name)} ({column.described})" for column in others]
    if table == col.CUSTOMERS and said:
        said = [f"attributes, used only when [features] attributes names them: {', '.join(said)}"]
    settings = notation_entries(profile, entries, table=table)
    return TableGuess(table, profile.sample, settings=settings, columns=entries, left_out=said)


def _entry(found: Recognised, role: str) -> Entry:
    if role == col.CUSTOMER_ID:
        return customer_entry(found)
    entry = plain_entry(found, role)
    return Entry(col.NAME, entry.value, entry.reason) if role == names.PRODUCT_NAME else entry


def _are_products(_: Profile, found: Recognised) -> bool:
    return _lists(found, col.PRODUCT_ID) and len(found.chosen) > 1


def _are_customers(profile: Profile, found: Recognised) -> bool:
    return _lists(found, col.CUSTOMER_ID) and len(profile.columns) > 1


def _are_contacts(_: Profile, found: Recognised) -> bool:
    return name_score(col.RESPONDED_AT, found.chosen[col.SENT_AT].column.name) < SURE


def _are_events(_profile: Profile, _found: Recognised) -> bool:
    return True


def _are_identities(profile: Profile, found: Recognised) -> bool:
    return len(profile.columns) <= 4 and _lists(found, col.SOURCE_ID)


def _lists(found: Recognised, key: str) -> bool:
    return found.chosen[key].column.repeats <= _ONE_A_ROW


_IS = {
    col.PRODUCTS: _are_products,
    col.CUSTOMERS: _are_customers,
    col.CONTACTS: _are_contacts,
    col.EVENTS: _are_events,
    col.IDENTITIES: _are_identities,
}
