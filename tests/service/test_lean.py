import os
import subprocess
import sys

import pytest

LOOK = """
from service.lean import leave_out
leave_out()
leave_out()
import lightgbm
import pyarrow.dataset
from lightgbm.compat import PANDAS_INSTALLED, SKLEARN_INSTALLED
print(PANDAS_INSTALLED, SKLEARN_INSTALLED)
import numpy
"""


@pytest.mark.parametrize(("told", "there"), [("1", "False False"), ("", "True True")])
def test_what_only_training_needs_counts_as_not_installed_where_a_process_serves_alone(told: str, there: str) -> None:
    environment = os.environ | {"FORESELL_LEAN": told}
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, there), done.stderr


def test_the_service_imports_nothing_that_fits() -> None:
    code = "import sys, service.app; print([name for name in ('scipy.stats', 'scipy.optimize') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
