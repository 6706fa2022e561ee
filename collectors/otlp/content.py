"""Texts of prompts, documents and answers: looked at where the service file asks for it, scored, and gone.

They stand in attributes of spans and their events and in log records, in three generations of OpenTelemetry's
conventions: numbered attributes and `gen_ai.content.*` events (until 1.26), a log record for each message with its text
in the body (until 1.36), and `gen_ai.input.messages` with `gen_ai.output.messages` since, as JSON or as lists. What
belongs together is found by trace and span within one body. Nothing here raises or logs: a message could quote a text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from burnline.collectors.otlp.answered import Scored, Texts
from burnline.collectors.otlp.seen import Seen
from burnline.collectors.otlp.tally import Mark, Tally
from burnline.collectors.otlp.wire import MAX_ATTRIBUTES, Wire
from burnline.events import AnswerScore
from burnline.metrics import answers
from burnline.spec.telemetry import ContentSpec

Scorer = Callable[[str, Sequence[str], str], AnswerScore]  # prompt, sources, answer
Span = tuple[str, str]  # trace and span
PROMPT, SOURCE, ANSWER = "prompt", "source", "answer"
WHOLE: Mapping[str, str] = {  # attributes that hold messages, documents or a text
    "gen_ai.input.messages": PROMPT,
    "gen_ai.prompt": PROMPT,
    "gen_ai.output.messages": ANSWER,
    "gen_ai.completion": ANSWER,
    "gen_ai.retrieval.documents": SOURCE,
    "db.query.result.document": SOURCE,
}
NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.\d+\.content|retrieval\.documents\.\d+\.document\.content")
MESSAGES = {  # names of events with one message each
    "gen_ai.user.message": PROMPT,
    "gen_ai.system.message": PROMPT,
    "gen_ai.assistant.message": PROMPT,
    "gen_ai.tool.message": SOURCE,
    "gen_ai.choice": ANSWER,
}
INSIDE = ("content", "text", "parts", "message", "response", "result", "document", "page_content")
KEYS = ("role", "content", "parts", "message", "text", "document", "page_content", "finish_reason", "tool_calls")
THOUGHTS = ("reasoning", "thinking")
FROM_TOOLS = frozenset({"tool", "function"})
LONGEST_JSON = 1_000_000  # characters
DEEPEST = 8  # levels of lists and mappings
MOST_TEXTS = 200  # of one kind and span
MOST_CHARACTERS = 4_000_000  # of one body: a second's work
SHARE_BITS = 2**32


@dataclass(slots=True)
class _Of:
    """The texts of one span. `labels`: those of its answers, None while no inference was told of."""

    spec: ContentSpec
    tally: Tally
    mark: Mark | None
    labels: Mapping[str, str] | None = None
    texts: dict[str, list[str]] = field(default_factory=lambda: {PROMPT: [], SOURCE: [], ANSWER: []})


class Contents:
    """The texts of one body, until they are scored."""

    def __init__(self, wire: Wire, scorer: Scorer | None) -> None:
        self._wire, self._scorer = wire, scorer
        self._spans: dict[Span, _Of] = {}
        self._left = MOST_CHARACTERS

    def wanted(self, spec: ContentSpec | None, trace_id: str) -> bool:
        """Whether the texts of this trace are to be looked at: always the same of the same trace.

        By a hash, not by the id's own digits: by these the sender may have chosen which traces to send.
        """
        if spec is None or self._scorer is None or self._left <= 0 or not trace_id:
            return False
        return zlib.crc32(trace_id.encode()) / SHARE_BITS < spec.sample

    def read(
        self, spec: ContentSpec, tally: Tally, ids: Span, attributes: Any, *, body: Any = None, event: str = ""
    ) -> None:
        """Take the texts of one span, of one of its events, or of one log record."""
        for kind, value, plain in _kinds(attributes, body, event):
            with suppress(ValueError, TypeError, RecursionError, msgspec.MsgspecError):
                whole = self._wire.value(value)
                for role, text in [("", whole)] if plain and isinstance(whole, str) else texts_of(kind, whole):
                    if text.strip() or kind == ANSWER:
                        found = self._spans.setdefault(ids, _Of(spec, tally, tally.mark))
                        self._put(found.texts[_of(kind, role)], text[: spec.longest])

    def told(self, ids: Span, labels: Mapping[str, str]) -> None:
        """Note that this span was an inference of that provider and model: its answers count."""
        if found := self._spans.get(ids):
            found.labels = labels

    def score(self, seen: Seen) -> set[int]:
        """Score every answer into the counts of its service, and forget the texts. Returns marks to be remembered."""
        sources: dict[str, list[str]] = {}
        for (trace_id, _), found in self._spans.items():
            sources.setdefault(trace_id, []).extend(found.texts[SOURCE])
        marks = set[int]()
        for ids, found in self._spans.items():
            mark = hash((*ids, ANSWER))
            if found.labels is None or not found.texts[ANSWER] or mark in seen:
                continue
            self._score(found, sources[ids[0]][:MOST_TEXTS])
            marks.add(mark)
        self._spans.clear()
        return marks

    def _score(self, found: _Of, sources: Sequence[str]) -> None:
        tally, labels = found.tally, found.labels or {}
        if self._scorer is None:
            return
        tally.mark = found.mark
        prompt = "\n".join(found.texts[PROMPT])
        for answer in found.texts[ANSWER]:
            self._left -= sum(map(len, sources))
            if self._left <= 0:
                return
            score = self._scorer(prompt, sources, answer)
            count(tally, score, found.spec, labels)
            model = labels.get("model", "")
            tally.answers.setdefault(model, []).append(Scored(score, len(sources) or None))
            tally.texts.setdefault(model, []).append(Texts(sources, prompt, answer))

    def _put(self, into: list[str], text: str) -> None:
        if len(into) < MOST_TEXTS and self._left > 0:
            into.append(text)
            self._left -= len(text)


def _kinds(attributes: Any, body: Any, event: str) -> Iterator[tuple[str, Any, bool]]:
    """What of a record holds texts: of which kind, where, and whether it is a plain text even if it is JSON."""
    for each in (attributes or ())[:MAX_ATTRIBUTES]:
        if kind := WHOLE.get(each.key):
            yield kind, each.value, False
        elif numbered := NUMBERED.fullmatch(each.key):
            yield {"prompt": PROMPT, "completion": ANSWER}.get(numbered[1] or "", SOURCE), each.value, True
        elif event in MESSAGES and each.key == "content":
            yield MESSAGES[event], each.value, True
    if event in MESSAGES and body is not None:
        yield MESSAGES[event], body, False


def _of(kind: str, role: str) -> str:
    """What a tool said in a prompt is a source."""
    return SOURCE if kind == PROMPT and role in FROM_TOOLS else kind


def count(tally: Tally, score: AnswerScore, spec: ContentSpec, labels: Mapping[str, str]) -> None:
    """Count one answer: how many there were, and how many of them were bad in which way."""
    tally.add(answers.TOTAL, **labels)
    tally.observe(answers.LENGTH, float(score.characters), answers.LENGTH_BOUNDS, **labels)
    if score.empty:
        tally.add(answers.EMPTY, **labels)
    if score.refused:
        tally.add(answers.REFUSED, **labels)
    if score.support is None:
        return
    tally.add(answers.SOURCED, **labels)
    tally.observe(answers.SUPPORT, score.support, answers.SUPPORT_BOUNDS, **labels)
    if score.support < spec.min_support:
        tally.add(answers.UNSUPPORTED, **labels)


def texts_of(kind: str, value: Any) -> Iterator[tuple[str, str]]:
    """The texts of messages or documents, each with whose message it is; of an answer all parts are one text.

    A text that is JSON is read; one that holds no messages is what was said, as it stands.
    """
    given = _json(value) if isinstance(value, str) else value
    found = [given] if isinstance(given, dict) else given
    if not isinstance(found, list) or not all(isinstance(each, dict) and any(map(each.get, KEYS)) for each in found):
        yield from [("", each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        return
    for message in found:
        parts = list(_parts(message))
        if kind != ANSWER:
            yield from parts
        elif parts or not _calls(message):
            yield "", "\n".join(text for _, text in parts)


def _parts(value: Any, role: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text inside, but for what a model thought by itself."""
    if isinstance(value, str):
        yield role, value
    elif isinstance(value, list) and depth < DEEPEST:
        for each in value:
            yield from _parts(each, role, depth + 1)
    elif isinstance(value, dict) and depth < DEEPEST and value.get("type") not in THOUGHTS:
        own = value.get("role")
        whose = own if isinstance(own, str) else "tool" if value.get("type") == "tool_call_response" else role
        for key in INSIDE:
            yield from _parts(value.get(key), whose, depth + 1)


def _calls(message: Mapping[str, Any]) -> bool:
    """Whether a message without a text asks for tools, and is no empty answer."""
    inner = message.get("message")
    parts = message.get("parts")
    asked = any(isinstance(each, dict) and each.get("type") == "tool_call" for each in parts or ())
    return asked or bool(message.get("tool_calls")) or (isinstance(inner, dict) and _calls(inner))


def _json(text: str) -> Any:
    """The list or mapping that a text is, else None. Raises: ValueError for one that is too long to be looked into."""
    if len(text) > LONGEST_JSON:
        raise ValueError("too long")
    try:
        return msgspec.json.decode(text) if text.lstrip()[:1] in ("[", "{") else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
