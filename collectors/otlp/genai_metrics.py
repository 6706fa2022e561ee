"""Metrics of generative AI in the generations of OpenTelemetry's conventions, under burnline's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from burnline.collectors.otlp.genai import OPERATION, operation_of, whose
from burnline.collectors.otlp.wire import Scalar, text
from burnline.metrics import genai

TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - no password
TOKENS = {"input": genai.INPUT_TOKENS, "output": genai.OUTPUT_TOKENS, "completion": genai.OUTPUT_TOKENS}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one of their metrics is here.

    Attributes:
        by_operation: its series have the label operation.
        of_sums: a histogram of numbers of tokens, of which only the sum counts.
        operations: each of its events is an operation.
    """

    name: str
    by_operation: bool = False
    of_sums: bool = False
    operations: bool = False
    error: bool = False

    def labels(self, attributes: Mapping[str, Scalar]) -> dict[str, str]:
        """The labels of its series."""
        labels = whose(attributes)
        return {OPERATION: operation_of(attributes), **labels} if self.by_operation else labels

    def counter(self, attributes: Mapping[str, Scalar]) -> str:
        """Which counter of tokens a point belongs to; empty for all else."""
        return TOKENS.get(text(attributes.get(TOKEN_TYPE, "")), genai.INPUT_TOKENS) if self.of_sums else ""

    def failed(self, attributes: Mapping[str, Scalar]) -> bool:
        """Whether a point counts what failed."""
        return "error.type" in attributes

    def failing(self, failed: bool) -> Meaning:
        """The same, of what failed or did not."""
        return replace(self, error=failed)


_DURATION = Meaning(genai.DURATION, by_operation=True, operations=True)
MEANINGS: Mapping[str, Meaning] = {
    "gen_ai.client.operation.duration": _DURATION,
    "gen_ai.client.inference.duration": _DURATION,
    "gen_ai.client.operation.time_to_first_chunk": Meaning(genai.FIRST_TOKEN),
    "gen_ai.client.inference.time_to_first_chunk": Meaning(genai.FIRST_TOKEN),
    "gen_ai.server.time_to_first_token": Meaning(genai.FIRST_TOKEN),
    "gen_ai.client.operation.time_per_output_chunk": Meaning(genai.OUTPUT_TOKEN),
    "gen_ai.client.inference.time_per_output_chunk": Meaning(genai.OUTPUT_TOKEN),
    "gen_ai.server.time_per_output_token": Meaning(genai.OUTPUT_TOKEN),
    "gen_ai.client.token.usage": Meaning(genai.INPUT_TOKENS, of_sums=True),
    "gen_ai.client.inference.usage.input_tokens": Meaning(genai.INPUT_TOKENS),
    "gen_ai.client.inference.usage.output_tokens": Meaning(genai.OUTPUT_TOKENS),
    "gen_ai.client.inference.usage.cache_read.input_tokens": Meaning(genai.CACHED_TOKENS),
    "gen_ai.client.inference.usage.reasoning.output_tokens": Meaning(genai.REASONING_TOKENS),
}
