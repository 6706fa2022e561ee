"""What a service costs: hours at their price, and what cannot be known is absent; docs/cost.md, worked out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from burnline.collectors import growth
from burnline.collectors.cost import CostCollector, wanted
from burnline.errors import NoData
from burnline.events import Collection, Sample
from burnline.metrics import cost as names
from burnline.metrics import gpu, jobs
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec

SCRAPE = timedelta(seconds=15)


DCGM = {"url": "http://gpu-7:9400/metrics", "profile": "dcgm-exporter"}


def spec(*, collect: Iterable[Any] = (), **cost: Any) -> ServiceSpec:
    slo = {
        "name": "up",
        "objective": "99%",
        "window": "30d",
        "sli": {"ratio": {"bad": "errors_total", "total": "requests_total"}},
    }
    whole = {"apiVersion": "burnline/v1", "service": "chat", "owner": "ml", "slos": [slo]}
    return ServiceSpec.model_validate({**whole, "collect": list(collect), "cost": {"gpu_hour": "3.60 EUR", **cost}})


class Machine:
    """GPUs and a service whose pages a test sets."""

    def __init__(self, now: datetime, **said: Any) -> None:
        self.now = now
        self.pages: dict[str, tuple[str, list[Sample]]] = {}
        self.declare(**said)

    def declare(self, **said: Any) -> None:
        self.spec = spec(**said)
        assert self.spec.cost
        self.collector = CostCollector(self.spec, self.spec.cost, interval=SCRAPE, latest=self.latest)

    def latest(self) -> Iterable[Collection]:
        for name, (service, samples) in self.pages.items():
            yield Collection(service, name, name, self.now, 0.1, True, tuple(samples))

    def gpus(self, *used: float) -> None:
        up = [Sample(gpu.UP, {"gpu": str(n)}, 1) for n in range(len(used))]
        self.pages["gpu"] = ("", [*up, *(Sample(gpu.UTILIZATION, {"gpu": str(n)}, use) for n, use in enumerate(used))])

    def page_of_dcgm(self, *used: float) -> None:
        """As the profile makes it: nothing says whether a GPU is lost."""
        page = [Sample(gpu.UTILIZATION, {"gpu": str(n), "uuid": f"GPU-{n}"}, use) for n, use in enumerate(used)]
        if "dcgm-exporter" not in self.pages:
            self.declare(collect=[*self.spec.collect, DCGM])
        self.pages["dcgm-exporter"] = ("chat", page)

    def count(self, name: str, value: float) -> None:
        self.pages[name] = ("chat", [Sample(name, {}, value)])

    def turns(self, count: int) -> list[Sample]:
        for _ in range(count):
            self.now += SCRAPE
            samples = list(self.collector.collect(self.now))
        return samples


def value(samples: list[Sample], name: str, **labels: str) -> float | None:
    found = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    return found[0] if found else None


def test_an_hour_of_two_gpus_costs_twice_the_price(now: datetime) -> None:
    machine = Machine(now, gpus=2)

    samples = machine.turns(241)

    assert value(samples, names.GPU_SECONDS) == pytest.approx(7200)
    assert value(samples, names.SPENT, currency="EUR") == pytest.approx(7.2)


def test_without_a_number_the_gpus_that_are_read_here_serve(now: datetime) -> None:
    machine = Machine(now)
    machine.gpus(0.9, 0.01, 0.5, 0.0)

    samples = machine.turns(241)

    assert value(samples, names.GPU_SECONDS) == pytest.approx(4 * 3600)
    assert value(samples, names.IDLE) == pytest.approx(2 * 3.6)


def test_it_is_not_guessed_how_many_gpus_serve(now: datetime) -> None:
    machine = Machine(now)

    with pytest.raises(NoData, match=r"cost\.gpus"):
        machine.turns(1)


def test_training_has_its_price_where_no_gpu_serves(now: datetime) -> None:
    machine = Machine(now)
    machine.pages["jobs"] = ("chat", [Sample(jobs.GPU_SECONDS, {"job": "train"}, 7200)])

    samples = machine.turns(1)

    assert [sample.name for sample in samples] == [names.TRAINING]
    assert value(samples, names.TRAINING, job="train", currency="EUR") == pytest.approx(7.2)


def test_gpus_of_dcgms_page_serve_and_those_of_the_machine_beside_it_do_not(now: datetime) -> None:
    machine = Machine(now)
    machine.page_of_dcgm(0.9, 0.01)
    machine.gpus(0.5, 0.5, 0.5)

    samples = machine.turns(241)

    assert value(samples, names.GPU_SECONDS) == pytest.approx(2 * 3600)
    assert value(samples, names.IDLE) == pytest.approx(3.6)


def test_a_gpu_that_two_collectors_tell_of_is_paid_once(now: datetime) -> None:
    machine = Machine(now, collect=("gpu",))
    machine.page_of_dcgm(0.9, 0.9)
    machine.pages["gpu"] = ("", [Sample(gpu.UP, {"gpu": "0", "uuid": "GPU-1"}, 1)])

    assert value(machine.turns(241), names.GPU_SECONDS) == pytest.approx(2 * 3600)


def test_amd_gpus_serve(now: datetime) -> None:
    machine = Machine(now)
    machine.gpus(0.9)
    machine.pages["gpu-amd"] = machine.pages["gpu"]

    assert value(machine.turns(241), names.GPU_SECONDS) == pytest.approx(2 * 3600)


@pytest.mark.parametrize("lost", [1, 4])
def test_a_lost_gpu_costs_as_much_and_is_idle(now: datetime, lost: int) -> None:
    machine = Machine(now)
    machine.gpus(0.9, 0.9, 0.9, 0.9)
    machine.turns(1)
    service, samples = machine.pages["gpu"]
    dead = [Sample(gpu.UP, {"gpu": str(n)}, 0) for n in range(lost)]
    well = [sample for sample in samples if int(sample.labels["gpu"]) >= lost]
    machine.pages["gpu"] = (service, [*dead, *well])

    after = machine.turns(240)

    assert value(after, names.SPENT) == pytest.approx(4 * 3.6)
    assert value(after, names.IDLE) == pytest.approx(lost * 3.6)


def test_a_gpu_that_is_gone_from_its_exporters_page_is_paid_for_a_day(now: datetime) -> None:
    machine = Machine(now)
    machine.page_of_dcgm(0.9, 0.9)
    machine.turns(1)
    machine.page_of_dcgm(0.9)

    after = machine.turns(240)

    assert value(after, names.SPENT) == pytest.approx(2 * 3.6)
    assert value(after, names.IDLE) == pytest.approx(3.6)
    machine.now += timedelta(days=1)
    machine.turns(1)
    before, later = (value(machine.turns(n), names.GPU_SECONDS) for n in (1, 240))
    assert before
    assert later
    assert later - before == pytest.approx(3600)


def test_it_is_not_known_whether_gpus_without_utilization_are_idle(now: datetime) -> None:
    machine = Machine(now)
    machine.pages["gpu"] = ("", [Sample(gpu.UP, {"gpu": "0"}, 1), Sample(gpu.UP, {"gpu": "1"}, 0)])

    samples = machine.turns(3)

    assert value(samples, names.GPU_SECONDS) == pytest.approx(60)
    assert value(samples, names.IDLE) is None


def test_idle_cost_is_absent_where_no_gpu_is_read(now: datetime) -> None:
    machine = Machine(now, gpus=1)

    assert value(machine.turns(3), names.IDLE) is None


def test_a_request_costs_what_the_last_hour_cost_by_its_requests(now: datetime) -> None:
    machine = Machine(now, gpus=1)
    machine.count("requests_total", 0)
    machine.turns(1)
    for turn in range(1, 601):
        machine.count("requests_total", turn * (10 if turn > 300 else 1000))
        samples = machine.turns(1)

    assert value(samples, names.UNIT, per="request") == pytest.approx(3.6 / 2400, rel=0.01)


def test_no_requests_give_no_cost_of_one(now: datetime) -> None:
    machine = Machine(now, gpus=1)
    machine.count("requests_total", 5)

    assert value(machine.turns(10), names.UNIT) is None


def test_a_counter_that_was_reset_goes_on(now: datetime) -> None:
    machine = Machine(now, gpus=1)
    for count in (100, 110, 5, 15):
        machine.count("requests_total", count)
        samples = machine.turns(1)

    spent = value(samples, names.SPENT)
    assert spent
    assert value(samples, names.UNIT, per="request") == pytest.approx(spent / 25)


def test_users_now_share_the_cost_of_an_hour(now: datetime) -> None:
    machine = Machine(now, gpus=2, per={"user": {"gauge": "active_users"}})
    machine.count("active_users", 72)

    assert value(machine.turns(1), names.UNIT, per="user") == pytest.approx(0.1)


def test_the_cache_saves_what_a_request_costs(now: datetime) -> None:
    machine = Machine(now, gpus=1, cache_hits="hits_total")
    for turn in range(5):
        machine.count("requests_total", turn * 10)
        machine.count("hits_total", turn * 4)
        samples = machine.turns(1)

    saved, each = value(samples, names.SAVED), value(samples, names.UNIT)
    assert saved
    assert each
    assert saved == pytest.approx(16 * each)


def test_jobs_cost_their_gpu_time(now: datetime) -> None:
    machine = Machine(now, gpus=1)
    machine.pages["pushed"] = ("chat", [Sample("burnline_job_gpu_seconds_total", {"job": "train", "ok": "yes"}, 7200)])

    assert value(machine.turns(1), names.TRAINING, job="train") == pytest.approx(7.2)


def test_time_that_nobody_watched_is_not_charged(now: datetime) -> None:
    machine = Machine(now, gpus=1)
    machine.turns(1)
    machine.now += timedelta(hours=9)

    seconds = value(machine.turns(1), names.GPU_SECONDS)

    assert seconds == pytest.approx(300)


def test_old_pages_say_nothing_of_the_gpus_now(now: datetime) -> None:
    machine = Machine(now)
    old = Collection("", "gpu", "nvml", now - timedelta(minutes=2), 0.1, True, (Sample(gpu.UP, {"gpu": "0"}, 1),))
    machine.collector = CostCollector(machine.spec, machine.spec.cost, interval=SCRAPE, latest=lambda: [old])  # type: ignore[arg-type]  # it has one

    with pytest.raises(NoData):
        machine.turns(1)


def test_the_hour_that_the_documentation_works_out_comes_out(now: datetime) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cost.md").read_text()
    machine = Machine(now, **yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["cost"])
    machine.pages["pushed"] = ("chat", [Sample("burnline_job_gpu_seconds_total", {"job": "train"}, 4 * 1800)])
    machine.count("active_users", 40)

    for turn in range(241):
        machine.gpus(0.9, 0.9 if turn <= 144 else 0.0)
        machine.count("http_requests_total", turn * 15)
        machine.count("vllm:generation_tokens_total", turn * 3000)
        machine.count("cache_hits_total", turn * 3.75)
        samples = machine.turns(1)

    rows = re.findall(r'^\| `(\w+)(?:{(\w+)="(\w+)"})?` \| ([\d.]+) \|', page, re.MULTILINE)
    assert len(rows) == 8
    for name, label, of, told in rows:
        assert value(samples, name, **({label: of} if label else {})) == pytest.approx(float(told), rel=0.005), name


def test_what_is_divided_by_is_scraped() -> None:
    own = {gpu.UP, gpu.UTILIZATION}
    many = spec(per={"user": {"gauge": "users"}, "token": "tokens_total"}, cache_hits="hits_total")

    assert wanted(spec()) == own | {"requests_total"}
    assert wanted(many) == own | {"users", "tokens_total", "hits_total"}


def test_series_that_are_gone_are_forgotten_once_there_are_too_many(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "MOST", 3)
    counted = growth.Growth(Selector("requests_total"))

    for n in range(10):
        page = Collection("chat", "http", "http", now, 0.1, True, (Sample("requests_total", {"user": str(n)}, 1),))
        counted.take([page])

    assert len(counted._last) <= 3
