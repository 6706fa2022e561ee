"""The rows of jobs: for services that expect some, and what is drawn of them alone where they are to do it."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.dashboards.service import service_rows
from burnline.spec.service import ServiceSpec

OVERDUE, BEHIND = "Jobs: overdue", "Data: behind its source"


def titles(**parts: Any) -> set[str]:
    """The panels of both rows."""
    head = {"apiVersion": "burnline/v1", "service": "shop", "owner": "ml"}
    rows = service_rows(ServiceSpec.model_validate({**head, **parts}))
    return {panel.title for row in rows if row.title in ("Jobs", "Data") for panel in row.panels}


def test_a_service_that_expects_no_job_has_no_such_rows() -> None:
    assert titles() == set()


def test_an_slo_on_jobs_is_a_reason_to_draw_them() -> None:
    sli = {"ratio": {"bad": "burnline_job_failed_total", "total": "burnline_job_ended_total"}}

    assert "Jobs: share that failed" in titles(slos=[{"name": "x", "objective": "99%", "window": "7d", "sli": sli}])


@pytest.mark.parametrize(("job", "more"), [({"every": "1d"}, {OVERDUE}), ({"behind": "other"}, {BEHIND})])
def test_what_only_some_jobs_have_is_drawn_where_one_has_it(job: dict[str, Any], more: set[str]) -> None:
    plain, other = titles(jobs={"train": {}, "other": {}}), titles(jobs={"train": job, "other": {}})

    assert other - plain == more
    assert not plain - other
