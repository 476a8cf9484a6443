"""The command line, run in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import foresell


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


def command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs ``foresell`` with the given words."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["foresell", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            foresell.main()
        printed = capsys.readouterr()
        return Said(int(left.value.code or 0), printed.out, printed.err)

    return run
