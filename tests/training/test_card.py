import re
from dataclasses import replace

import numpy as np
import orjson
import pytest

from models import columns as col
from models.parts import canonical_json
from models.settings import Attribute, FeatureSettings, Settings, SourceSettings
from tests.training.outcomes import intake, outcome
from training.card import Versions, direction, render, verdict
from training.evaluate import Figure
from training.facts import facts, importance
from training.inspection import Inspection
from training.leaks import Check
from training.slices import Slice, Slices


def told(found, tmp_path, source="complete-journey", attributes=(), report=None):
    features = FeatureSettings(attributes=attributes)
    settings = Settings(workspace=tmp_path, source=SourceSettings(builtin="complete-journey"), features=features)
    report = report or intake(source)
    about = facts(found, report, settings, floors={"h30": 0.0123}, importance={"Last order": 0.75}, run_id="run-1")
    # a card is written from what was kept, perhaps long after
    return orjson.loads(canonical_json(about))


@pytest.fixture(scope="module")
def churn():
    return outcome("churn", method="blend")


def test_card_has_the_question_the_figures_and_the_data(churn, tmp_path):
    page = render(told(churn, tmp_path), {"h30/gain": b"png"}, Versions(evaluated=4))
    figure = churn.figures["blend"]["h30"]["auc"]
    for part in (
        churn.prediction.question, "No order in the next 30 days", "the last 60 days", f"{figure.value:.3f}",
        f"{figure.low:.3f} to {figure.high:.3f}", "bg_nbd", "rfm_logistic", "recency", "0.012", "1,234", "f" * 64,
        "run-1", "Last order", "0.750", "data:image/png;base64,cG5n", "No events table",
        churn.plan.test["h30"].isoformat(),
    ):  # fmt: skip
        assert part in page, part


def test_card_needs_no_other_file(churn, tmp_path):
    page = render(told(churn, tmp_path), {"h30/gain": b"png"}, Versions())
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "<script" not in page
    assert "@import" not in page


def test_card_escapes_what_it_is_told(churn, tmp_path):
    page = render(told(churn, tmp_path, source="<script>alert(1)</script>"), {}, Versions())
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_card_names_both_versions_when_one_serves(churn, tmp_path):
    page = render(told(churn, tmp_path), {}, Versions(evaluated=4, served=5, served_run="run-2"))
    assert "Version 4 is what the figures below were measured on. Version 5 serves" in page
    assert "run-2" in page


def test_card_says_not_promoted_when_nothing_serves(churn, tmp_path):
    page = render(told(churn, tmp_path), {}, Versions(evaluated=4))
    assert "not promoted" in page
    assert "serves:" not in page


def test_card_of_several_horizons_and_a_date_is_written(tmp_path):
    page = render(told(outcome("repurchase"), tmp_path), {}, Versions())
    for title in ("7 days", "30 days", "90 days", "next order within 90 days", "Inside the 80 % range"):
        assert f"{title}" in page


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        ("auc", 0.01, 0.03, "better than"),
        ("auc", -0.03, -0.01, "worse than"),
        ("auc", -0.01, 0.03, "not distinguishable from"),
        ("log_loss", -0.03, -0.01, "better than"),
        ("log_loss", 0.01, 0.03, "worse than"),
        ("error_days", 0.0, 0.5, "not distinguishable from"),
        ("range_coverage", 0.01, 0.03, "higher than"),
        ("range_coverage", -0.03, -0.01, "lower than"),
        ("auc", None, None, "not distinguishable from"),
    ],
)
def test_verdict_says_which_is_better_when_the_interval_excludes_zero(metric, low, high, expected):
    assert verdict({"value": 0.0, "low": low, "high": high}, metric) == expected


def test_importance_finds_what_the_label_was_made_of(churn):
    assert next(iter(importance(churn))) == "Last order"


def test_nothing_is_explained_when_nobody_is_eligible(churn):
    nobody = replace(churn, explained=churn.explained.take(np.zeros(len(churn.explained), bool)))
    assert importance(nobody) == {}


def test_card_of_lookalike_tells_in_words_what_was_measured_and_on_what(tmp_path):
    page = render(told(outcome("lookalike"), tmp_path), {}, Versions())
    for part in (
        "Likeness to the seeds of a request", "in the 30 days after a cutoff, 50 are the seeds",
        "with an order in the 180 days before it", "Buyers of a category in the next 30 days",
        "bootstrap interval over queries", "on the same queries", "Each call has its own drivers",
    ):  # fmt: skip
        assert part in page, part
    assert "not_eligible" not in page
    assert "log-odds" not in page


def test_card_says_so_when_nothing_can_be_told_of_what_drives_it(churn, tmp_path):
    page = render(told(churn, tmp_path) | {"importance": {}}, {}, Versions())
    assert "Nothing can be told: there was nobody" in page


CONFIGURED = (
    Attribute(name="belief", kind="numeric", undated=True, sensitive=True),
    Attribute(name="income", kind="numeric"),
    Attribute(name="age", kind="numeric", undated=True),
)


@pytest.mark.parametrize(
    ("absent", "used", "kept"),
    [
        (
            (col.VALID_FROM,),
            "age (today&#39;s value at past cutoffs too)",
            "belief (sensitive), income (undated: nobody knows since when its values hold)",
        ),
        ((), "age (as known at each cutoff), income (as known at each cutoff)", "belief (sensitive)"),
    ],
)
def test_card_says_which_attributes_are_used_and_why_the_others_are_not(churn, tmp_path, absent, used, kept):
    known = intake()
    customers = known.tables["products"].model_copy(update={"absent": absent})
    known = known.model_copy(update={"tables": {**known.tables, col.CUSTOMERS: customers}})
    page = render(told(churn, tmp_path, attributes=CONFIGURED, report=known), {}, Versions())
    assert f"<dt>attributes used</dt><dd>{used}</dd>" in page
    assert f"<dt>attributes kept, not used</dt><dd>{kept}</dd>" in page


def test_card_says_that_no_attribute_is_used_when_none_is_configured(churn, tmp_path):
    page = render(told(churn, tmp_path), {}, Versions())
    assert "<dt>attributes used</dt><dd>none</dd>" in page
    assert "attributes kept" not in page


def test_card_of_an_older_run_is_written_again(churn, tmp_path):
    older = told(churn, tmp_path)
    del older["drivers_are"], older["attributes"], older["directions"], older["reached"]
    del older["evidence"]["leak_checks"], older["evidence"]["warnings"]
    for task in older["tasks"]:
        del task["title"], task["what_if"]
    page = render(older, {}, Versions(evaluated=4))
    assert "Mean absolute effect of each group of features on the log-odds." in page
    assert "30 days" in page


def looked_at(churn, **found):
    return replace(churn, inspection=Inspection(**found))


SLICES = Slices(
    "auc",
    (
        Slice(
            "Big spenders: more than 9",
            150,
            40,
            Figure(0.7, 0.6, 0.8),
            Figure(-0.2, -0.3, -0.1),
            Figure(0.1, 0.05, 0.2),
        ),
        Slice("One order so far", 12, None),
    ),
    worst="Big spenders: more than 9",
    most_off="Big spenders: more than 9",
)


def test_card_counts_whom_a_list_reaches_in_words(churn, tmp_path):
    page = render(told(churn, tmp_path), {}, Versions())
    probability, outcome = churn.test["blend"]["h30"].probability, churn.test["blend"]["h30"].outcome
    first = np.argsort(-probability, kind="stable")[: round(len(outcome) / 10)]
    caught = round(outcome[first].sum())
    assert f"Contact the first 10 %, {len(first)} customers: <b>{caught}</b>" in page
    assert "churners are missed" in page


def test_card_names_the_worst_part_and_does_not_judge_a_small_one(churn, tmp_path):
    page = render(told(looked_at(churn, slices={"h30": SLICES}), tmp_path), {}, Versions())
    assert "Worst: <b>Big spenders: more than 9</b>" in page
    assert "Probabilities are most off for: <b>Big spenders: more than 9</b>" in page
    assert re.search(r'One order so far</th><td>12</td><td colspan="4"[^>]*>too small to judge', page)
    assert "Big spenders: more than 9, without a second look" in page
    assert "Budgets for big spenders: more than 9" in page


def test_card_says_when_no_part_is_worse(churn, tmp_path):
    even = replace(SLICES, worst=None, most_off=None)
    page = render(told(looked_at(churn, slices={"h30": even}), tmp_path), {}, Versions())
    assert "No part does worse than all others beyond doubt." in page
    assert "without a second look" not in page


LEAK = Check("single feature", False, "attribute_left is too good to be true")


def test_card_says_when_parts_are_too_small_to_compare(churn, tmp_path):
    alone = Slices("auc", (Slice("One order so far", 12, None),))
    page = render(told(looked_at(churn, slices={"h30": alone}), tmp_path), {}, Versions())
    assert "No part can be compared with all others: there are too few customers." in page


def test_a_failed_check_is_at_the_head_of_the_card_in_the_sentence_and_in_the_evidence(churn, tmp_path):
    leaky = looked_at(churn, checks=(Check("shuffled labels", None, "it has no meaning here: none"), LEAK))
    about = told(leaky, tmp_path)
    page = render(about, {}, Versions())
    assert page.index("<b>Warning.</b> attribute_left is too good to be true.") < page.index("What it predicts")
    assert "before the warning above is understood" in page
    assert "It has no meaning here: none." in page
    assert "Attribute_left" not in page
    assert leaky.summary.endswith("WARNING: attribute_left is too good to be true")
    assert about["evidence"]["warnings"] == ["attribute_left is too good to be true"]
    assert about["evidence"]["leak_checks"][1]["passed"] is False


def test_card_tells_which_way_each_group_moves_the_score(churn, tmp_path):
    about = told(churn, tmp_path)
    # the label was made so that those who have been away long stay away
    assert about["directions"]["Last order"]["feature"] == "Days since the last order"
    page = render(about, {}, Versions())
    assert "Days since the last order: high values raise it" in page
    assert "only a control group tells" in page


@pytest.mark.parametrize(
    ("correlation", "expected"),
    [
        (0.9, "high values raise it"), (0.4, "high values tend to raise it"), (0.1, "no single direction"),
        (-0.4, "high values tend to lower it"), (-1.0, "high values lower it"),
    ],
)  # fmt: skip
def test_a_direction_is_as_clear_as_the_correlation(correlation, expected):
    assert direction(correlation) == expected


def test_card_without_parts_of_customers_does_not_speak_of_queries(churn, tmp_path):
    page = render(told(looked_at(churn, slices={}), tmp_path), {}, Versions())
    assert "Not told by parts: nobody says which customers were measured." in page


def test_card_of_queries_tells_shares_and_why_there_are_no_parts(tmp_path):
    page = render(told(outcome("lookalike"), tmp_path), {}, Versions())
    assert "Of the hidden buyers of each query" in page
    assert "Not told by parts: it is measured by queries" in page
    assert "No direction is told" in page


def test_card_of_a_single_query_has_shares_without_intervals(tmp_path):
    about = told(outcome("lookalike"), tmp_path)
    for task in about["tasks"]:
        for row in task["what_if"]:
            # what a run keeps where nothing can be drawn: JSON has no NaN
            row["caught"] |= {"value": 0.25, "low": None, "high": None}
    assert "<td>25 %<small>- to -</small></td>" in render(about, {}, Versions())
