"""What ``foresell init`` could not settle and nobody has settled since."""

import re
from pathlib import Path

from models.settings import CONFIG_FILE
from training.wording import counted

# the head of a proposed file explains the mark in the middle of a sentence
_OPEN = re.compile(r"#\s*QUESTION:")


def open_questions(workspace: Path) -> tuple[str, ...]:
    """Count the lines of a workspace's ``foresell.toml`` with a comment that begins with ``QUESTION:``.

    Parameters
    ----------
    workspace : Path
        The folder of the file; without a file there is no question.

    Returns
    -------
    tuple of str
        One sentence, or nothing.
    """
    path = workspace / CONFIG_FILE
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    number = sum(_OPEN.search(line) is not None for line in lines)
    if not number:
        return ()
    them = "it" if number == 1 else "them"
    return (f"{CONFIG_FILE} has {counted(number, 'line', 'lines')} marked QUESTION: settle {them}.",)
