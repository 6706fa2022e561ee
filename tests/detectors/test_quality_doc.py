"""docs/detectors/quality.md says what these signals do: its examples are run as they stand."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.collectors.predictions.samples import MAX_SAMPLES
from burnline.collectors.predictions.tolerance import ABSOLUTE, EXACT_BELOW, RELATIVE, compare
from burnline.detectors.strangeness import ENOUGH
from burnline.settings import Settings
from burnline.spec.quality import OutliersSpec, SkewSpec, VolumeSpec
from burnline.store.kept_events import key_of
from burnline.store.samples import MOST, MOST_VALUES, Sampling
from tests.app.serving import serving

PAGE = (Path(__file__).parents[2] / "docs/detectors/quality.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
JSON = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
SHELL = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """burnline over the page's service file, with its workers standing still."""
    (tmp_path / "card-fraud.yaml").write_text(YAML[0])
    app = wiring.build(Settings(database=f"sqlite:///{tmp_path}/burnline.db", services=tmp_path / "card-fraud.yaml"))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as address:
        yield address


def test_the_example_of_samples_is_run(url: str, tmp_path: Path) -> None:
    script = SHELL[0].replace("http://127.0.0.1:8600", url).replace("curl ", "curl -sS ")

    out = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    events, wanted, samples = (json.loads(answer) for answer in out.replace("}{", "}\n{").splitlines())
    assert events["accepted"] == 2
    assert sorted(wanted["ids"]) == ["tx-1", "tx-2"]
    assert samples == JSON[0]


def test_the_formula_of_the_sample_is_the_one() -> None:
    sampling = Sampling(0.3, compare)
    written = re.search(r"`(int\.from_bytes.*?)` says", PAGE)
    assert written

    for number in range(100):
        names = {"id": f"tx-{number}".encode(), "share": 0.3, "blake2b": hashlib.blake2b}
        assert eval(written[1], names) is sampling.takes(key_of(f"tx-{number}"))


def test_the_limits_are_as_written() -> None:
    assert (
        f"At most {MOST:,} samples of a service are kept, and fewer of more than {MOST_VALUES // MOST} features" in PAGE
    )
    assert (
        f"(0.001 %, what rounding to 32 bits and a few operations do) or {ABSOLUTE:.0e}".replace("e-09", "e-9") in PAGE
    )
    assert RELATIVE == SkewSpec().tolerance == 0.001 / 100
    assert f"whole numbers under {EXACT_BELOW:,}" in PAGE
    assert f"({ENOUGH:,} of them at most)" in PAGE
    assert (SkewSpec().threshold, SkewSpec().sample, MAX_SAMPLES) == (0.001, 0.01, 10_000)
    assert (OutliersSpec().expected, OutliersSpec().threshold, VolumeSpec().threshold) == (0.01, 0.02, 0.3)
