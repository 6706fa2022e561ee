"""Whether the interpreter that would run a library has it; nothing of the library is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from burnline.detectors.engines.catalogue import LIBRARIES
from burnline.detectors.engines.choose import engine_sections
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec

LOOK = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
SECONDS = 30


def missing_libraries(spec: ServiceSpec, pythons: Mapping[str, str]) -> Iterator[Flaw]:
    """Libraries that a service file names and that are not here.

    Args:
        pythons: by library the interpreter that has it; empty, or not there, is this one.
    """
    for place, section in engine_sections(spec):
        if library := LIBRARIES.get(section.engine):
            python = pythons.get(section.engine) or sys.executable
            if why := lacks(python, library.module):
                message = f"{library.name} cannot run here ({why}), and every window would be no_data: {library.remedy}"
                yield Flaw((*place, "engine"), message)


@cache
def lacks(python: str, module: str) -> str:
    """Why an interpreter cannot import a module: empty when it has it."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", LOOK, module],
            env={"PATH": os.environ.get("PATH", os.defpath)},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError as error:
        return f"{python}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{python} did not answer in {SECONDS} s"
    return f"{python} has no {module}" if done.returncode else ""
