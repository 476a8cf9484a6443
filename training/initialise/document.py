"""The commented ``foresell.toml``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models import columns as col
from training.initialise.entries import Entry, TableGuess, toml
from training.initialise.places import shown_path
from training.initialise.sample import Sample

_WIDTH = 118
QUESTION = "QUESTION:"
_ZONE = 'in which time zone does the shop count its days? An example: timezone = "Europe/Berlin"'


def builtin_document(name: str) -> str:
    """Return the file for a built-in source."""
    return f'# Written by `foresell init {name}`. Next: foresell check\n\n[source]\nbuiltin = "{name}"\n'


def document(
    guesses: Sequence[TableGuess],
    unused: Sequence[Sample],
    *,
    target: str,
    workspace: Path,
    url: str | None,
    with_password: bool,
    zoned: bool,
) -> str:
    """Return the file's text.

    Parameters
    ----------
    guesses : sequence of TableGuess
        The tables, the order lines first.
    unused : sequence of Sample
        Tables that nothing could be made of.
    target : str
        What was looked at, without a password.
    workspace : Path
        The folder that relative paths start at.
    url : str, optional
        Of the database, without a password.
    with_password : bool
        Whether a password was given.
    zoned : bool
        Whether the times of the order lines say their own zone.
    """
    lines = [
        *_comment(f"Written by `foresell init {_one_line(target)}`: guesses, each with its reason and the next best."),
        f'# What could not be settled is marked "{QUESTION}". Next: foresell check',
        "",
    ]
    if url is not None:
        lines += ["[source]"]
        if with_password:
            lines += ["# the password is not written here: set FORESELL_SOURCE__PASSWORD in the environment"]
        lines += [f"url = {toml(url)}", ""]
    for guess in guesses:
        lines += [*_table(guess, workspace), ""]
    for sample in unused:
        lines += _comment(f"not used: {_one_line(sample.name)} ({len(sample.rows.columns)} columns)")
    lines += ["", "[features]"]
    if zoned:
        lines += _comment("the times say their own offset; this is the zone in which days begin")
    lines += [*_comment(f"{QUESTION} {_ZONE}"), 'timezone = "UTC"', ""]
    return "\n".join(lines)


def _table(guess: TableGuess, workspace: Path) -> Iterator[str]:
    head = f"[source.{guess.table}]"
    yield head
    if guess.sample is not None:
        yield from _comment(f"guessed from {guess.sample.size}")
        for note in guess.sample.notes:
            yield from _comment(note)
        for key, value in guess.sample.place.items():
            yield f"{key} = {toml(shown_path(value, workspace) if isinstance(value, Path) else value)}"
    for entry in guess.settings:
        yield from _entry(entry)
    for name, entries in guess.sections:
        if name and entries:
            yield ""
            yield f"[source.{guess.table}.{name}]"
            for entry in entries:
                yield from _entry(entry)
    yield from _said(guess)


def _said(guess: TableGuess) -> Iterator[str]:
    for note in guess.notes:
        yield from _comment(note)
    if guess.left_out and guess.table == col.ORDER_LINES:
        yield from _comment("left out:")
    for said in guess.left_out:
        yield from _comment(f"  {said}" if guess.table == col.ORDER_LINES else f"left out: {said}")


def _entry(entry: Entry) -> Iterator[str]:
    if entry.reason:
        yield from _comment(f"{entry.key}: {entry.reason}")
    if entry.question:
        yield from _comment(f"{QUESTION} {entry.key}: {entry.question}")
    for other in entry.alternatives:
        yield f"# {entry.key} = {toml(other)}"
    if entry.value is not None:
        yield f"{entry.key} = {toml(entry.value)}"


def _comment(text: str) -> list[str]:
    """Return a text as comment lines, broken between words."""
    lines, line = [], "#"
    for word in _one_line(text).split(" "):
        if len(line) + len(word) >= _WIDTH and line != "#":
            lines.append(line)
            line = "#  "
        line += f" {word}"
    return [*lines, line]


def _one_line(text: Any) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(text))
