"""The client where processes begin and end: after a fork, and at the end of a program."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_sends_its_own_and_the_parent_its_own() -> None:
    """In a process of its own: a test runner has threads that a fork would lose."""
    out = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, timeout=60).stdout

    assert sorted(out.split()) == ["child:acknowledged=1", "parent:acknowledged=2"]


FORKING = """
import json, os, sys, warnings
import httpx
from burnline.client import Client

def burnline(request):
    return httpx.Response(202, json={"refused_count": 0})

client = Client("shop", every_seconds=60, transport=httpx.MockTransport(burnline))
client.prediction({"amount": 1})
client.prediction({"amount": 2})
pid = os.fork()
if pid == 0:
    client.prediction({"amount": 3})
    assert client.flush(20)
    os.write(1, f"child:acknowledged={client.stats.acknowledged}\\n".encode())
    os._exit(0)
os.waitpid(pid, 0)
assert client.flush(20)
os.write(1, f"parent:acknowledged={client.stats.acknowledged}\\n".encode())
"""


def test_the_end_of_a_program_sends_what_waits() -> None:
    program = FORKING.split("pid =", maxsplit=1)[0].replace(
        "return httpx", 'print(len(json.loads(request.content)["events"]), flush=True)\n    return httpx'
    )

    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout

    assert out == "2\n"


def test_the_end_of_a_program_is_not_kept_waiting_by_a_burnline_that_is_away() -> None:
    program = """
import time
from burnline.client import Client
client = Client("shop", url="http://127.0.0.1:9", exit_seconds=0.3)
client.prediction({"amount": 1})
"""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    assert time.monotonic() - start < 20
