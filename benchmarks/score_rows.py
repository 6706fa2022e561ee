"""`burnline score drift` on a million rows of 20 numbers and 5 labels: CPU time and memory, which does not grow.

    python benchmarks/score_rows.py [ROWS]

Each run is a process of its own, which tells at its end what it took; the peer, Python's `csv.reader`, only walks over
the rows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile

NUMBERS, LABELS, DRAWN = 20, 5, 20_000
TOLD = """
import atexit, os, re, runpy, sys
def tell():
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
    print(sum(os.times()[:2]), int(peak) / 1024, file=sys.stderr)
atexit.register(tell)
"""
SCORE = TOLD + "runpy.run_module('burnline', run_name='__main__')"
WALK = TOLD + "import csv; sum(1 for row in csv.reader(open(sys.argv[1])))"


def columns(rng: np.random.Generator) -> dict[str, list[float] | list[str]]:
    """Numbers as they are written to six places, and labels of 20 kinds."""
    numbers = {f"n{at}": rng.normal(0, 1, DRAWN).round(6).tolist() for at in range(NUMBERS)}
    return {**numbers, **{f"c{at}": [f"kind-{kind}" for kind in rng.integers(0, 20, DRAWN)] for at in range(LABELS)}}


def write(path: Path, drawn: dict[str, list[float] | list[str]], rows: int) -> None:
    """As many rows as asked for, drawn ones over and over."""
    lines = [",".join(map(str, row)) + "\n" for row in zip(*drawn.values(), strict=True)]
    with path.open("w") as file:
        file.write(",".join(drawn) + "\n")
        file.writelines(islice(cycle(lines), rows))


def write_parquet(csv: Path, path: Path) -> bool:
    """The same table, labels dictionary-coded; False without pyarrow."""
    try:
        from pyarrow import csv as reader
        from pyarrow import parquet
    except ImportError:
        return False
    parquet.write_table(reader.read_csv(csv), path)
    return True


def spent(program: str, *arguments: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of a process."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    seconds, peak = done.stderr.splitlines()[-1].split()
    return float(seconds), float(peak)


def score(reference: Path, table: Path) -> tuple[float, float]:
    return spent(SCORE, "score", "drift", "-r", str(reference), "--window", "100000", str(table))


def main() -> None:
    parser = argparse.ArgumentParser(description="What `burnline score drift` costs from start to end.")
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    most = parser.parse_args().rows
    drawn = columns(np.random.default_rng(1))
    with TemporaryDirectory() as folder:
        reference, table, parquet = (Path(folder) / name for name in ("ref.json", "t.csv", "t.parquet"))
        save_reference(build_profile(drawn, name="bench"), reference)
        for rows in (most // 10, most):
            write(table, drawn, rows)
            say("score drift, CSV", rows, score(reference, table))
            say("csv.reader", rows, spent(WALK, str(table)))
            if write_parquet(table, parquet):
                say("score drift, Parquet", rows, score(reference, parquet))


def say(what: str, rows: int, found: tuple[float, float]) -> None:
    print(f"{what:22} {rows:9,} rows: {found[0]:6.1f} s of CPU, {found[1]:4.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
