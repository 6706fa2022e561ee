"""Tier 1 from a local path: a model of natural-language inference says of each sentence whether a source entails it.

Needs `onnxruntime` and `tokenizers`, which burnline does not bring along, and a folder with `model.onnx`,
`tokenizer.json` and `config.json` (whose `id2label` names one label that begins with `entail`), as exporters of such
models write it. Nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.grounding.sentences import sentences
from burnline.errors import BurnlineError

PREMISE = 1_200  # characters of a source that are shown at a time, beginning and ending with a sentence
MOST_SENTENCES = 50  # of an answer
MOST_PREMISES = 50  # of its sources
MOST_TOKENS = 512


class Entailment(Protocol):
    """What gives the probability that each premise entails the hypothesis."""

    def __call__(self, premises: Sequence[str], hypothesis: str) -> Sequence[float]: ...


def ungrounded(model: Entailment, sources: Sequence[str], answer: str) -> float | None:
    """1 - the entailment of the answer's least supported sentence by the part of the sources that supports it best.

    None where there are no sources or nothing is said.
    """
    premises = [part for source in sources for part in parts(source)][:MOST_PREMISES]
    claims = [answer[start:end] for start, end in sentences(answer)][:MOST_SENTENCES]
    if not premises or not claims:
        return None
    return 1 - min(max(model(premises, claim)) for claim in claims)


def parts(source: str) -> list[str]:
    """A source in pieces of whole sentences, of PREMISE characters at most where sentences are no longer."""
    found: list[str] = []
    begin = last = None
    for start, end in sentences(source):
        if begin is not None and last is not None and end - begin > PREMISE:
            found.append(source[begin:last])
            begin = None
        begin, last = start if begin is None else begin, end
    return found if begin is None or last is None else [*found, source[begin:last]]


class OnnxModel:
    """An exported model, on one core, so that it takes no time from others."""

    def __init__(self, folder: Path) -> None:
        """Raises: BurnlineError where a library or a file is missing, or the model is no such model."""
        runtime, texts = (_library(name) for name in ("onnxruntime", "tokenizers"))
        for name in ("model.onnx", "tokenizer.json", "config.json"):
            if not (folder / name).is_file():
                raise BurnlineError(f"{folder}: has no {name}; needed are model.onnx, tokenizer.json and config.json")
        self._entails = entailing(json.loads((folder / "config.json").read_text("utf-8")), folder)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._tokenizer = texts.Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = runtime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # each library has errors of its own
            raise BurnlineError(f"{folder}: cannot be read: {error}") from error
        self._tokenizer.enable_truncation(MOST_TOKENS, strategy="only_first")
        self._inputs = {each.name for each in self._session.get_inputs()}

    def __call__(self, premises: Sequence[str], hypothesis: str) -> Sequence[float]:
        """One premise at a time: a batch would be as long as its longest."""
        return [self._one(premise, hypothesis) for premise in premises]

    def _one(self, premise: str, hypothesis: str) -> float:
        read = self._tokenizer.encode(premise, hypothesis)
        given = {"input_ids": read.ids, "attention_mask": read.attention_mask, "token_type_ids": read.type_ids}
        fed = {name: np.array([ids], dtype=np.int64) for name, ids in given.items() if name in self._inputs}
        return float(softmax(self._session.run(None, fed)[0][0])[self._entails])


def entailing(config: Mapping[str, Any], folder: Path) -> int:
    """The number of the label that says that the hypothesis is entailed.

    Raises: BurnlineError where there is none, or more than one.
    """
    labels = config.get("id2label")
    names = {str(name).lower(): int(number) for number, name in labels.items()} if isinstance(labels, dict) else {}
    found = [number for name, number in names.items() if name.startswith("entail")]
    if len(found) != 1:
        raise BurnlineError(f"{folder}/config.json: id2label names {sorted(names)}; needed is one label `entailment`")
    return found[0]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Logits as probabilities."""
    powers = np.exp(np.asarray(logits, dtype=np.float64) - np.max(logits))
    return np.asarray(powers / powers.sum())


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise BurnlineError(f"{name} is not installed; pip install 'burnline[nli]'") from error
