import ibis

from models.orders import is_return, is_returned, order_days, paid
from tests.models.features.builders import Person, ago, line, stack

LINES = [
    line(4, amount="5", quantity="1"),
    line(4, amount="-5", quantity="1"),
    line(3, amount="5", quantity="-1"),
    line(2, amount=None, quantity=None),
    line(2, amount="0", quantity="0"),
]


def _lines():
    return ibis.memtable(stack({"ann": Person(LINES)})["order_lines"])


def test_a_line_is_a_return_when_its_amount_or_quantity_is_negative():
    lines = _lines()
    assert lines.select(it=is_return(lines)).to_pyarrow()["it"].to_pylist() == [False, True, True, False, False]


def test_a_return_reduces_spend_when_its_sign_is_on_the_quantity_alone():
    lines = _lines()
    assert lines.select(it=paid(lines)).to_pyarrow()["it"].to_pylist() == [5, -5, -5, None, 0]


def test_a_day_is_an_order_when_a_line_is_no_return():
    days = order_days(_lines()).to_pyarrow()["order_day"].to_pylist()
    assert sorted(days) == [ago(4).date(), ago(2).date()]


def test_a_line_of_a_request_is_a_return_when_the_same_line_of_a_table_is():
    lines = [{"amount": each["amount"], "quantity": each["quantity"]} for each in LINES]
    assert [is_returned(each) for each in lines] == [False, True, True, False, False]
    table = _lines()
    assert [is_returned(each) for each in lines] == table.select(it=is_return(table)).to_pyarrow()["it"].to_pylist()


def test_a_line_of_a_request_is_no_return_when_one_figure_is_not_known():
    assert is_returned({"amount": None, "quantity": -1})
    assert not is_returned({"amount": None, "quantity": 1})
    assert not is_returned({"amount": 5, "quantity": None})
