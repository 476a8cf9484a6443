"""The page of the measured quality, and the floors of its quick part."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality import customers, floors, lookalike, products
from benchmarks.quality.__main__ import main, write_page
from benchmarks.quality.customers import Pool, pooled
from benchmarks.quality.markdown import number
from benchmarks.quality.page import CHOICE_TEST, render
from benchmarks.quality.products import TWO_STAGES
from benchmarks.quality.results import load, save
from benchmarks.quality.verdicts import BASKET_RIVALS, Verdict, keeps_up, verdicts
from models.metrics import BinaryMeasurement

CHECKOUT = Path(__file__).resolve().parent.parent


def figure(value: float, width: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - width, "high": value + width}


def method(auc: float, error: float = 0.02) -> dict[str, Any]:
    figures = {"auc": auc, "log_loss": 1 - auc, "brier": (1 - auc) / 2, "calibration_error": error}
    return {"figures": {name: figure(value) for name, value in figures.items()}, "floor": 0.01, "validation_loss": 0.3}


def line(**aucs: float) -> dict[str, Any]:
    ours = aucs["lightgbm"]
    losses = {"auc": 1.0, "log_loss": -1.0, "brier": -0.5}
    return {
        "title": "churn complete-journey 30 days, 2017-12-01",
        "prediction": "churn",
        "source": "complete-journey",
        "horizon": 30,
        "active_days": 60,
        "test": "2017-12-01",
        "validation": ["2017-11-01"],
        "judged": True,
        "customers": 2_243,
        "published_customers": 2_243,
        "happened": 0.125,
        "chosen": "lightgbm",
        "rivals": ["rfm_logistic", "recency"],
        "left_out": {"bg_nbd": "no answer after 9 starts"},
        "methods": {name: method(auc) for name, auc in aucs.items()},
        "paired": {
            name: {metric: figure(sign * (ours - auc)) for metric, sign in losses.items()}
            for name, auc in aucs.items()
            if name != "lightgbm"
        },
        "published": [
            {"methods": ["recency"], "title": "recency", "auc": 0.79},
            {"methods": ["rfm_logistic"], "title": "LR, four numbers", "auc": 0.856},
            {"methods": ["lightgbm"], "title": "LightGBM, ~60 features", "auc": 0.869},
        ],
    }


def results_of(each: dict[str, Any]) -> dict[str, Any]:
    paired = {name: each["paired"][name] for name in each["rivals"]}
    data = {"lines": [each], "pooled": {"source": "complete-journey", "lines": 1, "paired": paired}}
    spent = {"load": 0.1, "seconds": 60, "processor_seconds": 50}
    stamp = {"date": "2026-11-22", "commit": "abc1234", "cores": 2, "architecture": "x86_64", **spent}
    return {"customers": {"stamp": stamp | {"versions": {"Python": "3.11"}}, "data": data}}


@pytest.fixture
def results() -> dict[str, Any]:
    return results_of(line(lightgbm=0.872, rfm_logistic=0.857, recency=0.79))


def months() -> dict[str, Any]:
    methods = {
        name: {"auc": auc, "log_loss": 0.3, "brier": 0.1, "calibration_error": 0.02, "floor": 0.01}
        for name, auc in (("lightgbm", 0.87), ("recency", 0.8))
    }
    each = {"chosen": "lightgbm", "rivals": ["recency"], "left_out": {}, "methods": methods}
    cutoffs = ("2017-11-01", "2017-12-01")
    return {
        "horizon": 30,
        "source": "complete-journey",
        "predictions": {"churn": [each | {"test": d} for d in cutoffs]},
    }


def test_the_page_shows_figures_published_ones_and_verdicts_when_some_parts_were_measured(
    results: dict[str, Any],
) -> None:
    page = render(results, images={})
    assert (
        "| AUC: Foresell minus the regression on four numbers, pooled over the 1 lines of complete-journey | " in page
    )
    assert ".872 [.862, .882]" in page
    assert ".857 (.856)" in page
    assert "bg_nbd (no answer after 9 starts)" in page
    assert "| churn complete-journey 30 days, 2017-12-01 | LR, four numbers | .857 | .856 | yes |" in page
    assert "| 2,243, 12.5% |" in page
    assert "Where Foresell does not lead" not in page
    assert "## Lookalike" not in page
    assert "Not measured yet: calibration, dates, products, cost, lookalike, training." in page


def test_the_page_says_where_the_customers_are_not_those_of_the_published_split(results: dict[str, Any]) -> None:
    results["customers"]["data"]["lines"][0]["customers"] = 2_200
    assert "| 2,200 (published 2,243), 12.5% |" in render(results, images={})


def test_the_test_that_the_page_points_to_is_there() -> None:
    assert (CHECKOUT / CHOICE_TEST).is_file()


def test_the_page_says_where_a_rival_leads() -> None:
    page = render(results_of(line(lightgbm=0.83, rfm_logistic=0.857, recency=0.79)), images={})
    assert "Where Foresell does not lead" in page
    assert "| lightgbm .830 | rfm_logistic .857 | -.027 [-.037, -.017] (whole interval) |" in page
    assert (
        "0 of 1 judged lines; churn complete-journey 30 days, 2017-12-01: -.027 [-.037, -.017] against rfm_logistic"
        in page
    )


def test_a_verdict_is_no_when_the_calibration_error_is_too_far_above_its_floor(results: dict[str, Any]) -> None:
    def calibrated() -> bool | None:
        return next(each.met for each in verdicts(results) if each.what.startswith("Calibration"))

    assert calibrated()
    results["customers"]["data"]["lines"][0]["methods"]["lightgbm"] = method(0.872, error=0.026)
    assert not calibrated()


def test_a_crippled_rival_is_reported_as_failed(results: dict[str, Any]) -> None:
    assert floors.failures(results, {}) == []
    crippled = results_of(line(lightgbm=0.872, rfm_logistic=0.84, recency=0.79))
    assert floors.failures(crippled, {}) == [
        "churn complete-journey 30 days, 2017-12-01: LR, four numbers .840, published .856: more than 0.01 below, the "
        "comparison is not fair"
    ]


def test_a_rival_that_is_gone_is_reported_as_failed(results: dict[str, Any]) -> None:
    gone = copy.deepcopy(results)
    del gone["customers"]["data"]["lines"][0]["methods"]["rfm_logistic"]
    (failed,) = floors.failures(gone, {})
    assert "LR, four numbers -, published .856" in failed


def test_a_stronger_rival_than_the_published_one_is_no_failure() -> None:
    assert floors.failures(results_of(line(lightgbm=0.9, rfm_logistic=0.88, recency=0.81)), {}) == []


def test_foresell_fails_when_it_falls_below_what_was_recorded(results: dict[str, Any]) -> None:
    key = "churn complete-journey 30 days, 2017-12-01: AUC"
    assert floors.own_figures(results) == {key: 0.872}
    assert floors.failures(results, {key: 0.881}) == []
    (failed,) = floors.failures(results, {key: 0.883})
    assert failed == f"{key}: Foresell .872, recorded .883: more than 0.01 below"


def test_the_command_ends_with_one_and_a_line_for_each_failed_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crippled = results_of(line(lightgbm=0.872, rfm_logistic=0.84, recency=0.7))
    save(tmp_path / "results", "customers", crippled["customers"]["data"], seconds=1, processor_seconds=1)
    out = tmp_path / "quality.md"
    workspaces = tmp_path / "workspaces"
    told = ["--results", str(tmp_path / "results"), "--workspaces", str(workspaces), "--out", str(out)]
    assert main(["--page", *told]) == 1
    assert not workspaces.exists()
    assert [text.split(": ")[2] for text in capsys.readouterr().err.splitlines()] == [
        "recency .700, published .790",
        "LR, four numbers .840, published .856",
    ]
    assert "**no**" in out.read_text(encoding="utf-8")


def dates(**methods: tuple[float, float]) -> dict[str, Any]:
    known = {"range_coverage": figure(0.8, 0.02), "range_width_days": figure(27.0)}
    stamp = results_of(line(lightgbm=0.872, rfm_logistic=0.857, recency=0.79))["customers"]["stamp"]
    data = {
        "test": "2017-11-01",
        "cut_at": 60,
        "customers": 2_452,
        "not_expected": 0.07,
        "chosen": "blend",
        "rivals": [name for name in methods if name != "blend"],
        "left_out": {"pareto_nbd": "no answer after 9 starts"},
        "methods": {
            name: known | {"error_days": figure(error), "c_index": figure(index)}
            for name, (error, index) in methods.items()
        },
        "paired": {name: {"error_days": figure(-0.1)} for name in methods if name != "blend"},
        "published": {"bg_nbd": {"error_days": 9.5, "c_index": 0.73}},
    }
    return {"dates": {"stamp": stamp, "data": data}}


def test_a_missed_date_shows_as_missed_and_the_range_stands_beside_that_of_bg_nbd() -> None:
    page = render(dates(blend=(9.04, 0.746), bg_nbd=(9.6, 0.725)), images={})
    assert "| Next order, 60 days in sight: mean error at most 9.0 days | 9.04 [9.03, 9.05] | **no** |" in page
    assert "| Next order: C-index at least .75 | .746 [.736, .756] | **no** |" in page
    assert "| 27.00 [26.99, 27.01]; bg_nbd 27.00 [26.99, 27.01] | reported |" in page
    assert "Not converged and left out: Next order: pareto_nbd (no answer after 9 starts)." in page


@pytest.mark.parametrize(
    ("bg_nbd", "told"),
    [
        ((9.6, 0.725), []),
        # better than published makes it harder for us
        ((9.0, 0.76), []),
        ((9.7, 0.73), ["next order, mean error in days: bg_nbd 9.700, published 9.500: more than 0.1 above"]),
        ((9.5, 0.71), ["next order, C-index: bg_nbd .710, published .730: more than 0.01 below"]),
    ],
)
def test_a_rival_that_dates_worse_than_the_published_one_is_reported_as_failed(
    bg_nbd: tuple[float, float], told: list[str]
) -> None:
    failed = floors.failures(dates(blend=(8.8, 0.75), bg_nbd=bg_nbd), {})
    assert [each.rpartition(",")[0] for each in failed] == told


def test_a_line_that_is_not_judged_is_shown_as_such_and_changes_no_verdict(results: dict[str, Any]) -> None:
    judged = verdicts(results)
    lost = line(lightgbm=0.6, rfm_logistic=0.857, recency=0.79) | {"title": "churn cdnow 180 days", "judged": False}
    results["customers"]["data"]["lines"].append(lost)
    assert verdicts(results) == judged
    page, _, _ = render(results, images={}).partition("## Published figures")
    assert "Reported, not judged: churn cdnow 180 days." in page
    assert "| churn cdnow 180 days |" not in page
    assert page.count("| churn cdnow 180 days (reported, not judged) |") >= len(("AUC", "paired", "log loss", "Brier"))


def test_every_floor_of_the_quick_part_was_recorded() -> None:
    lines = {f"{each.title}: AUC" for each in customers.QUICK}
    rows = {
        f"{items.title}, {mode}, {split.cutoffs[0]}: NDCG@10"
        for split in products.QUICK
        for items in split.items
        for mode in items.tags
    }
    queries = {f"lookalike, {group.title}: AUC" for group in lookalike.GROUPS if group.quick}
    assert lines | rows | queries <= set(floors.recorded())


def test_the_plots_lie_beside_the_page_and_are_the_same_bytes_again(results: dict[str, Any], tmp_path: Path) -> None:
    measured = results | {"calibration": {"stamp": results["customers"]["stamp"], "data": months()}}
    drawn = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_page(measured, tmp_path / name / "quality.md")
        drawn.append((tmp_path / name / "quality" / "churn.png").read_bytes())
    assert drawn[0] == drawn[1]
    page = (tmp_path / "one" / "quality.md").read_text(encoding="utf-8")
    assert "(quality/churn.png)" in page
    assert "| 2017-12-01 | lightgbm | .870, .020 / .010 | .800, .020 / .010 |" in page


def row(ours: float, other: float, *, width: float = 0.01, **more: Any) -> dict[str, Any]:
    def method(value: float) -> dict[str, Any]:
        return {"figures": {"ndcg_10": figure(value), "coverage": figure(0.3), "fallback_share": figure(0.0)}}

    return {
        "items": "cj items",
        "mode": "new",
        "test": "2017-12-01",
        "customers": 1_900,
        "chosen": "two_stage",
        "choices": {},
        "rivals": ["ease"],
        "left_out": {},
        "methods": {"two_stage": method(ours), "ease": method(other)},
        "paired": {"ease": {"ndcg_10": figure(ours - other, width)}},
        "published": {"ease": 0.053, TWO_STAGES: 0.062},
    } | more


@pytest.mark.parametrize(
    ("each", "kept"),
    [
        (row(0.060, 0.055), True),
        # a rival is better, by chance or not: nothing was handed over
        (row(0.054, 0.055), False),
        (row(0.055, 0.055, choices={"any": 80, "new": "ease"}), True),
        # handed over to one that another beats for certain
        (row(0.040, 0.060, choices={"any": 80, "new": "item_knn"}), False),
    ],
)
def test_a_ranking_keeps_up_when_it_leads_or_was_handed_to_one_that_is_not_beaten(
    each: dict[str, Any], kept: bool
) -> None:
    assert keeps_up(each) is kept


def test_products_are_judged_by_the_published_figures_and_must_reproduce_them() -> None:
    basket = row(0.3, 0.2, mode="basket", published={})
    basket["methods"] |= {"item_knn": basket["methods"]["ease"], "most_popular": basket["methods"]["ease"]}
    basket["paired"] |= {"item_knn": basket["paired"]["ease"], "most_popular": basket["paired"]["ease"]}
    stamp = results_of(line(lightgbm=0.872, rfm_logistic=0.857, recency=0.79))["customers"]["stamp"]
    results = {"products": {"stamp": stamp, "data": {"rows": [row(0.056, 0.040), basket]}}}
    page = render(results, images={})
    assert "0 of 1; cj items, new: .056, candidates + LightGBM .062 | **no** |" in page
    assert "least lead on item_knn +.100 [+.090, +.110]" in page
    (failed,) = floors.failures(results, {})
    assert failed.startswith("cj items, new: ease .040, published .053")


def test_a_basket_is_completed_better_only_where_the_least_certain_lead_is_certain() -> None:
    def judged(width: float) -> Verdict:
        rows = [row(0.3, 0.2), row(0.32, 0.2, width=width)]
        for each in rows:
            each["mode"] = "basket"
            each["methods"] |= dict.fromkeys(BASKET_RIVALS, each["methods"]["ease"])
            each["paired"] |= dict.fromkeys(BASKET_RIVALS, each["paired"]["ease"])
        (found,) = [each for each in verdicts({"products": {"data": {"rows": rows}}}) if "basket by" in each.what]
        return found

    assert judged(0.1).met
    # the larger lead, and by chance
    assert not judged(0.2).met


def test_lookalike_shows_the_promised_recall_beside_what_came_true() -> None:
    beside = {"spend_rank": {"difference": 0.03, "low": 0.01, "high": 0.05}}
    curve = {"shares": [0.1, 0.5], "expected": [0.3, 0.8], "true": [0.36, 0.81], "largest_gap": 0.06}
    shared = {"line": "buyers, 50 seeds", "seeds": 50, "queries": ["BACON"], "published_plain": 0.762}
    ours = shared | {"method": "seed_logistic", "ours": True, "auc": 0.76, "published": None, "beside": beside}
    rival = shared | {"method": "spend_rank", "ours": False, "auc": 0.73, "published": 0.733, "beside": {}}
    stamp = results_of(line(lightgbm=0.872, rfm_logistic=0.857, recency=0.79))["customers"]["stamp"]
    results = {"lookalike": {"stamp": stamp, "data": {"rows": [rival, ours | {"curve": curve}]}}}
    page = render(results, images={})
    assert "| buyers, 50 seeds | .300 / .360 | .800 / .810 | .060 |" in page
    assert "| Lookalike: on no line more than .005 below the published regression | 1 of 1 lines | yes |" in page
    assert "averaged over the queries | .060 | **no** |" in page
    assert floors.failures(results, {"lookalike, buyers, 50 seeds: AUC": 0.765}) == []


def test_results_say_what_they_were_measured_on_and_nan_is_null(tmp_path: Path) -> None:
    save(tmp_path, "dates", {"error": np.float64("nan"), "days": [np.int64(3)]}, seconds=61.4, processor_seconds=50.2)
    found = load(tmp_path)["dates"]
    assert found["data"] == {"error": None, "days": [3]}
    assert found["stamp"]["seconds"] == 61
    assert set(found["stamp"]) == {
        "date",
        "commit",
        "cores",
        "architecture",
        "load",
        "versions",
        "seconds",
        "processor_seconds",
    }


def test_the_pooled_difference_is_the_mean_over_lines_and_counts_a_customer_in_all_of_them() -> None:
    happened = np.array([1.0, 0.0, 1.0, 0.0])
    right, wrong = (BinaryMeasurement(happened, p) for p in (np.array([0.9, 0.1, 0.8, 0.2]), np.full(4, 0.5)))
    pools = [
        Pool(("a", "b", "c", "d"), "ours", {"ours": right, "theirs": wrong}),
        Pool(("d", "c", "b", "a"), "ours", {"ours": wrong, "theirs": wrong}),
    ]
    found = pooled(pools)
    # .5 on the first line, 0 on the second
    assert found["theirs"]["auc"]["value"] == pytest.approx(0.25)
    assert found["ours"]["auc"]["value"] == 0


@pytest.mark.parametrize(
    ("value", "text"), [(0.8716, ".872"), (-0.0041, "-.004"), (1.25, "1.250"), (-0.0001, ".000"), (None, "-")]
)
def test_figures_have_three_decimals(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_quick_part_stays_above_its_floors(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.quality", "--quick", "--workspaces", str(tmp_path / "workspaces")]
    ran = subprocess.run(
        [*command, "--results", str(tmp_path / "results")], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
