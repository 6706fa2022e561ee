"""The demo's folder and the processes in it: the model server, the load generator and `burnline up`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import profile_csv
from burnline.errors import BurnlineError
from burnline.spec.load import load_service
from burnline.spec.service import ServiceSpec

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SERVICE = "tumour-screening"
RATE = 80  # requests a second


class Stage:
    """Everything on disk is under `folder`, which is made anew."""

    def __init__(self, folder: Path, *, port: int, model_port: int) -> None:
        self.folder = folder
        self.port, self.model_port = port, model_port
        self.url, self.model_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{model_port}"
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> tuple[ServiceSpec, str]:
        """Registry, training table, reference, service file; returns the service and what training says."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        trained = self._python("-m", "screening.prepare", str(self.folder))
        reference = profile_csv(
            self.folder / "training.csv", name=SERVICE, prediction="prediction", confidence="confidence"
        )
        save_reference(reference, self.folder / "reference.json")
        file = self.folder / f"{SERVICE}.yaml"
        file.write_text(self._placed((EXAMPLES / "services" / file.name).read_text()))
        return load_service(file), trained

    @contextmanager
    def running(self) -> Iterator[None]:
        """All processes, while the block runs."""
        with ExitStack() as stack:
            for name, arguments in self._processes():
                self.children[name] = stack.enter_context(self._process(name, arguments))
            yield

    def check(self) -> None:
        """Raises: BurnlineError when a process ended by itself."""
        for name, child in self.children.items():
            if child.poll() is not None:
                raise BurnlineError(f"{name} stopped by itself: {self.last_line(name) or 'it said nothing'}")

    def release(self, version: str) -> None:
        """What a deployment pipeline does: point the alias at the new version."""
        self._python("-m", "screening.registry", str(self.folder / "registry"), "champion", version)

    def registry(self) -> dict[str, Any]:
        """The registry's content."""
        content: dict[str, Any] = json.loads((self.folder / "registry" / "registry.json").read_text())
        return content

    def last_line(self, name: str) -> str:
        """What a process said last; empty when it said nothing."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""

    def outcomes(self) -> dict[str, int]:
        """What the load generator has met so far: status codes and errors."""
        try:
            met: dict[str, int] = json.loads(self.last_line("load") or "{}")
        except ValueError:  # a line half written, or a traceback
            return {}
        return met

    def _placed(self, written: str) -> str:
        for before, after in (
            ("http://127.0.0.1:8601", self.model_url),
            ("../screening/reference.json", "reference.json"),
            ("../screening/registry", "registry"),
        ):
            written = written.replace(before, after)
        return written

    def _processes(self) -> Iterator[tuple[str, list[str]]]:
        service, registry = str(self.folder / f"{SERVICE}.yaml"), str(self.folder / "registry" / "registry.json")
        database, events = f"sqlite:///{self.folder}/burnline.db", f"{self.url}/v1/predictions"
        yield "burnline", ["-m", "burnline", "up", service, "--port", str(self.port), "--database", database]
        port = str(self.model_port)
        yield "server", ["-m", "screening.server", "--port", port, "--registry", registry, "--events", events]
        yield "load", ["-m", "screening.load", "--url", f"{self.model_url}/predict", "--rate", str(RATE)]

    @contextmanager
    def _process(self, name: str, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run one, its output into the folder; stopped by TERM, then KILL."""
        with (self.folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments], env=self._environment(), stdout=log, stderr=subprocess.STDOUT
            )
            try:
                yield child
            finally:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise BurnlineError(f"python {' '.join(arguments)} failed: {said[-1]}")
        return done.stdout.strip()

    def _environment(self) -> dict[str, str]:
        one_row = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # is too little to share between threads
        return {**os.environ, **one_row, "PYTHONPATH": str(EXAMPLES), "PYTHONUNBUFFERED": "1"}
