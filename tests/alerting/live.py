"""A real Alertmanager on a fast clock, and people who can be told over HTTP."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from burnline.alerting.config import alertmanager_config
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration, parse_duration
from tests.programs import free_port, program, running

TIMES = {"group_wait", "group_interval", "repeat_interval"}


@dataclass(frozen=True)
class Message:
    """What somebody was told: whose path, and the status of each alert of the message, by a name of ours."""

    whom: str
    alerts: tuple[tuple[str, str], ...]


class People:
    """An HTTP server on loopback; each path is somebody. Alerts are known by their label `id`."""

    def __init__(self) -> None:
        self.told: queue.Queue[Message] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                alerts = sorted((each["labels"].get("id", "?"), each["status"]) for each in body["alerts"])
                self.send_response(200)
                self.end_headers()
                told.put(Message(self.path.strip("/"), tuple(alerts)))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        return Handler

    def __enter__(self) -> People:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def so_far(self) -> list[Message]:
        """Everything told, in order, once."""
        return [self.told.get() for _ in range(self.told.qsize())]


class Alertmanager:
    """Speaks to one that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, *labels: Mapping[str, str], ended: bool = False) -> None:
        """These alerts fire, or have ended."""
        now = datetime.now(UTC)
        ends = now if ended else now + timedelta(hours=1)
        alerts = [{"labels": dict(each), "endsAt": ends.isoformat()} for each in labels]
        httpx.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=5, trust_env=False).raise_for_status()

    def silence(self, matchers: Sequence[Mapping[str, Any]], seconds: float) -> str:
        """Keep what matches from everybody; the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [dict(each) for each in matchers],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(seconds=seconds)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        answer = httpx.post(f"{self.url}/api/v2/silences", json=body, timeout=5, trust_env=False)
        return str(answer.raise_for_status().json()["silenceID"])

    def expire(self, silence_id: str) -> None:
        """End a silence."""
        httpx.delete(f"{self.url}/api/v2/silence/{silence_id}", timeout=5, trust_env=False).raise_for_status()


@contextmanager
def alertmanager(folder: Path, specs: Sequence[ServiceSpec], burnline_url: str, times: float) -> Iterator[Alertmanager]:
    """One with the generated configuration, in which every duration is `times` as short."""
    config = alertmanager_config(specs, webhook_url=burnline_url)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(hurried(config, times)))
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        program("alertmanager"),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with running(argv, log=folder / "alertmanager.log", url=f"{url}/-/ready"):
        yield Alertmanager(url)


def hurried(config: Any, times: float) -> Any:
    """The configuration with every group's times divided by `times`."""
    if isinstance(config, list):
        return [hurried(each, times) for each in config]
    if not isinstance(config, dict):
        return config
    return {key: _shorter(value, times) if key in TIMES else hurried(value, times) for key, value in config.items()}


def _shorter(written: str, times: float) -> str:
    span = parse_duration(written) / times
    return format_duration(timedelta(milliseconds=max(1, round(span.total_seconds() * 1000)))) if span else "0s"


class Clock:
    """Waits until so many (long) seconds after its start, `times` as fast."""

    def __init__(self, times: float) -> None:
        self._times, self._start = times, time.monotonic()

    def until(self, seconds: float) -> None:
        """Return at this moment of the script."""
        threading.Event().wait(max(0.0, self._start + seconds / self._times - time.monotonic()))


def plain(text: str) -> dict[str, str]:
    """`a=b c=d` as labels."""
    return dict(re.findall(r"(\S+?)=(\S+)", text))
