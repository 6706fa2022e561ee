"""What a worker is asked: the checks, and the rows of both sides as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from burnline.detectors.engines.rows import Column

Checks = Sequence[tuple[str, Mapping[str, Any]]]


def make_question(
    checks: Checks,
    reference: Mapping[str, Column],
    live: Mapping[str, Column],
    *,
    of: str,
    stream: str = "",
    window: str = "",
    page_bytes: int = 0,
) -> tuple[dict[str, object], bytes]:
    """Head and body of one question: may the worker say of `live` what the checks say against `reference`?

    Args:
        of: names the reference; what the library prepared for it can be used again.
        stream: names what the windows belong to; a test of a stream goes on from one to the next.
        window: names this one; asked twice, it is followed once.
        page_bytes: how long the library's HTML page may be; 0 asks for none.
    """
    columns, body = [], []
    for name in reference:
        written, sides = _column(name, reference[name], live[name])
        columns.append(written)
        body += sides
    head: dict[str, object] = {
        "op": "judge",
        "of": of,
        "stream": stream,
        "window": window,
        "seed": 0,
        "checks": [[name, dict(options)] for name, options in checks],
        "page_bytes": page_bytes,
        "columns": columns,
        "reference_rows": _rows(reference),
        "live_rows": _rows(live),
    }
    return head, b"".join(body)


def _rows(columns: Mapping[str, Column]) -> int:
    return next((len(column) for column in columns.values()), 0)


def _column(name: str, reference: Column, live: Column) -> tuple[dict[str, object], list[bytes]]:
    if reference.dtype != np.object_:
        return {"name": name}, [side.astype("<f8").tobytes() for side in (reference, live)]
    values = sorted({value for side in (reference, live) for value in side.tolist() if value is not None})
    codes: dict[str | None, int] = {value: code for code, value in enumerate(values)}
    codes[None] = -1
    sides = [np.array([codes[value] for value in side.tolist()], "<i4").tobytes() for side in (reference, live)]
    return {"name": name, "values": values}, sides
