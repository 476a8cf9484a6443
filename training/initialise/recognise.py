"""Which column of a table is what: scores of names times the evidence of values, the best pairs first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import columns as col
from training.initialise import words as names
from training.initialise.evidence import depends, fit, is_count, is_free_text
from training.initialise.profile import Column, Profile
from training.initialise.vocabulary import name_score

LEAST = 0.25  # below this a column is not taken
_CLOSE = 0.75  # of the best score: another column may as well be meant
_NAMELESS = 0.3  # what content alone is worth
_BY_CONTENT = (col.ORDERED_AT, col.CUSTOMER_ID, col.ORDER_ID, col.QUANTITY, col.AMOUNT)
_ONE = 0.995  # share of rows; those that differ are dirt
_COMPARED = (col.CUSTOMER_ID, col.ORDERED_AT, col.ORDER_ID, col.PRODUCT_ID, col.QUANTITY)  # with columns of other names

ORDER_LINE_ROLES = (
    col.ORDERED_AT,
    col.CUSTOMER_ID,
    col.ORDER_ID,
    col.PRODUCT_ID,
    col.QUANTITY,
    names.UNIT_PRICE,
    col.AMOUNT,
    col.DISCOUNT,
    names.PRODUCT_NAME,
    col.DEPARTMENT,
    col.CATEGORY,
    col.SUBCATEGORY,
    col.BRAND,
    names.STATUS,
    names.CLOCK,
    col.CHANNEL,
    col.STORE_ID,
    names.OTHER,
)


@dataclass(frozen=True)
class Candidate:
    """A column that may play a role.

    Parameters
    ----------
    column : Column
        The column.
    score : float
        How well name and values fit together, 0..1.
    by_name : bool
        Whether its name speaks for it, or its values alone.
    """

    column: Column
    score: float
    by_name: bool

    @property
    def described(self) -> str:
        """The column with its figures, for a person."""
        return f"{quoted(self.column.name)} ({self.column.described})"


@dataclass(frozen=True)
class Recognised:
    """Which column plays which role.

    Parameters
    ----------
    chosen : mapping
        Role -> candidate.
    ranked : mapping
        Role -> all candidates, the best first.
    by_values : mapping
        Role -> columns that its name does not speak for and whose values would do, the best first.
    left : sequence of Column
        Columns that play no role.
    """

    chosen: Mapping[str, Candidate]
    ranked: Mapping[str, Sequence[Candidate]]
    by_values: Mapping[str, Sequence[Candidate]]
    left: Sequence[Column] = ()

    def column(self, role: str) -> Column | None:
        """Return the column of a role."""
        found = self.chosen.get(role)
        return found.column if found else None

    def runner_up(self, role: str) -> Candidate | None:
        """Return the next best column of a role."""
        best = self.chosen.get(role)
        # what is named for certain needs no comparison, but for the two columns that everything hangs on
        compared = role in (col.CUSTOMER_ID, col.ORDERED_AT) or best is None or not best.by_name
        unnamed = self.by_values.get(role, ()) if compared else ()
        others = [each for each in [*self.ranked[role], *unnamed] if each.column is not self.column(role)]
        return next((each for each in others if each.score >= LEAST), None)

    def rivals(self, role: str) -> list[Candidate]:
        """Return the columns that nothing else wants and that fit a role nearly as well as the chosen one."""
        best = self.chosen.get(role)
        taken = {found.column.name for found in self.chosen.values()}
        least = best.score * _CLOSE if best else LEAST / 3
        return [each for each in self.ranked[role] if each.score >= least and each.column.name not in taken]


def quoted(name: str) -> str:
    """Return a name for a comment or a message: in quotes and on one line."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return f'"{shown if len(shown) <= 60 else shown[:60] + "..."}"'


def recognise(profile: Profile, roles: Sequence[str]) -> Recognised:
    """Tell which column plays which of some roles; each column plays one at most."""
    columns = list(profile.columns.values())
    ranked = {role: _ranked(role, columns) for role in roles}
    pairs = [(each, role) for role in roles for each in ranked[role] if each.score >= LEAST]
    chosen: dict[str, Candidate] = {}
    taken: set[str] = set()
    for each, role in sorted(pairs, key=lambda pair: -pair[0].score):
        if role == names.OTHER:
            # what nobody wants may be called so by several columns
            taken.add(each.column.name)
        elif role not in chosen and each.column.name not in taken:
            chosen[role] = each
            taken.add(each.column.name)
    for role in _BY_CONTENT:
        if role in (col.QUANTITY, col.AMOUNT) and "names" not in profile.sample.place:
            continue  # a header that does not name them has none
        if role in roles and role not in chosen:
            found = _by_content(role, [each for each in columns if each.name not in taken], chosen)
            ranked[role] = [*found, *(each for each in ranked[role] if each.column not in [f.column for f in found])]
            if len(found) == 1 or (found and role == col.ORDERED_AT):
                chosen[role] = found[0]
                taken.add(found[0].column.name)
    if col.CUSTOMER_ID in roles:
        _take_the_only_other(columns, chosen)
    left = [each for each in columns if each.name not in {found.column.name for found in chosen.values()}]
    return Recognised(chosen, ranked, {role: _by_values(role, columns) for role in _COMPARED}, left)


def _take_the_only_other(columns: Sequence[Column], chosen: dict[str, Candidate]) -> None:
    """Take the one column beside the time as the customer, whatever it is called, where its values repeat."""
    time = chosen.get(col.ORDERED_AT)
    if time is None or col.CUSTOMER_ID in chosen or len(columns) != 2:
        return
    other = next(each for each in columns if each is not time.column)
    if other.distinct < 2 or other.repeats <= 1 or name_score(col.ORDER_ID, other.name):
        return
    for role in [role for role, each in chosen.items() if each.column is other]:
        del chosen[role]
    chosen[col.CUSTOMER_ID] = Candidate(other, LEAST, False)


def _by_values(role: str, columns: Sequence[Column]) -> list[Candidate]:
    """Return the columns whose values fit a role, of equal ones that with the most different values first."""
    fitting = [Candidate(column, fit(role, column), False) for column in columns if not name_score(role, column.called)]
    likely = [each for each in fitting if each.score > _CLOSE]
    return sorted(likely, key=lambda each: (each.score, each.column.distinct), reverse=True)


def _ranked(role: str, columns: Sequence[Column]) -> list[Candidate]:
    found = [
        Candidate(column, named * fit(role, column), True)
        for column in columns
        if (named := name_score(role, column.called))
    ]
    return sorted((each for each in found if each.score > 0.02), key=lambda each: -each.score)


def _by_content(role: str, columns: Sequence[Column], chosen: Mapping[str, Candidate]) -> list[Candidate]:
    likely = [column for column in columns if _may_be(role, column, chosen)]
    found = [Candidate(column, _NAMELESS * fit(role, column), False) for column in likely]
    return sorted((each for each in found if each.score >= LEAST), key=lambda each: -each.score)


def _may_be(role: str, column: Column, chosen: Mapping[str, Candidate]) -> bool:
    """Say whether values without a telling name may play a role."""
    if role == col.CUSTOMER_ID:
        return _may_be_people(column)
    if role == col.ORDER_ID:
        return _may_be_orders(column, chosen)
    if role == col.QUANTITY:
        return column.is_number and is_count(column)
    return role == col.ORDERED_AT or (column.is_number and column.whole_share < 1)


def _may_be_people(column: Column) -> bool:
    """Several rows each, and many of them."""
    if column.repeats < 1.1 or column.distinct < 2 or is_free_text(column):
        return False
    small = column.is_number and bool(column.numbers.abs().quantile(0.9) < 1000) and column.filled > 3000
    return not small and (column.distinct > 20 or column.filled < 200)


def _may_be_orders(column: Column, chosen: Mapping[str, Candidate]) -> bool:
    """Several rows each, all of one customer and one time."""
    customer, time = chosen.get(col.CUSTOMER_ID), chosen.get(col.ORDERED_AT)
    if customer is None or time is None or column.repeats < 1.2 or column.distinct <= customer.column.distinct:
        return False
    if column.times is not None or is_free_text(column):
        return False
    return all(depends(column.values, other.column.values) > _ONE for other in (customer, time))
