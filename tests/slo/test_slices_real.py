"""Events of two versions, counted from raw series by a real Prometheus: every one once."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.prometheus import PrometheusReader
from burnline.spec.slice import Slice, with_labels
from tests.programs import free_port, program, running, wait_until
from tests.slo.promtool import service
from tests.slo.test_prometheus_real import CONFIG, SECOND, Exporter, now, serving

pytestmark = pytest.mark.integration

SLOS = """
- {name: up, objective: 99%, window: 12h, sli: {ratio: {bad: 'requests_total{code="500"}', total: requests_total}}}
"""


class TwoVersions(Exporter):
    """Between two scrapes version 1 answers 90 requests, one of them badly, and version 2 ten, five of them badly."""

    scrapes = 0

    def page(self) -> str:
        self.scrapes += 1
        counts = {("1", "200"): 89, ("1", "500"): 1, ("2", "200"): 5, ("2", "500"): 5}
        lines = [
            f'requests_total{{version="{version}",code="{code}"}} {count * self.scrapes}'
            for (version, code), count in counts.items()
        ]
        return "\n".join([*lines, ""])


def test_a_real_prometheus_tells_two_versions_apart_and_counts_each_event_once(tmp_path: Path) -> None:
    spec = service(SLOS, collect=[{"url": "http://127.0.0.1:1/metrics", "interval": "1s"}])
    config, rules, log = tmp_path / "prometheus.yml", tmp_path / "rules.yml", tmp_path / "log"
    rules.write_text("groups: []\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    reader = PrometheusReader(url, [spec])
    argv = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    one, two = (Slice("card-fraud", with_labels(spec.slos[0].sli, {"version": each})) for each in "12")

    with closing(reader), serving(TwoVersions()) as exporter:
        config.write_text(CONFIG.format(rules=rules, port=exporter.port))
        with running(argv, log=log, url=f"{url}/-/ready") as process:
            started = now()  # the first scrape comes within six seconds
            wait_until(lambda: now() > started + 14 * SECOND, process, log=log)
            began = started + 8 * SECOND
            spans = [(began + n * 2 * SECOND, began + (n + 1) * 2 * SECOND) for n in range(3)]
            canary = [reader.read_slice(two, *span) for span in spans]
            baseline = [reader.read_slice(one, *span) for span in spans]
            whole = reader.read_slice(two, began, began + 6 * SECOND)
            nobody = reader.read_slice(Slice("card-fraud", with_labels(spec.slos[0].sli, {"version": "3"})), *spans[0])

    assert nobody is None
    assert whole is not None
    assert None not in canary
    assert sum(each.total for each in canary if each) == whole.total  # spans follow each other without a gap
    assert whole.total % 10 == 0
    assert whole.bad == whole.total / 2
    for each in baseline:
        assert each is not None
        assert each.bad == each.total / 90
    assert whole.total >= 10 * (timedelta(seconds=4) / SECOND)  # a busy machine may miss a scrape
