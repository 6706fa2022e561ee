"""The parts of a reference that labels and embeddings give: kept as written, contradictions refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from burnline.detectors.centroids import build_embedding
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import Reference, load_reference, save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.errors import SpecError


def whole() -> Reference:
    rng = np.random.default_rng(1)
    answers, sure = rng.choice(["yes", "no"], 500).tolist(), rng.random(500).tolist()
    calibration, performance = build_labelled(answers, sure, rng.choice(["yes", "no"], 500).tolist())
    embedding = build_embedding(rng.normal(size=(500, 8)).astype(np.float32))
    plain = build_profile({"age": [1.0, 2.0]}, name="t")
    return msgspec.structs.replace(plain, calibration=calibration, performance=performance, embedding=embedding)


@dataclass(frozen=True)
class Broken:
    field: str
    make: Callable[[Reference], Reference]


def part(reference: Reference, name: str, **changes: object) -> Reference:
    found = msgspec.structs.replace(getattr(reference, name), **changes)
    return msgspec.structs.replace(reference, **{name: found})


def size(reference: Reference) -> int:
    return len(reference.calibration.counts) if reference.calibration else 0


def edges(reference: Reference) -> int:
    return len(reference.calibration.edges) if reference.calibration else 0


BROKEN = [
    Broken("calibration", lambda known: part(known, "calibration", counts=(1, 2))),
    Broken("calibration.right", lambda known: part(known, "calibration", counts=(-1,) * size(known))),
    Broken("calibration.edges", lambda known: part(known, "calibration", edges=(0.5,) * edges(known))),
    Broken("performance", lambda known: part(known, "performance", wrong=-1)),
    Broken("performance", lambda known: msgspec.structs.replace(known, performance=None)),
    Broken("embedding.dimension", lambda known: part(known, "embedding", dimension=0)),
    Broken("embedding.centroids", lambda known: part(known, "embedding", centroids=b"123")),
    Broken("embedding.counts", lambda known: part(known, "embedding", beyond=10**6)),
    Broken("embedding", lambda known: part(known, "embedding", exponent=10**6)),
]


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    save_reference(whole(), tmp_path / "ref.json")

    assert load_reference(tmp_path / "ref.json") == whole()


def test_a_reference_without_labels_is_written_as_before(tmp_path: Path) -> None:
    save_reference(build_profile({"age": [1.0, 2.0]}, name="t"), tmp_path / "ref.json")

    assert "calibration" not in (tmp_path / "ref.json").read_text()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.field)
def test_a_contradiction_is_named_by_its_field(broken: Broken, tmp_path: Path) -> None:
    save_reference(broken.make(whole()), tmp_path / "ref.json")

    with pytest.raises(SpecError) as refused:
        load_reference(tmp_path / "ref.json")

    assert broken.field in {problem.field for problem in refused.value.problems}
