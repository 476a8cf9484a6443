from decimal import Decimal

import pytest
from pydantic import ValidationError

from models.messages import Contact, CustomersRequest, Event, InlineCustomer, OrderLine

LINE = {"ordered_at": "2017-12-30T17:05:00"}


def ask(customers: list[object], **more: object) -> CustomersRequest:
    return CustomersRequest.model_validate({"customers": customers, **more})


@pytest.mark.parametrize("count", [1, 10_000])
def test_a_request_may_name_1_to_10000_customers(count):
    assert len(ask(["900"] * count).customers) == count


@pytest.mark.parametrize(("count", "message"), [(0, "at least 1 item"), (10_001, "at most 10000 items")])
def test_a_request_is_refused_when_it_names_none_or_too_many(count, message):
    with pytest.raises(ValidationError, match=message):
        ask(["900"] * count)


def test_a_request_with_reasons_may_name_1000_customers():
    assert ask(["900"] * 1_000, reasons=10).reasons == 10
    assert ask(["900"] * 1_001, reasons=0).reasons == 0
    with pytest.raises(ValidationError, match=r"1,001 customers with reasons; at most 1,000: ask for fewer"):
        ask(["900"] * 1_001, reasons=1)


@pytest.mark.parametrize("reasons", [-1, 11, 1.5, None, "many", "3", True])
def test_a_request_is_refused_when_reasons_are_not_0_to_10(reasons):
    with pytest.raises(ValidationError, match="reasons"):
        ask(["900"], reasons=reasons)


@pytest.mark.parametrize(
    "text", ["7", "007", " ", "a b", "Müller", "мария", "顧客", "ظبي", "🛒", "👩‍👧", "x" * 256, "🛒" * 256]
)
def test_an_id_of_any_script_is_kept_as_it_is(text):
    assert ask([text]).customers == [text]


@pytest.mark.parametrize("text", ["", "x" * 257, "a\nb", "a\n", "\x00", "\x1b[31m", "a\x7f", "\x85", "\ud800"])
def test_an_id_is_refused_when_it_is_empty_or_too_long_or_not_printable(text):
    with pytest.raises(ValidationError, match="customers"):
        ask([text])


@pytest.mark.parametrize("value", [900, 9.5, None, True, ["900"]])
def test_an_id_is_refused_when_it_is_not_text(value):
    with pytest.raises(ValidationError, match="customers"):
        ask([value])


@pytest.mark.parametrize(
    ("message", "known"),
    [
        (CustomersRequest, {"customers": ["900"]}),
        (InlineCustomer, {"customer_id": "a", "as_of": "2018-01-01"}),
        (OrderLine, LINE),
        (Contact, {"campaign_id": "18", "sent_at": "2017-12-30"}),
        (Event, {"occurred_at": "2017-12-30", "kind": "view"}),
    ],
)
def test_an_unknown_key_is_refused_everywhere(message, known):
    message.model_validate(known)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        message.model_validate(known | {"colour": "red"})


def test_a_history_needs_its_as_of():
    with pytest.raises(ValidationError, match=r"as_of\n  Field required"):
        ask([{"customer_id": "new-1", "order_lines": [LINE]}])


def test_ids_and_histories_may_be_mixed_and_repeated():
    history = {"customer_id": "900", "as_of": "2018-01-01"}
    kinds = [type(item).__name__ for item in ask(["900", history, "900", history]).customers]
    assert kinds == ["str", "InlineCustomer", "str", "InlineCustomer"]


@pytest.mark.parametrize("field", ["quantity", "amount", "discount"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", "-Infinity", 1_000_000_001, "much", True])
def test_an_amount_is_refused_when_it_is_no_finite_number_of_a_plausible_size(field, value):
    with pytest.raises(ValidationError, match=field):
        OrderLine.model_validate({**LINE, field: value})


def test_amounts_are_exact_and_a_quantity_is_1_when_it_is_not_given():
    line = OrderLine.model_validate({**LINE, "amount": 0.1, "discount": "0.20"})
    assert (line.quantity, line.amount, line.discount) == (Decimal(1), Decimal("0.1"), Decimal("0.20"))


def test_a_return_has_a_negative_amount_but_no_negative_discount():
    assert OrderLine.model_validate({**LINE, "amount": -3, "quantity": -1}).amount == -3
    with pytest.raises(ValidationError, match="discount"):
        OrderLine.model_validate({**LINE, "discount": -0.01})


@pytest.mark.parametrize("value", [20171230, "20171230", 1514653500, "1514653500", 1.5, True, "30.12.2017", "", "now"])
def test_a_time_is_refused_when_it_is_a_number_or_not_iso_8601(value):
    with pytest.raises(ValidationError, match="should be a date like 2017-12-30 or a time like 2017-12-30T17:05:00"):
        OrderLine.model_validate({"ordered_at": value})
    with pytest.raises(ValidationError, match="should be a date like 2017-12-30"):
        InlineCustomer.model_validate({"customer_id": "a", "as_of": value})


@pytest.mark.parametrize(
    "value", ["2017-12-30", "2017-12-30T17:05", "2017-12-30 17:05:00.5", "2017-12-30T17:05:00+01:00"]
)
def test_a_time_may_be_a_day_or_have_an_offset(value):
    assert OrderLine.model_validate({"ordered_at": value}).ordered_at.isoformat().startswith("2017-12-30")


@pytest.mark.parametrize(
    "value",
    ["2017-02-29", "2017-13-01", "2018-01-01T05:00:00", "1899-12-31", "9999-12-31", "2018-01-01T00:00:00+05:00"],
)
def test_an_as_of_is_refused_when_it_is_no_midnight_of_the_calendar_in_use(value):
    with pytest.raises(ValidationError, match="as_of"):
        InlineCustomer.model_validate({"customer_id": "a", "as_of": value})


def test_an_attribute_or_a_flag_is_refused_when_it_is_of_another_type():
    with pytest.raises(ValidationError, match="attributes"):
        InlineCustomer.model_validate({"customer_id": "a", "as_of": "2018-01-01", "attributes": {"age": True}})
    with pytest.raises(ValidationError, match="is_control"):
        Contact.model_validate({"campaign_id": "18", "sent_at": "2017-12-30", "is_control": "yes"})


def test_a_history_is_refused_when_it_has_more_than_10000_lines():
    InlineCustomer.model_validate({"customer_id": "a", "as_of": "2018-01-01", "order_lines": [LINE] * 10_000})
    with pytest.raises(ValidationError, match="at most 10000 items"):
        InlineCustomer.model_validate({"customer_id": "a", "as_of": "2018-01-01", "order_lines": [LINE] * 10_001})
