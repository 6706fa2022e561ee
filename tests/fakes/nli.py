"""A model of natural-language inference as exporters write one, that a real onnxruntime and tokenizers read.

It calls a hypothesis entailed as far as its words stand in the premise. The file is written here field by field, in the
wire format of protocol buffers and with the field numbers of onnx.proto, so that nothing else is needed to make it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FLOAT, INT64 = 1, 7
OPSET, IR_VERSION = 13, 8
WORDS = (
    *("the", "a", "it", "bridge", "opened", "in", "1932", "1789", "is", "of"),
    *("steel", "grey", "blue", "carries", "cars", "day"),
)
LABELS = ("contradiction", "neutral", "entailment")


def write_model(folder: Path) -> Path:
    """The three files in a folder; returns it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    folder.mkdir(exist_ok=True)
    names = ["[CLS]", "[SEP]", "[UNK]", ".", *WORDS]
    tokenizer = Tokenizer(WordLevel({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}))
    (folder / "model.onnx").write_bytes(_model())
    return folder


def _model() -> bytes:
    """Logits of 12 x (share of the hypothesis's tokens that stand in the premise) - 8 for entailment, 0 for others."""
    nodes = [
        _node("Unsqueeze", ["input_ids", "two"], "rows"),
        _node("Unsqueeze", ["input_ids", "one"], "columns"),
        _node("Equal", ["rows", "columns"], "same"),
        _node("Cast", ["same"], "alike", _integer("to", FLOAT)),
        _node("Cast", ["token_type_ids"], "said", _integer("to", FLOAT)),
        _node("Sub", ["unit", "said"], "known"),
        _node("Unsqueeze", ["known", "one"], "premise"),
        _node("Mul", ["alike", "premise"], "met"),
        _node("ReduceMax", ["met"], "stands", _integers("axes", [2]), _integer("keepdims", 0)),
        _node("Mul", ["stands", "said"], "held"),
        _node("ReduceSum", ["held", "one"], "holding"),
        _node("ReduceSum", ["said", "one"], "saying"),
        _node("Div", ["holding", "saying"], "share"),
        _node("MatMul", ["share", "weights"], "raised"),
        _node("Add", ["raised", "bias"], "logits"),
    ]
    constants = [
        _constant("one", np.array([1], dtype=np.int64)),
        _constant("two", np.array([2], dtype=np.int64)),
        _constant("unit", np.array(1, dtype=np.float32)),
        _constant("weights", np.array([[0, 0, 12]], dtype=np.float32)),
        _constant("bias", np.array([0, 0, -8], dtype=np.float32)),
    ]
    inputs = [_value(name, INT64, ["batch", "length"]) for name in ("input_ids", "token_type_ids")]
    graph = (
        b"".join(_field(1, each) for each in nodes) + _field(2, b"words") + b"".join(_field(5, c) for c in constants)
    )
    graph += b"".join(_field(11, each) for each in inputs) + _field(12, _value("logits", FLOAT, ["batch", "labels"]))
    return _number(1, IR_VERSION) + _field(7, graph) + _field(8, _number(2, OPSET))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _node(operator: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    return names + _field(4, operator.encode()) + b"".join(_field(5, each) for each in attributes)


def _integer(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _number(3, value) + _number(20, 2)


def _integers(name: str, values: Sequence[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _constant(name: str, value: np.ndarray[tuple[int, ...], np.dtype[np.int64 | np.float32]]) -> bytes:
    dimensions = b"".join(_number(1, each) for each in value.shape)
    kind = INT64 if value.dtype == np.int64 else FLOAT
    return dimensions + _number(2, kind) + _field(8, name.encode()) + _field(9, value.tobytes())


def _value(name: str, kind: int, shape: Sequence[str]) -> bytes:
    dimensions = b"".join(_field(1, _field(2, each.encode())) for each in shape)
    tensor = _number(1, kind) + _field(2, dimensions)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))
