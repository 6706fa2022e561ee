"""A detector that another package brings: installed for real into a folder of its own, and found by its entry point."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

from burnline.detectors.build import build_detectors
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.engines.choose import engine_flaws
from burnline.detectors.profile import save_reference
from burnline.events import Verdict
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from tests.detectors.samples import START, make_reference
from tests.detectors.test_engine import WINDOW, findings, send

CODE = """
import numpy as np
from burnline.detectors.contract import Judgement, too_few
from burnline.detectors.sketch import Sketch
from burnline.events import Counts, Source, Verdict


class NightShift:
    '''Alarm when more answers than `most` say fraud.'''

    signal, source, additive, alone = "nights", Source.PREDICTIONS, True, True

    def __init__(self, reference, section):
        self.window, self._section = section.window, section
        self._most = section.options["most"]

    def empty(self):
        return Sketch("nights", np.zeros(2, dtype=np.int64))

    def fold(self, columns):
        fraud = sum(answer == "fraud" for answer in columns.batch.prediction)
        return Sketch("nights", np.array([len(columns), fraud], dtype=np.int64))

    def judge(self, sketch, memory=b""):
        if short := too_few(sketch.events, self._section.min_events):
            return short
        share = int(sketch.counts[1]) / sketch.events
        verdict = Verdict.ALARM if share > self._most else Verdict.OK
        return Judgement(verdict, share, Counts(int(sketch.counts[1]), sketch.events), f"{share:.0%} are fraud")

    def compare(self, baseline, candidate):
        return self.judge(candidate)


def broken(reference, section):
    raise RuntimeError("out of order")
"""
ENTRY_POINTS = """
[burnline.detectors]
night-shift = night_shift:NightShift
out-of-order = night_shift:broken
not-there = night_shift:nothing
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package."""
    folder = tmp_path_factory.mktemp("site")
    wheel = folder / "night_shift-1-py3-none-any.whl"
    about = "night_shift-1.dist-info"
    files = {
        "night_shift.py": CODE,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: night-shift\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": ENTRY_POINTS,
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, textwrap.dedent(text))
        packed.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(folder / "in")]
    subprocess.run([*pip, str(wheel)], check=True)
    return folder / "in"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))


def spec(reference: Path | None, **signals: Any) -> ServiceSpec:
    written: dict[str, Any] = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "signals": signals}
    model = {"name": "m", "reference": str(reference)} if reference else {"name": "m"}
    return ServiceSpec.model_validate({**written, "model": model})


NIGHTS = {"engine": "night-shift", "window": "10s", "min_events": 100, "options": {"most": 0.5}}


def test_it_is_a_signal_of_its_own(installed: None, database: Database) -> None:
    engine = DetectorEngine(database, [spec(None, custom={"nights": NIGHTS})])
    send(database, START, events=600)

    engine.run_once(START + WINDOW)

    (found,) = findings(database)
    assert (found.signal, found.verdict, found.counts.total) == ("nights", Verdict.OK, 600)
    assert "are fraud" in found.reason
    assert engine.counters() == {("shop", "nights"): found.counts}


def test_it_stands_in_the_place_of_drift(installed: None, database: Database, tmp_path: Path) -> None:
    save_reference(make_reference(2000), tmp_path / "ref.json")
    engine = DetectorEngine(database, [spec(tmp_path / "ref.json", drift={**NIGHTS, "options": {"most": 0.01}})])
    send(database, START, events=600)

    engine.run_once(START + WINDOW)

    (found,) = findings(database)
    assert (found.signal, found.verdict) == ("drift", Verdict.ALARM)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out-of-order", "the engine out-of-order cannot be had: out of order"),
        ("not-there", "the engine not-there cannot be had: module 'night_shift' has no attribute 'nothing'"),
        ("night-watch", "the engine night-watch cannot be had: no detector 'night-watch' is installed"),
    ],
)
def test_one_that_cannot_be_had_is_no_data_and_stops_nothing_else(
    installed: None, database: Database, name: str, reason: str
) -> None:
    custom = {"nights": NIGHTS, "days": {**NIGHTS, "engine": name}}
    engine = DetectorEngine(database, [spec(None, custom=custom)])
    send(database, START, events=600)

    engine.run_once(START + WINDOW)

    said = {found.signal: found for found in findings(database)}
    assert said["nights"].verdict is Verdict.OK
    assert said["days"].verdict is Verdict.NO_DATA
    assert reason in said["days"].reason


def test_names_that_are_not_installed_are_told_with_those_that_are(installed: None) -> None:
    assert not list(engine_flaws(spec(None, custom={"nights": NIGHTS})))
    (flaw,) = engine_flaws(spec(None, custom={"nights": {**NIGHTS, "engine": "night-shfit"}}))

    assert flaw.place == ("signals", "custom", "nights", "engine")
    assert "did you mean 'night-shift'?" in flaw.message


def test_nothing_is_loaded_that_no_service_names(installed: None) -> None:
    sys.modules.pop("night_shift", None)

    build_detectors(spec(None, custom={}), None)

    assert "night_shift" not in sys.modules
