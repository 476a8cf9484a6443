import os
import subprocess
import sys

from models.features import fingerprint
from models.settings import Attribute, FeatureSettings

CODE = (
    "from models.features import fingerprint; from models.settings import FeatureSettings as S; print(fingerprint(S()))"
)


def test_the_fingerprint_is_the_same_in_another_process():
    for seed in ("1", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        printed = subprocess.run(
            [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == fingerprint(FeatureSettings())


def test_the_fingerprint_differs_when_settings_change_the_features():
    undated = Attribute(name="age", kind="numeric", undated=True)
    others = [
        FeatureSettings(),
        FeatureSettings(timezone="Europe/Berlin"),
        FeatureSettings(event_kinds=("view",)),
        FeatureSettings(attributes=(undated,)),
        FeatureSettings(attributes=(undated.model_copy(update={"undated": False}),)),
    ]
    assert len({fingerprint(each) for each in others}) == len(others)
