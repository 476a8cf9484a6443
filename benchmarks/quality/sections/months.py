"""The sample month by month."""

from collections.abc import Mapping

from benchmarks.quality.markdown import number, table
from benchmarks.quality.sections.shared import Result, left_out


def section(data: Result, images: Mapping[str, str]) -> str:
    """Return the section on the sample month by month; ``images`` has the path of each prediction's plot."""
    text = [
        "## Month by month",
        f"The sample's last months: everything is fitted and chosen anew at each cutoff, {data['horizon']} days "
        "ahead; error / floor is the calibration error of ten bins and what chance alone would show.",
    ]
    every = [(f"{name}, {month['test']}", month) for name, months in data["predictions"].items() for month in months]
    text += [told for told in [left_out(every)] if told]
    for name, months in data["predictions"].items():
        rivals = [rival for rival in months[-1]["rivals"] if all(rival in month["methods"] for month in months)]
        text.append(f"### {name[0].upper()}{name[1:]} within {data['horizon']} days")
        if name in images:
            text.append(f"![AUC and calibration error above its floor by month: {name}]({images[name]})")
        rows = [
            (
                month["test"],
                month["chosen"],
                _month_cell(month, month["chosen"]),
                *(_month_cell(month, rival) for rival in rivals),
            )
            for month in months
        ]
        text.append(table(("cutoff", "chosen", "Foresell: AUC, error / floor", *rivals), rows))
    return "\n\n".join(text)


def _month_cell(month: Result, method: str) -> str:
    found = month["methods"][method]
    return f"{number(found['auc'])}, {number(found['calibration_error'])} / {number(found['floor'])}"
