from datetime import date, datetime

import numpy as np
import pytest

from models import columns as col
from models.errors import InvalidRequestError
from models.histories import inline_features
from models.inline import InlineFeatures, InlineHistory
from models.messages import InlineCustomer
from models.settings import Attribute, FeatureSettings
from tests.synthetic import NAMES, products

BERLIN = FeatureSettings(timezone="Europe/Berlin", attributes=(Attribute(name="age", kind="numeric"),))


class Recorded:
    """Keeps the histories that would be computed."""

    def __init__(self) -> None:
        self.histories: list[InlineHistory] = []
        self.as_of: list[date] = []

    def compute(self, histories: list[InlineHistory], as_of: list[date]) -> np.ndarray:
        self.histories, self.as_of = list(histories), list(as_of)
        return np.zeros((len(histories), 0), np.float32)


def customer(as_of: str = "2018-01-01", **parts: object) -> InlineCustomer:
    return InlineCustomer.model_validate({"customer_id": "new-1", "as_of": as_of, **parts})


def history_of(customer: InlineCustomer, settings: FeatureSettings = BERLIN) -> InlineHistory:
    recorded = Recorded()
    inline_features(recorded, {0: customer}, settings)
    assert recorded.as_of == [customer.as_of]
    return recorded.histories[0]


def ordered_at(time: str, settings: FeatureSettings = BERLIN, as_of: str = "2018-01-01") -> object:
    return history_of(customer(as_of, order_lines=[{"ordered_at": time}]), settings).order_lines[0][col.ORDERED_AT]


def refused(field: str, match: str, **parts: object) -> None:
    with pytest.raises(InvalidRequestError, match=match) as caught:
        inline_features(Recorded(), {3: customer(**parts)}, BERLIN)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("sent", "local"),
    [
        # the clocks went forward on 2017-03-26 at 2:00 and back on 2017-10-29 at 3:00
        ("2017-03-26T00:59:59Z", "2017-03-26T01:59:59"),
        ("2017-03-26T01:00:00Z", "2017-03-26T03:00:00"),
        ("2017-10-29T00:30:00Z", "2017-10-29T02:30:00"),
        ("2017-10-29T01:30:00Z", "2017-10-29T02:30:00"),
        ("2017-07-01T22:00:00Z", "2017-07-02T00:00:00"),
        ("2017-12-01T22:59:00Z", "2017-12-01T23:59:00"),
        ("2017-12-01T18:00:00-05:00", "2017-12-02T00:00:00"),
        ("2017-12-01T18:00:00", "2017-12-01T18:00:00"),
        ("2017-12-01", "2017-12-01T00:00:00"),
    ],
)
def test_a_time_with_an_offset_becomes_wall_clock_time_and_one_without_stays(sent, local):
    assert ordered_at(sent) == datetime.fromisoformat(local)


def test_the_configured_zone_decides_on_which_day_an_order_fell():
    assert ordered_at("2017-12-01T23:30:00Z", FeatureSettings(timezone="UTC")).day == 1
    assert ordered_at("2017-12-01T23:30:00Z", BERLIN).day == 2


@pytest.mark.parametrize(
    ("part", "row", "name"),
    [
        ("order_lines", {}, "ordered_at"),
        ("contacts", {"campaign_id": "18"}, "sent_at"),
        ("events", {"kind": "view"}, "occurred_at"),
    ],
)
@pytest.mark.parametrize("late", ["2018-01-01", "2018-01-01T00:00:00", "2017-12-31T23:00:00Z", "2018-02-01"])
def test_what_lies_at_or_after_as_of_is_refused_by_its_place_in_the_request(part, row, name, late):
    rows = [{**row, name: "2017-12-30"}, {**row, name: late}]
    refused(
        f"customers.3.{part}.1.{name}",
        f"'new-1': {name} 2018-.* is not before as_of 2018-01-01; send what was known before it, or a later as_of",
        **{part: rows},
    )


def test_what_lies_on_the_last_day_before_as_of_is_accepted():
    assert ordered_at("2017-12-31T22:59:59Z") == datetime.fromisoformat("2017-12-31T23:59:59")


def test_an_answer_that_came_later_is_no_reason_to_refuse_a_contact():
    contact = {"campaign_id": "18", "sent_at": "2017-12-30", "responded_at": "2018-01-04T00:00:00Z"}
    kept = history_of(customer(contacts=[contact])).contacts[0]
    assert kept[col.RESPONDED_AT] == datetime.fromisoformat("2018-01-04T01:00:00")


def test_an_attribute_that_the_model_does_not_use_is_refused_with_those_that_it_does():
    refused(
        "customers.3.attributes.income",
        "attribute 'income' of 'new-1' is not one that the model uses; it uses age, joined_at",
        attributes={"age": 35, "income": 2},
    )


def test_attributes_are_text_and_null_is_left_out():
    assert history_of(customer(attributes={"age": 35})).attributes == {"age": "35"}
    assert history_of(customer(attributes={"age": None})).attributes == {}


def test_joined_at_is_read_as_a_time_and_taken_to_the_zone():
    assert history_of(customer(attributes={"joined_at": "2017-03-01"})).joined_at == datetime.fromisoformat(
        "2017-03-01T00:00:00"
    )
    assert history_of(customer(attributes={"joined_at": "2017-06-30T22:30:00Z"})).joined_at == datetime.fromisoformat(
        "2017-07-01T00:30:00"
    )
    assert history_of(customer(attributes={"joined_at": None})).joined_at is None
    assert history_of(customer()).joined_at is None
    refused(
        "customers.3.attributes.joined_at",
        "joined_at 'long ago' is not a date or time like 2017-03-01",
        attributes={"joined_at": "long ago"},
    )


@pytest.mark.parametrize("value", [20170301, "20170301", "2017-W09-3", 1.5, "x" * 100_000])
def test_joined_at_is_refused_when_another_time_would_be(value):
    refused("customers.3.attributes.joined_at", "is not a date or time", attributes={"joined_at": value})
    with pytest.raises(InvalidRequestError) as error:
        history_of(customer(attributes={"joined_at": value}))
    assert len(error.value.message) < 200


def test_a_time_that_leaves_the_calendar_in_the_zone_is_refused():
    first = "0001-01-01T00:00:00+14:00"
    refused(
        "customers.3.order_lines.0.ordered_at",
        "outside the calendar in Europe/Berlin",
        order_lines=[{"ordered_at": first}],
    )
    refused("customers.3.attributes.joined_at", "outside the calendar", attributes={"joined_at": first})


def test_features_come_in_the_order_asked():
    inline = InlineFeatures(FeatureSettings(), products())
    asked = {
        at: customer(
            "2018-01-01", order_lines=[{"ordered_at": f"2017-12-{day:02d}", "product_id": "bread", "amount": 2}]
        )
        for at, day in ((5, 30), (1, 10), (9, 20))
    }
    found = inline_features(inline, asked, FeatureSettings())
    inline.close()
    assert found[:, NAMES.index("recency_days")].tolist() == [2, 22, 12]
    assert found[:, NAMES.index("spend")].tolist() == [2, 2, 2]
