"""Tiles and memories in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from burnline.store.database import Database
from burnline.store.slo import Memory, Tile, forget_memories, forget_tiles, keep_tiles, memories, remember, tiles

MINUTE = timedelta(minutes=1)


def tile(slo: str, at: datetime, total: float = 10) -> Tile:
    return Tile(slo, 60.0, at, 1.0, total, 1.0)


def test_a_tile_kept_twice_holds_the_later_counts(database: Database, now: datetime) -> None:
    database.write(lambda tx: keep_tiles(tx, [tile("shop/a", now, 10)]))
    database.write(lambda tx: keep_tiles(tx, [tile("shop/a", now, 25), tile("shop/b", now)]))

    with database.read() as tx:
        assert tiles(tx, ["shop/a"], 60.0, now - MINUTE) == [tile("shop/a", now, 25)]


def test_tiles_are_read_by_slo_and_length_oldest_first(database: Database, now: datetime) -> None:
    kept = [tile("shop/b", now), tile("shop/a", now + MINUTE), tile("shop/a", now), tile("shop/c", now)]
    database.write(lambda tx: keep_tiles(tx, [*kept, Tile("shop/a", 300.0, now, 0, 0, 5)]))

    with database.read() as tx:
        found = tiles(tx, ["shop/a", "shop/b"], 60.0, now - MINUTE)
        later = tiles(tx, ["shop/a", "shop/b"], 60.0, now)

    assert found == [kept[2], kept[1], kept[0]]
    assert later == [kept[1]]


def test_thousands_of_slos_fit_into_the_statement_limit(database: Database, now: datetime) -> None:
    names = [f"shop/slo-{number:04}" for number in range(1_200)]
    database.write(lambda tx: keep_tiles(tx, [tile(name, now) for name in names]))

    with database.read() as tx:
        found = tiles(tx, names, 60.0, now - MINUTE)
    gone = database.write(lambda tx: forget_tiles(tx, names, 60.0, now + MINUTE))

    assert [one.slo for one in found] == names
    assert gone == 1_200


def test_old_tiles_are_forgotten(database: Database, now: datetime) -> None:
    database.write(lambda tx: keep_tiles(tx, [tile("shop/a", now), tile("shop/a", now + MINUTE), tile("shop/b", now)]))

    gone = database.write(lambda tx: forget_tiles(tx, ["shop/a"], 60.0, now + MINUTE))

    with database.read() as tx:
        assert tiles(tx, ["shop/a", "shop/b"], 60.0, now - MINUTE) == [
            tile("shop/a", now + MINUTE),
            tile("shop/b", now),
        ]
    assert gone == 1


def test_memories_are_replaced_and_forgotten_by_prefix(database: Database, now: datetime) -> None:
    old, new = Memory(now, {"a": 1}), Memory(now + MINUTE, {"a": 2})
    database.write(lambda tx: remember(tx, {"counters:x": old, "counters:y": old, "engine": old}))
    database.write(lambda tx: remember(tx, {"counters:y": new}))

    gone = database.write(lambda tx: forget_memories(tx, "counters:", now + MINUTE))

    with database.read() as tx:
        assert memories(tx) == {"counters:y": new, "engine": old}
    assert gone == 1


def test_tiles_past_their_horizon_leave_the_database(world: Any) -> None:
    window = {"name": "availability", "objective": "99%", "window": "1h"}
    world.promise({**window, "sli": {"ratio": {"bad": "bad_total", "total": "http_requests_total"}}})
    world.run(timedelta(minutes=30), timedelta(seconds=5), ok=10)

    with world.db.read() as tx:
        kept = tiles(tx, ["shop/availability"], 1.0, world.now - timedelta(days=1))

    assert len(kept) <= (362 + 60 + 60) // 5  # windows of up to 360 intervals are exact
    assert kept[-1].at == world.now


def test_the_longest_tiles_stay_for_reports(world: Any) -> None:
    window = {"name": "availability", "objective": "99%", "window": "1h"}
    world.promise({**window, "sli": {"ratio": {"bad": "bad_total", "total": "http_requests_total"}}})
    began = world.now
    for _ in range(12):
        world.run(timedelta(minutes=15), timedelta(seconds=30), ok=10)

    with world.db.read() as tx:
        kept = tiles(tx, ["shop/availability"], 60.0, began)

    assert len(kept) == 180
