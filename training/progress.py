"""What long work tells whoever watches it."""

from typing import Protocol


class Progress(Protocol):
    """Is told what happens now."""

    def __call__(self, text: str, share: float | None = None) -> None:
        """Take note.

        Parameters
        ----------
        text : str
            What happens now, e.g. "reading order lines".
        share : float, optional
            How much of it is done, 0..1; None = not known.
        """


def silent(text: str, share: float | None = None) -> None:
    """Tell nobody."""
