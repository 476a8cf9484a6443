"""What people should know of a history before they trust a prediction made from it, one sentence each."""

from collections.abc import Iterator

from models.source_settings import OrderLinesSource
from training.check.history import History
from training.check.row_findings import row_findings
from training.intake_report import IntakeReport
from training.wording import counted, listed

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
STRONG_ABOVE, STRONG_BELOW = 1.3, 0.7
CLOSED_BELOW = 0.02
# orders on the mean weekday below which a week's shape is chance
FEWEST_ORDERS = 5
OLD_DAYS = 30
COHORT_WITHIN = 1 / 3
COHORT_FEWEST_DAYS = 120
SHOWN_HOLES = 5
MISSING_FROM = 0.2
_COHORT_MEANS = {
    "churn": "it learns how a cohort fades and has not seen how people who join now behave: do not use it for them",
    "repurchase": "later windows hold only those who remain, so its probabilities do not hold for people who join now",
    "lookalike": "it finds likeness within this cohort; people who joined later are not there to be found",
    "next-best-product": "it learns from those who remain; what people buy at first is known from the first part alone",
}


def findings(history: History, report: IntakeReport, source: OrderLinesSource | None = None) -> tuple[str, ...]:
    """Say what stands out: age, too little to learn from, a cohort, returns, holes, seasons, missing values and so on.

    Parameters
    ----------
    history : History
        The figures.
    report : IntakeReport
        What intake counted.
    source : OrderLinesSource, optional
        The section ``[source.order_lines]``; None = the source is a builtin one.
    """
    if not history.orders:
        return ("There is no order: every line is a return.",)
    # the age first: the last note of intake says where the data end
    return (
        *_age(report),
        *_too_little(history),
        *_cohort(history),
        *row_findings(history, report, source),
        *_told(history),
    )


def is_cohort(history: History) -> bool:
    """Tell whether nearly all customers came in the first third of the history, and hardly anybody since."""
    if history.first is None or history.last is None or history.most_came_by is None:
        return False
    days = (history.last - history.first).days + 1
    came = (history.most_came_by - history.first).days + 1
    # everybody on one day is no cohort that can be followed
    return days >= COHORT_FEWEST_DAYS and came <= COHORT_WITHIN * days and history.gaps is not None


def cohort_means(prediction: str) -> str | None:
    """Say what a cohort-only history means for a prediction; None where nothing is known of it."""
    return _COHORT_MEANS.get(prediction)


def _too_little(history: History) -> Iterator[str]:
    if history.customers == 1:
        yield "All orders are one customer's: there is nobody to compare with."
    if history.first == history.last:
        yield f"All orders are of one day, {history.first}: check which column ordered_at is."
    elif history.gaps is None:
        yield (
            f"Each of the {history.customers:,} customers ordered once: nobody came back; check that customer_id "
            "names people and not orders."
        )


def _age(report: IntakeReport) -> Iterator[str]:
    age = (report.today - report.last_complete_day).days
    if age > OLD_DAYS:
        yield f"The data end on {report.last_complete_day}, {age:,} days ago: predictions are as of {report.as_of}."


def _cohort(history: History) -> Iterator[str]:
    if is_cohort(history):
        assert history.last is not None
        assert history.most_came_by is not None
        rest = (history.last - history.most_came_by).days
        yield (
            f"One cohort: 99 % of the {history.customers:,} customers had their first order by {history.most_came_by}, "
            f"and hardly anybody new came in the {rest:,} days after."
        )


def _told(history: History) -> Iterator[str]:
    yield from _holes(history)
    yield from _weekdays(history.weekdays)
    if not is_cohort(history):
        yield from _months(history)
    if history.shared_order_ids:
        yield (
            f"{counted(history.shared_order_ids, 'order id is', 'order ids are')} shared by two or more customers: "
            "orders count by customer and day, so nothing is lost; check that customer_id is right."
        )
    for table, columns in history.missing.items():
        for column, share in columns.items():
            if share >= MISSING_FROM and (table, column) != ("contacts", "responded_at"):
                yield f"{share:.0%} of the {table} have no {column}."


def _holes(history: History) -> Iterator[str]:
    longest = sorted(history.holes, key=lambda hole: (-hole.days, hole.first))
    for hole in sorted(longest[:SHOWN_HOLES], key=lambda hole: hole.first):
        yield (
            f"Closed {hole.first} to {hole.last} ({hole.days} days): about {hole.missed:,.0f} orders are missing "
            "beside the weeks around; windows that overlap it look like churn."
        )
    if longest[SHOWN_HOLES:]:
        yield f"And {counted(len(longest) - SHOWN_HOLES, 'shorter hole', 'shorter holes')}."


def _weekdays(orders: tuple[float, ...]) -> Iterator[str]:
    mean = sum(orders) / len(orders) if orders else 0
    if mean < FEWEST_ORDERS:
        return
    # days nearly without orders do not make the others look busy
    shut = [day for day in range(len(orders)) if orders[day] < CLOSED_BELOW * mean]
    mean = mean * len(orders) / (len(orders) - len(shut))
    strong = {
        day: orders[day] / mean
        for day in range(len(orders))
        if day not in shut and not STRONG_BELOW < orders[day] / mean < STRONG_ABOVE
    }
    parts = [f"hardly any orders on {listed([f'{WEEKDAYS[day]}s' for day in shut])}"] if shut else []
    parts += [f"{WEEKDAYS[day]}s have {strong[day]:.1f} times the mean day's orders" for day in strong]
    if parts:
        yield f"Strong weekdays: {listed(parts)}; horizons of whole weeks even that out."


def _months(history: History) -> Iterator[str]:
    strong = {month: ratio for month, ratio in history.months.items() if not STRONG_BELOW < ratio < STRONG_ABOVE}
    if not strong:
        return
    parts = listed([f"{MONTHS[month - 1]} {ratio:.1f}" for month, ratio in strong.items()])
    if history.years:
        yield f"Strong seasons: orders a day against the year around them: {parts}."
    else:
        yield (
            f"Strong months: orders a day against the mean month: {parts}; below two years a season cannot be told "
            "from growth or decline."
        )
