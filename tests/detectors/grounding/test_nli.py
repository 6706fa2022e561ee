"""Inference from a local path: which parts of the sources are shown for which sentences, what a folder must hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from burnline.detectors.grounding.nli import PREMISE, OnnxModel, entailing, parts, softmax, ungrounded
from burnline.errors import BurnlineError
from tests.fakes.nli import write_model


def contains(premises: Sequence[str], hypothesis: str) -> Sequence[float]:
    """A model that finds a sentence entailed where it stands."""
    return [0.9 if hypothesis in premise else 0.2 for premise in premises]


def test_the_least_supported_sentence_decides_by_the_source_that_supports_it_best() -> None:
    sources = ["It opened in 1932.", "It is made of steel. It is grey."]

    assert ungrounded(contains, sources, "It opened in 1932. It is grey.") == pytest.approx(0.1)
    assert ungrounded(contains, sources, "It opened in 1932. It is blue.") == pytest.approx(0.8)


@pytest.mark.parametrize(("sources", "answer"), [([], "It opened."), (["  "], "It opened."), (["x"], "  ")])
def test_without_sources_or_anything_said_nothing_is_told(sources: list[str], answer: str) -> None:
    assert ungrounded(contains, sources, answer) is None


def test_sources_are_cut_between_sentences_and_nothing_is_lost() -> None:
    told = [f"This is sentence number {number} of a long source." for number in range(100)]

    found = parts(" ".join(told))

    assert all(len(part) <= PREMISE for part in found)
    assert " ".join(found) == " ".join(told)
    assert parts("x" * 3000) == ["x" * 3000]


def test_the_entailment_label_is_found_by_its_name() -> None:
    config = {"id2label": {"0": "contradiction", "1": "neutral", "2": "Entailment"}}

    assert entailing(config, Path("model")) == 2
    for wrong in ({}, {"id2label": {"0": "POSITIVE"}}, {"id2label": {"0": "entailment", "1": "entailed"}}):
        with pytest.raises(BurnlineError, match="needed is one label `entailment`"):
            entailing(wrong, Path("model"))


def test_logits_become_probabilities_however_large() -> None:
    assert softmax(np.array([1000.0, 1000.0])).tolist() == [0.5, 0.5]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "entailment"}}))

    with pytest.raises(BurnlineError, match=r"onnxruntime is not installed; pip install|has no model\.onnx"):
        OnnxModel(tmp_path)


def test_a_model_that_a_real_runtime_reads_tells_what_is_entailed_from_what_is_not(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra nli is not installed")
    sources = ["The bridge opened in 1932. It carries cars.", "It is of steel."]
    model = OnnxModel(write_model(tmp_path / "model"))

    held = ungrounded(model, sources, "It opened in 1932. It is of steel.")
    made_up = ungrounded(model, sources, "It opened in 1932. It is blue, grey and old.")

    assert held is not None
    assert made_up is not None
    assert held < 0.2 < 0.6 < made_up


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra nli is not installed")
    folder = write_model(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"no model")

    with pytest.raises(BurnlineError, match="model: cannot be read: "):
        OnnxModel(folder)
