"""The page of what serving costs, made from the results that there are."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.quality.markdown import answer, table
from benchmarks.serving import large_calls, memory, small_calls
from benchmarks.serving.load import CONNECTIONS

Result = Mapping[str, Any]

INTRO = """# What serving costs, and what it survives

Written by `make bench-serving`; every figure and every verdict on this page is computed. The main figure is the
processor time of a server's whole process tree a call: wall time on a shared machine says little. Calls of every kind
are made in every round, in turn, over connections that are kept; a figure is the median round, with the lowest and the
highest. Servers have one worker unless said otherwise, and metrics on. The release is that of the sample's demo
(`make demo`): churn and repurchase are answered by what validation chose there."""


def render(results: Mapping[str, Result]) -> str:
    """Return the page as Markdown; parts that were not run are left out.

    Parameters
    ----------
    results : mapping of str to mapping
        Part -> stamp and data.
    """
    writers = {"small": _small, "large": _large, "memory": _memory, "faults": _faults}
    there = [part for part in writers if part in results]
    sections = [INTRO, _verdicts(results)]
    sections += [writers[part](results[part]["data"]) for part in there]
    sections.append(_measured_on({part: results[part] for part in there}))
    return "\n\n".join(section for section in sections if section) + "\n"


def verdicts(results: Mapping[str, Result]) -> list[tuple[str, str, bool]]:
    """Return what is promised, what was measured, and whether it was kept."""
    found: list[tuple[str, str, bool]] = []
    if "small" in results:
        found += _small_verdicts(results["small"]["data"]["calls"])
    if "large" in results:
        found += _large_verdicts(results["large"]["data"])
    if "memory" in results:
        found += _memory_verdicts(results["memory"]["data"]["stores"])
    if "faults" in results:
        rows = results["faults"]["data"]["rows"]
        failed = [f"{each['row']}" for each in rows if each.get("failed") or not each.get("passed")]
        named = f"{len({each['row'] for each in rows})} rows"
        found.append(("Rows of faults: every test passes", f"{named}; not: {', '.join(failed) or 'none'}", not failed))
    return found


def _small_verdicts(calls: Mapping[str, Any]) -> Iterable[tuple[str, str, bool]]:
    ours = calls[small_calls.OURS]["median"]
    for peer, limit in small_calls.LIMITS.items():
        share = ours / calls[peer]["median"]
        yield f"Churn by id: at most {_ratio(limit)} of {peer}", _ratio(share), share <= limit
    share = calls[small_calls.REPURCHASE]["median"] / ours
    limit = small_calls.REPURCHASE_LIMIT
    yield f"Repurchase by id, every horizon: at most {_ratio(limit)} of churn by id", _ratio(share), share <= limit


def _large_verdicts(data: Result) -> Iterable[tuple[str, str, bool]]:
    calls = data["calls"]
    share, limit = calls[large_calls.IDS]["median"] / data["bare"]["median"], large_calls.RATIO_LIMIT
    yield f"1,000 ids: at most {_ratio(limit)} of `Booster.predict` on the same rows", _ratio(share), share <= limit
    for name, limit in large_calls.LIMITS.items():
        cost = calls[name]["median"]
        yield f"{name}, {data['customers']:,} customers: at most {limit:,.0f} ms", f"{cost:,.1f} ms", cost <= limit


def _memory_verdicts(stores: Mapping[str, Any]) -> Iterable[tuple[str, str, bool]]:
    for each in stores.values():
        where = f"{each['customers']:,} customers"
        more, limit = each["second_mb"], memory.SECOND_WORKER_MB
        yield f"A second worker, {where}: at most {limit:.0f} MB", f"{more:.0f} MB", more <= limit
        took, limit = each["start_seconds"], memory.START_SECONDS
        yield f"Start to ready, {where}: at most {limit:.0f} s", f"{took:.1f} s", took <= limit


def _verdicts(results: Mapping[str, Result]) -> str:
    rows = [(what, figure, answer(kept)) for what, figure, kept in verdicts(results)]
    return "## Verdicts\n\n" + table(("promised", "measured", "kept"), rows)


def _small(data: Result) -> str:
    calls = data["calls"]
    ours = calls[small_calls.OURS]["median"]
    rows = [(name, _range(each, 2), _ratio(ours / each["median"])) for name, each in calls.items()]
    return (
        "## One customer by id\n\n"
        f"{CONNECTIONS} connections. Foresell answers churn with its level and its percentile from an id. What serves "
        f"is {data['method']}, which scored everybody when the release was published: such a call looks the score up "
        f"({data['looked_up']:.0f} microseconds without the server; asked anew, the model takes {data['asked']:.0f}, "
        "for the same bits). With reasons, or for a history in the request, the model is asked.\n\n"
        f"A peer has the first booster of that method alone around {data['features']} floats in the body, or our own "
        "code around an id. One thread where it says so, and for BentoML: LightGBM takes all cores unless told.\n\n"
        + table(("call", "ms: median (range)", "Foresell's churn as a share of it"), rows)
    )


def _large(data: Result) -> str:
    rows = [(name, _range(each, 1)) for name, each in data["calls"].items()]
    rows.append(("`Booster.predict` on the rows of those 1,000 ids, in a process of its own", _range(data["bare"], 1)))
    waits = [
        (name, *(f"{each[key]:.1f}" for key in ("median", "p99", "longest"))) for name, each in data["beside"].items()
    ]
    return (
        f"## Large calls, over {data['customers']:,} customers\n\n"
        f"The sample's customers over and over, with their newest 100 purchases; {data['items']:,} products.\n\n"
        + table(("call", "ms: median (range)"), rows)
        + "\n\nChurn for one id over one connection, in milliseconds of wall time, while large calls follow each other "
        "over another:\n\n" + table(("beside", "median", "99 of 100", "longest"), waits)
    )


def _memory(data: Result) -> str:
    rows = [
        (f"{each['customers']:,}", *(f"{each[key]:.0f}" for key in ("one_mb", "two_mb", "second_mb")),
         f"{each['start_seconds']:.1f}")
        for each in data["stores"].values()
    ]  # fmt: skip
    head = ("customers", "one worker, MB", "two, MB", "the second adds, MB", "start to ready, s")
    return (
        "## Memory and start\n\nProportional set size of the process tree after calls for 1,000 customers: pages that "
        "processes share count once.\n\n" + table(head, rows)
    )


def _faults(data: Result) -> str:
    rows = [(each["row"], each["about"], f"`{each['file']}`", _ended(each)) for each in data["rows"]]
    told = dict.fromkeys(line for each in data["rows"] for line in each.get("told", ()))
    figures = "\n\nFigures that these tests told:\n\n" + "\n".join(f"- {line}" for line in told) if told else ""
    return (
        "## Faults\n\nEach is injected for real.\n\n"
        + table(("row", "what is promised", "tests", "ended"), rows)
        + figures
    )


def _ended(each: Mapping[str, Any]) -> str:
    told = [f"{each[key]} {key}" for key in ("passed", "failed", "skipped") if each.get(key)]
    return ", ".join(told) or "**not run**"


def _measured_on(results: Mapping[str, Result]) -> str:
    rows = []
    for part, result in results.items():
        stamp = result["stamp"]
        versions = ", ".join(f"{name} {version}" for name, version in stamp["versions"].items())
        machine = f"{stamp['cores']} cores, {stamp['architecture']}"
        rows.append(
            (part, stamp["date"], stamp["commit"], f"{stamp['seconds'] / 60:.1f}", machine, stamp["load"], versions)
        )
    head = ("part", "date", "commit", "minutes", "machine", "load", "versions")
    return (
        "## Measured on\n\nA commit with + had changes that were not committed. Load is how many processes wanted "
        "to run when the part ended.\n\n" + table(head, rows)
    )


def _range(each: Mapping[str, float], decimals: int) -> str:
    return f"{each['median']:,.{decimals}f} ({each['low']:,.{decimals}f}-{each['high']:,.{decimals}f})"


def _ratio(value: float) -> str:
    return f"{value:.2f}"
