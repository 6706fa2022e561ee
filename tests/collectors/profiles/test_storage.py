"""Storage and state: the numbers that somebody acts on, counted by hand from the pages."""

from __future__ import annotations

import pytest

from burnline.collectors.page import parse_page
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.reading import lacks, own_series
from burnline.metrics import storage
from tests.collectors.profiles.test_pages import made, text


def total(page: str, name: str) -> float:
    """Of all series of that name, of which there must be one."""
    values = [sample.value for sample in made(page) if sample.name == name]
    assert values, f"{page} gives no {name}"
    return sum(values)


@pytest.mark.parametrize(
    ("page", "requests", "errors"),
    [
        ("minio", 4000, 4),  # of 50 failures 46 were the caller's
        ("minio-v3", 4000, 4),
        ("qdrant", 6666, 8),  # 5749 over REST with 6 of 500, 917 over gRPC with 2 internal ones
        ("milvus", 2500, 15),  # 12 failed and 3 were abandoned
        ("weaviate", 4000, 5),  # 25 failures were the user's
    ],
)
def test_requests_are_counted_once_and_the_callers_faults_are_no_errors(
    page: str, requests: float, errors: float
) -> None:
    assert total(page, storage.REQUESTS) == requests
    assert total(page, storage.ERRORS) == errors


@pytest.mark.parametrize(("page", "throttled"), [("qdrant", 50), ("milvus", 9), ("weaviate", 4)])
def test_what_was_turned_away_over_a_limit_is_counted(page: str, throttled: float) -> None:
    assert total(page, storage.THROTTLED) == throttled


def test_what_minio_does_not_count_is_absent_and_bad_signatures_are_not_throttling() -> None:
    names = {sample.name for sample in made("minio")}

    assert "minio_s3_requests_rejected_auth_total" in text("minio")
    assert storage.THROTTLED not in names
    assert storage.REPLICATION_LAG not in names


def test_both_versions_of_minios_metrics_give_the_same_series() -> None:
    old, new = ({(s.name, *s.labels.items()): s.value for s in made(page)} for page in ("minio", "minio-v3"))

    links = {key for key in old if key[0] == storage.REPLICATION_UP}
    assert new == {key: value for key, value in old.items() if key not in links}


def test_grpc_failures_without_a_status_are_taken_as_they_are_counted() -> None:
    assert total("qdrant-1.8", storage.ERRORS) == 17
    assert total("qdrant-1.8", storage.VECTORS) == 503_000


def test_a_primary_shows_which_replica_is_gone_and_a_replica_how_far_it_is_behind() -> None:
    links = {
        s.labels["replica"]: s.value for s in made("postgres-exporter-primary") if s.name == storage.REPLICATION_UP
    }

    assert links == {"replica_1": 1, "replica_2": 0}  # the logical slot is no replica
    assert total("postgres-exporter-primary", storage.REPLICAS) == 1
    assert total("postgres-exporter", storage.IS_REPLICA) == 1
    assert total("postgres-exporter", storage.REPLICATION_LAG) == 2.5


def test_a_database_that_is_down_is_told_by_its_exporter_and_nothing_else_is_made_up() -> None:
    read = load_profile("postgres-exporter")
    page = "# TYPE pg_up gauge\npg_up 0\n"

    samples = list(parse_page(page, read.names))

    assert [(s.name, s.value) for s in own_series(read, samples, collector="page")] == [(storage.UP, 0)]
    assert {lack.quantity for lack in lacks(read, page, samples)} == {storage.USED, storage.REPLICATION_LAG}


def test_a_replica_of_redis_whose_link_is_down_says_so_and_shows_no_lag() -> None:
    names = {sample.name: sample.value for sample in made("redis-exporter-replica")}

    assert names[storage.REPLICATION_UP] == 0
    assert storage.REPLICATION_LAG not in names
    assert storage.CAPACITY not in names


def test_no_limit_of_memory_is_no_capacity_of_zero() -> None:
    assert "redis_memory_max_bytes 0" in text("redis-exporter")
    assert storage.CAPACITY not in {sample.name for sample in made("redis-exporter")}
