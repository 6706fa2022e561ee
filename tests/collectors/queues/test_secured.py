"""Queues behind TLS and logins, and in a cluster, on real servers."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nats
import pytest
import redis
from nats.js.api import ConsumerConfig

from burnline.collectors.queues.keys import trust
from burnline.errors import CollectorError
from tests.app.web.conftest import Certificates, sign
from tests.brokers import NatsServer, RedisServer, started
from tests.collectors.queues.conftest import Look, Watch
from tests.programs import free_port, program

pytestmark = pytest.mark.integration
ACL = "burnline on >seen ~jobs* -@all +llen +type +lindex +xinfo +xrange +xpending +multi +exec +client|setname"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server at 127.0.0.1, and an authority that signed nothing."""
    folder = tmp_path_factory.mktemp("certificates")
    sign(folder, "authority", "authority", "authority")
    sign(folder, "stranger", "stranger", "stranger")
    sign(folder, "server", "authority", "server")
    return Certificates(folder)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, files: Certificates) -> Iterator[RedisServer]:
    """Redis over TLS alone, with a user who may look at `jobs*` and nothing else."""
    folder = tmp_path_factory.mktemp("redis")
    (folder / "users.acl").write_text(f"user default on nopass ~* &* +@all\nuser {ACL}\n")
    tls = ("--tls-cert-file", files.server, "--tls-key-file", files.server_key, "--tls-ca-cert-file", files.authority)
    server = RedisServer(folder, *tls, "--tls-auth-clients", "no", "--aclfile", folder / "users.acl", tls=True)
    with started(server):
        yield server


def test_redis_is_read_over_tls_by_a_user_who_may_do_nothing_else(
    secured: RedisServer, files: Certificates, watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(secured.url, ssl_ca_certs=str(files.authority)) as client:
        client.lpush("jobs", json.dumps({"sent": 1_700_000_000}))
        client.xadd("jobs-stream", {"n": 1})
        client.xgroup_create("jobs-stream", "scorers", id="0")
        client.xreadgroup("scorers", "one", {"jobs-stream": ">"})
    monkeypatch.setenv("REDIS_USER", "burnline")
    monkeypatch.setenv("REDIS_PASSWORD", "seen")
    login = {"user": "env:REDIS_USER", "password": "env:REDIS_PASSWORD", "ca": str(files.authority)}
    jobs = watch_queue(redis_list="jobs", url=secured.url, timestamp="sent", **login)

    seen = look(jobs)

    stream = look(watch_queue(redis_stream="jobs-stream", group="scorers", url=secured.url, **login))
    assert (stream["messages_inflight"], stream["consumers"]) == (1, 1)
    assert seen["messages_ready"] == 1
    assert seen["oldest_message_timestamp_seconds"] == 1_700_000_000
    with pytest.raises(CollectorError, match=r"(?i)no permissions"):
        look(watch_queue(redis_list="secrets", url=secured.url, **login))
    monkeypatch.setenv("REDIS_PASSWORD", "guessed")
    with pytest.raises(CollectorError, match="invalid username-password pair") as refused:
        look(jobs)
    assert "guessed" not in str(refused.value)


def test_a_redis_whose_authority_is_not_trusted_is_not_read(
    secured: RedisServer, files: Certificates, watch_queue: Watch, look: Look
) -> None:
    for trusted in ({}, {"ca": str(files.stranger)}):
        with pytest.raises(CollectorError, match="CERTIFICATE_VERIFY_FAILED"):
            look(watch_queue(redis_list="jobs", url=secured.url, **trusted))


def test_an_authority_that_cannot_be_used_is_told_in_words(
    secured: RedisServer, files: Certificates, watch_queue: Watch, look: Look, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("")
    plain = secured.url.replace("rediss:", "redis:")

    with pytest.raises(CollectorError, match="`ca` needs TLS: write rediss://"):
        look(watch_queue(redis_list="jobs", url=plain, ca=str(files.authority)))
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(CollectorError, match=f"{name} holds no certificate authorities"):
            look(watch_queue(redis_list="jobs", url=secured.url, ca=str(tmp_path / name)))
        with pytest.raises(CollectorError, match=f"{name} holds no certificate authorities"):
            look(watch_queue(nats="ORDERS", consumer="c", url="tls://127.0.0.1:1", ca=str(tmp_path / name)))


def _node(folder: Path) -> RedisServer:
    return RedisServer(folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))


def test_in_a_cluster_the_node_that_has_the_key_is_found_from_any_other(
    tmp_path_factory: pytest.TempPathFactory, watch_queue: Watch, look: Look
) -> None:
    nodes = [_node(tmp_path_factory.mktemp("node")) for _ in range(3)]
    with ExitStack() as running:
        for node in nodes:
            running.enter_context(started(node))
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        create = [program("redis-cli"), "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        with redis.RedisCluster(host="127.0.0.1", port=nodes[0].port) as client:
            client.lpush("jobs", "a", "b")
            client.xadd("orders", {"n": 1})
            client.xgroup_create("orders", "scorers", id="0")

        for node in nodes:
            assert look(watch_queue(redis_list="jobs", url=node.url)) == {"messages_ready": 2}
            stream = watch_queue(redis_stream="orders", group="scorers", url=node.url)
            assert [look(stream)["messages_ready"] for _ in range(2)] == [1, 1]


def test_nats_is_read_over_tls_by_a_user(
    tmp_path: Path, files: Certificates, watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ("--tls", "--tlscert", str(files.server), "--tlskey", str(files.server_key))
    server = NatsServer(tmp_path, *tls, "--user", "burnline", "--pass", "seen")
    monkeypatch.setenv("NATS_USER", "burnline")
    monkeypatch.setenv("NATS_PASSWORD", "seen")
    queue: dict[str, Any] = {"nats": "ORDERS", "consumer": "scorer", "user": "env:NATS_USER"}
    queue |= {"password": "env:NATS_PASSWORD"}

    async def fill() -> None:
        login = {"user": "burnline", "password": "seen", "tls": trust(str(files.authority))}
        connection = await nats.connect(server.url, **login)
        js = connection.jetstream()
        await js.add_stream(name="ORDERS", subjects=["orders"])
        await js.add_consumer("ORDERS", ConsumerConfig(durable_name="scorer"))
        await js.publish("orders", b"a")
        await connection.close()

    with started(server):
        asyncio.run(fill())
        for url in (server.url, server.url.replace("nats:", "tls:")):
            assert look(watch_queue(**queue, url=url, ca=str(files.authority)))["messages_ready"] == 1
        with pytest.raises(CollectorError, match="CERTIFICATE_VERIFY_FAILED"):
            look(watch_queue(**queue, url=server.url.replace("nats:", "tls:")))
