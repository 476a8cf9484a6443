from typing import Any

from models import columns as col
from models.next_best_product.batch import SCHEMA, as_table
from models.next_best_product.messages import NextBestProductAnswer, ProductReason, Recommendation
from tests.models.next_best_product.corner_shop import AS_OF


def recommended(product_id: str | None, category: str | None, score: float | None, *, fallback: bool) -> Recommendation:
    reason = ProductReason(kind="popularity", text=f"because {score}")
    return Recommendation(
        product_id=product_id, category=category, name="Bread", score=score, reason=reason, fallback=fallback
    )


def answered(name: str, *products: Recommendation, explanation: str | None = None) -> dict[str, Any]:
    return NextBestProductAnswer(
        customer_id=name, status="ok", explanation=explanation, as_of=AS_OF, products=list(products)
    ).model_dump()


def test_each_product_is_a_row_and_somebody_without_any_has_one_of_nulls() -> None:
    ann = answered("ann", recommended("b", "bakery", 0.5, fallback=False), recommended("a", None, 0.1, fallback=True))
    found = as_table([ann, answered("bob", explanation="0 of 2 products")])
    assert found.schema == SCHEMA
    first, second, third = found.to_pylist()
    assert first == {
        col.CUSTOMER_ID: "ann", col.STATUS: "ok", col.EXPLANATION: None, col.AS_OF: AS_OF, col.RANK: 1,
        col.ITEM: "b", col.NAME: "Bread", col.SCORE: 0.5, col.REASON: "because 0.5", col.FALLBACK: False,
    }  # fmt: skip
    assert (second[col.RANK], second[col.ITEM], second[col.FALLBACK]) == (2, "a", True)
    assert third == {
        **dict.fromkeys(SCHEMA.names), col.CUSTOMER_ID: "bob", col.STATUS: "ok", col.AS_OF: AS_OF,
        col.EXPLANATION: "0 of 2 products",
    }  # fmt: skip


def test_a_category_is_the_item_when_there_is_no_product() -> None:
    found = as_table([answered("ann", recommended(None, "bakery", 0.5, fallback=False))])
    assert found[col.ITEM].to_pylist() == ["bakery"]


def test_a_place_that_popularity_filled_has_no_score() -> None:
    found = as_table([answered("ann", *(recommended(each, None, None, fallback=True) for each in "ab"))])
    assert found.schema == SCHEMA
    assert (found[col.SCORE].null_count, found[col.RANK].to_pylist(), found[col.ITEM].to_pylist()) == (
        2,
        [1, 2],
        ["a", "b"],
    )


def test_there_are_no_rows_when_there_is_nobody() -> None:
    found = as_table([])
    assert (found.num_rows, found.schema) == (0, SCHEMA)
