"""Generative AI in spans: one table of aliases over the generations of OpenTelemetry's conventions.

Names changed: `gen_ai.system` with `prompt_tokens` and `completion_tokens` (until 1.26), with `input_tokens` and
`output_tokens` (until 1.36), `gen_ai.provider.name` since, from 1.42 on in a repository of its own. vLLM has some that
are its alone. Of the texts of prompts and answers nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping

from burnline.collectors.otlp.tally import Tally
from burnline.collectors.otlp.wire import Scalar, number, text
from burnline.metrics import genai

OPERATION, PROVIDER, MODEL = "operation", "provider", "model"
INPUT, OUTPUT, CACHED, REASONING, FIRST_TOKEN = "input", "output", "cached", "reasoning", "first_token"
ALIASES: Mapping[str, tuple[str, ...]] = {  # newest first
    OPERATION: ("gen_ai.operation.name",),
    PROVIDER: ("gen_ai.provider.name", "gen_ai.system"),
    MODEL: ("gen_ai.request.model", "gen_ai.response.model"),
    INPUT: ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    OUTPUT: ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    CACHED: ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    REASONING: ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    FIRST_TOKEN: (
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.response.time_to_first_token",
        "gen_ai.latency.time_to_first_token",
    ),
}
READ = frozenset(name for names in ALIASES.values() for name in names)
PREFIX = "gen_ai."
KNOWN = tuple(  # beginnings of names that are known and not needed
    f"gen_ai.{each}"
    for each in (
        "request.",
        "response.",
        "conversation.",
        "input.",
        "output.",
        "system_instructions",
        "prompt",
        "completion",
        "tool.",
        "tool_definitions",
        "agent.",
        "workflow.",
        "data_source.",
        "embeddings.",
        "retrieval.",
        "evaluation.",
        "token.",
        "latency.",
        "memory.",
        "openai.",
        "usage.cache_creation",
        "usage.cache_write",
        "usage.total_tokens",
        "usage.num_sequences",
    )
)
OPERATIONS = frozenset(
    {
        "chat",
        "text_completion",
        "generate_content",
        "embeddings",
        "retrieval",
        "rerank",
        "execute_tool",
        "invoke_agent",
        "create_agent",
        "invoke_workflow",
    }
)
OPERATION_ALIASES = {"completion": "text_completion", "embedding": "embeddings", "response": "chat"}
INFERENCE = frozenset({"chat", "text_completion", "generate_content", "embeddings", "other"})
PROVIDER_ALIASES = {
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "vertex_ai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "xai": "x_ai",
}
OTHER, UNKNOWN = "other", "unknown"


def is_unknown(name: str) -> bool:
    """Whether a name begins with gen_ai and is in no generation that is known here."""
    return name.startswith(PREFIX) and name not in READ and not name.startswith(KNOWN)


def found(attributes: Mapping[str, Scalar], field: str) -> Scalar | None:
    """The value of a field under the newest of its names that is there."""
    for name in ALIASES[field]:
        if name in attributes:
            return attributes[name]
    return None


def is_genai(attributes: Mapping[str, Scalar]) -> bool:
    """Whether a span tells of an operation of generative AI."""
    return any(found(attributes, field) is not None for field in (OPERATION, PROVIDER, MODEL))


def operation_of(attributes: Mapping[str, Scalar]) -> str:
    """One of OPERATIONS, or `other`."""
    said = text(found(attributes, OPERATION) or "").lower()
    said = OPERATION_ALIASES.get(said, said)
    return said if said in OPERATIONS else OTHER


def whose(attributes: Mapping[str, Scalar]) -> dict[str, str]:
    """The labels provider and model."""
    provider = text(found(attributes, PROVIDER) or UNKNOWN).lower()
    model = text(found(attributes, MODEL) or UNKNOWN)
    return {PROVIDER: PROVIDER_ALIASES.get(provider, provider), MODEL: model}


def fold_span(tally: Tally, attributes: Mapping[str, Scalar], *, seconds: float, failed: bool) -> None:
    """Count one span. Tokens are those of inferences: agents and workflows repeat the sums of what they called."""
    labels, operation = whose(attributes), operation_of(attributes)
    tally.add(genai.OPERATIONS, operation=operation, **labels)
    if failed:
        tally.add(genai.ERRORS, operation=operation, **labels)
    tally.observe(genai.DURATION, seconds, genai.DURATION_BOUNDS, operation=operation, **labels)
    if operation not in INFERENCE:
        return
    for field, name in (
        (INPUT, genai.INPUT_TOKENS),
        (OUTPUT, genai.OUTPUT_TOKENS),
        (CACHED, genai.CACHED_TOKENS),
        (REASONING, genai.REASONING_TOKENS),
    ):
        if tokens := number(found(attributes, field)):
            tally.add(name, tokens, **labels)
    first = number(found(attributes, FIRST_TOKEN))
    if first is not None:
        tally.observe(genai.FIRST_TOKEN, first, genai.FIRST_TOKEN_BOUNDS, **labels)
        written = number(found(attributes, OUTPUT)) or 0
        if written > 1 and seconds >= first:
            each = (seconds - first) / (written - 1)
            tally.observe(genai.OUTPUT_TOKEN, each, genai.OUTPUT_TOKEN_BOUNDS, **labels)
