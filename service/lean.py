"""A process that serves does without what only training needs, though it may be installed.

LightGBM imports scikit-learn and Arrow imports pandas where they find them: a hundred megabytes of each process that
answers, and seconds of its start, for what no answer uses. An image that serves has neither, a checkout that trains has
both. Whoever asks ``importlib.util.find_spec`` for them meets the error of an import, too.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

LEAN_ENV = "FORESELL_LEAN"
"""Set to 1 for processes that serve and do nothing else."""
TRAINING_ALONE = ("pandas", "sklearn")


class _NotInstalled(MetaPathFinder):
    """Finds that packages are not there."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Return nothing, so that whoever comes next may look.

        Raises
        ------
        ModuleNotFoundError
            It is one of ``TRAINING_ALONE``.
        """
        if fullname.partition(".")[0] in TRAINING_ALONE:
            raise ModuleNotFoundError(f"{fullname} is left out where nothing is trained", name=fullname)


def leave_out() -> None:
    """Let what only training needs count as not installed, in a process that was started to serve."""
    if os.environ.get(LEAN_ENV) == "1" and not any(isinstance(each, _NotInstalled) for each in sys.meta_path):
        sys.meta_path.insert(0, _NotInstalled())
