"""Imports as somebody types them: the service file that comes out, what stands on stderr, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.app.services import load_checked
from burnline.errors import SpecError
from burnline.slo.windows import Tier, tiers_of
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        refused: the problems, when nothing was written.
        left: the lines of what was not carried over.
    """

    code: int
    refused: tuple[str, ...]
    left: tuple[str, ...]
    specs: tuple[ServiceSpec, ...]
    text: str

    @property
    def slos(self) -> dict[str, SloSpec]:
        return {slo.name: slo for spec in self.specs for slo in spec.slos}

    def tiers(self, slo: str) -> list[Tier]:
        return list(tiers_of(self.slos[slo]))

    def says(self, *words: str) -> bool:
        """Whether one line holds them all."""
        return any(all(word in line for word in words) for line in (*self.refused, *self.left))


def imported(folder: Path, tool: str, *files: Path | str, options: tuple[str, ...] = ()) -> Imported:
    """Import these files, or texts, with `burnline import TOOL`; what it writes must load."""
    paths = [file if isinstance(file, Path) else _kept(folder, index, file) for index, file in enumerate(files)]
    out = folder / "out"
    done = CliRunner().invoke(app, ["import", tool, *map(str, paths), "-o", str(out), *options])
    if isinstance(done.exception, SpecError):
        assert not out.exists()
        return Imported(1, tuple(str(problem) for problem in done.exception.problems), (), (), "")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    text = "".join(path.read_text() for path in sorted(out.iterdir()))
    return Imported(done.exit_code, (), tuple(done.stderr.splitlines()), load_checked(out), text)


def _kept(folder: Path, index: int, text: str) -> Path:
    path = folder / f"foreign{index}.yaml"
    path.write_text(text)
    return path
