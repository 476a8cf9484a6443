"""The published splits: which history, which question, which days; and the workspaces that they are run in.

The figures of simple and published methods on the same splits stand beside them, so that a rival of ours that is weaker
than it should be shows.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from models import prediction_named
from models.parts import replace_file
from models.prediction import Prediction
from models.settings import CONFIG_FILE, CutoffSettings, Settings, TrainingSettings, load_settings
from training.cutoffs import Plan
from training.ingest import ensure_tables
from training.intake_report import IntakeReport
from training.progress import silent
from training.run import Trainer

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMPLETE_JOURNEY, CDNOW, TA_FENG = "complete-journey", "cdnow", "ta-feng"
# everybody is measured, and the published splits draw nobody
EVERYBODY = 1_500_000


@dataclass(frozen=True)
class Line:
    """One question about one history, with the days of its split.

    Parameters
    ----------
    prediction : str
        ``churn`` or ``repurchase``.
    source : str
        The history.
    horizon : int
        Days.
    test : date
        The test cutoff.
    step_days, max_training, min_history_days : int
        Of ``CutoffSettings``: they give the published training cutoffs as closely as settings can.
    active_days : int, optional
        Of churn.
    customers : int
        Eligible ones at the test cutoff, published.
    published : tuple of float
        AUC of recency, the regression on four numbers, BG/NBD and Pareto/NBD (for churn the better of the two, twice),
        the regression on about 60 features, and LightGBM on them.
    judged : bool
        Whether its figures count: not where they were read before the split was fixed.
    """

    prediction: str
    source: str
    horizon: int
    test: date
    step_days: int
    max_training: int
    min_history_days: int
    active_days: int | None
    customers: int
    published: tuple[float, float, float, float, float, float]
    judged: bool = True

    @property
    def title(self) -> str:
        """The line in a few words."""
        return f"{self.prediction} {self.source} {self.horizon} days, {self.test}"

    def trainer(self, workspaces: Path) -> Trainer:
        """Return what methods are fitted and measured with."""
        settings, intake = workspace(self.source, workspaces)
        cutoffs = CutoffSettings(
            newest_test=self.test,
            step_days=self.step_days,
            max_training=self.max_training,
            min_history_days=self.min_history_days,
        )
        training = TrainingSettings(max_examples=EVERYBODY)
        settings = settings.model_copy(update={"cutoffs": cutoffs, "training": training})
        return Trainer(settings, self.predicted(settings), intake, laid=None if self.judged else self._without_choice())

    def _without_choice(self) -> Plan:
        """Return cutoffs without a validation window: the history is too short for one."""
        grid = tuple(self.test - timedelta(days) for days in range(self.horizon, 265, self.step_days))
        tag = f"h{self.horizon}"
        return Plan(self.test + timedelta(self.horizon), grid[::-1], {tag: self.test}, {tag: ()}, self.max_training)

    def predicted(self, settings: Settings) -> Prediction:
        """Return the prediction as the line asks for it."""
        own: dict[str, Any] = {"horizon": self.horizon} if self.prediction == "churn" else {"horizons": (self.horizon,)}
        if self.active_days:
            own["active_days"] = self.active_days
        models = settings.models.model_copy(update={"predictions": {self.prediction: own}})
        return prediction_named(self.prediction, models)


def _repurchase(source: str, horizon: int, test: date, steps: tuple[int, int, int], customers: int,
                *published: float) -> Line:  # fmt: skip
    return Line("repurchase", source, horizon, test, *steps, None, customers, published)  # type: ignore[arg-type]


def _churn(source: str, horizon: int, test: date, steps: tuple[int, int, int], lookback: int, customers: int,
           *published: float, judged: bool = True) -> Line:  # fmt: skip
    return Line("churn", source, horizon, test, *steps, lookback, customers, published, judged)  # type: ignore[arg-type]


LINES = (
    _repurchase(COMPLETE_JOURNEY, 7, date(2017, 12, 1), (14, 16, 60), 2463, .766, .819, .817, .817, .835, .837),
    _repurchase(COMPLETE_JOURNEY, 30, date(2017, 12, 1), (14, 14, 60), 2463, .840, .876, .879, .879, .887, .891),
    _repurchase(COMPLETE_JOURNEY, 90, date(2017, 10, 3), (7, 6, 60), 2447, .871, .886, .889, .888, .886, .892),
    _repurchase(CDNOW, 7, date(1998, 6, 24), (28, 14, 60), 23570, .856, .865, .865, .871, .872, .870),
    _repurchase(CDNOW, 30, date(1998, 6, 1), (14, 22, 60), 23570, .838, .849, .842, .849, .853, .853),
    _repurchase(CDNOW, 90, date(1998, 4, 2), (14, 13, 60), 23570, .828, .836, .830, .837, .840, .840),
    _repurchase(TA_FENG, 7, date(2001, 2, 22), (7, 10, 29), 31275, .664, .740, .732, .732, .741, .742),
    _repurchase(TA_FENG, 28, date(2001, 2, 1), (7, 10, 29), 28610, .656, .744, .734, .735, .741, .744),
    _churn(COMPLETE_JOURNEY, 30, date(2017, 12, 1), (14, 14, 60), 60, 2243, .790, .856, .853, .853, .867, .869),
    _churn(COMPLETE_JOURNEY, 60, date(2017, 11, 1), (14, 8, 60), 60, 2226, .763, .830, .851, .851, .862, .865),
    _churn(CDNOW, 90, date(1998, 4, 2), (14, 13, 60), 180, 6046, .641, .721, .721, .721, .727, .728),
    _churn(CDNOW, 180, date(1998, 1, 1), (14, 7, 60), 180, 6343, .620, .699, .692, .692, .697, .699, judged=False),
    _churn(TA_FENG, 28, date(2001, 2, 1), (7, 10, 29), 60, 23059, .624, .752, .739, .739, .750, .752),
)  # fmt: skip


@cache
def workspace(source: str, folder: Path) -> tuple[Settings, IntakeReport]:
    """Return a history's workspace under a folder, made and read in when it is first asked for."""
    home = folder / source
    home.mkdir(parents=True, exist_ok=True)
    if source == COMPLETE_JOURNEY:
        # the sample's own settings: what is never recommended is left out of the published splits too
        text = (CHECKOUT / CONFIG_FILE).read_text(encoding="utf-8")
    else:
        text = f'[source]\nbuiltin = "{source}"\n'
    # whole at once: the parts that are measured side by side read it
    replace_file(home / CONFIG_FILE, text.encode())
    settings = load_settings(home)
    return settings, ensure_tables(settings, today=datetime.now(UTC).date(), progress=silent)
