"""A worker that stands for a library: it calls a feature drift when its mean, or the share of a label, has moved.

Run by the fake interpreter that `interpreter` makes; it speaks the real protocol with the real frames and tables.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


def interpreter(folder: Path, library: str = "fake") -> str:
    """A program that can be named as the interpreter of a library; it hangs while `folder` holds a file `wait`."""
    root = Path(__file__).parents[2]
    script = folder / f"python-{library}"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {__file__} {root} {folder} {library}\n")
    script.chmod(0o755)
    return str(script)


def judge(head: dict[str, Any], columns: list[Any], library: str) -> dict[str, Any]:
    """What the library says."""
    tables = importlib.import_module("tables")
    rows = []
    for name, options in head["checks"]:
        if "raise" in options:
            raise ValueError(options["raise"])
        if "condition" in options:
            rows.append(tables.said(name, options["column"], drift=True, detail="not met", shown={}, of_drift=False))
            continue
        if "excess" in options:
            rows.append(tables.said(name, "", drift=True, detail="together", shown={}, excess=options["excess"]))
            continue
        for column in columns:
            if column.usable:
                moved = _moved(column)
                limit = options.get("limit", 0.2)
                detail = f"moved by {moved:.3f}"
                rows.append(tables.said(name, column.name, drift=moved > limit, detail=detail, shown={"moved": moved}))
    left_out = [column.name for column in columns if not column.usable]
    return {"library": library, "version": "0", "rows": rows, "left_out": left_out}


def _moved(column: Any) -> float:
    before, now = column.present(column.reference), column.present(column.live)
    if column.is_number:
        return float(abs(np.median(now) - np.median(before)) / (np.std(before) or 1.0))
    codes = range(len(column.values))
    return float(sum(abs(np.mean(now == code) - np.mean(before == code)) for code in codes))


def main() -> None:
    """Answer until the input ends."""
    root, folder, library = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    sys.path.insert(0, str(root / "detectors" / "engines" / "worker"))
    frames, tables = importlib.import_module("frames"), importlib.import_module("tables")
    while (question := frames.read_frame(sys.stdin.buffer.read)) is not None:
        head, body = question
        while (folder / "wait").exists():
            (folder / "wait").read_bytes()  # a pipe: reading waits for who writes
        if (folder / "die").exists():
            os._exit(9)
        try:
            said = judge(head, list(tables.columns_of(head, body)), library)
        except ValueError as error:
            said = {"error": f"ValueError: {error}"}
        page = b"<p>page</p>" if head["page_bytes"] else b""
        sys.stdout.buffer.write(frames.frame(said, page))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
