"""What a person sees in the terminal: results on standard output, progress and complaints on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from training.progress import Progress, silent

# a log has no width of its own, and a table that is cut says nothing
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Say in one line what went wrong."""
    complaints.print(f"foresell: {message}", markup=False)


def show(content: Any) -> None:
    """Print a result: JSON for machines (a dict or a list), anything else for people."""
    if isinstance(content, dict | list):
        sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        console.print(content, markup=False) if isinstance(content, str) else console.print(content)


@contextmanager
def steps(*, quiet: bool = False) -> Iterator[Progress]:
    """Show what is being done, how much of it and for how long; a log gets a line a step."""
    if quiet or not complaints.is_terminal:
        yield silent if quiet else _log()
        return
    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Bars(*columns, console=complaints, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def step(text: str, share: float | None = None) -> None:
            if text != bars.tasks[task].description:
                bars.reset(task, description=text, total=None)
            if share is not None:
                bars.update(task, completed=share, total=1)

        yield step


def _log() -> Progress:
    """Return what prints each step once."""
    said: list[str] = []

    def step(text: str, share: float | None = None) -> None:  # noqa: ARG001 - a log has no bar
        if said[-1:] != [text]:
            said.append(text)
            complaints.print(f"... {text}", markup=False)

    return step
