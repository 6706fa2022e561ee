"""The rules as Kubernetes objects, from the same verb as other tools' files."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.slo.compiler.rules import compile_rules
from burnline.spec.load import load_service

SHOP = """\
apiVersion: burnline/v1
service: shop
owner: web
slos:
  - {name: availability, objective: 99.9%, window: 30d, sli: {ratio: {bad: 'x_total{code=~"5.."}', total: x_total}}}
  - {name: fast, objective: 99%, window: 30d, sli: {latency: {histogram: wait_seconds, below: 250ms}}}
"""


def test_every_group_is_in_one_of_the_objects(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)

    done = CliRunner().invoke(app, ["export", "prometheus-rule", str(file)])

    objects = list(yaml.safe_load_all(done.stdout))
    assert done.exit_code == 0
    assert {each["kind"] for each in objects} == {"PrometheusRule"}
    written = [group for each in objects for group in each["spec"]["groups"]]
    compiled = compile_rules([load_service(file)])["groups"]
    assert sorted(group["name"] for group in written) == sorted(group["name"] for group in compiled)


def test_a_folder_gets_a_file_for_each_object(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SHOP)

    CliRunner().invoke(app, ["export", "prometheus-rule", str(tmp_path / "shop.yaml"), "-o", str(tmp_path / "out")])

    names = [file.name for file in (tmp_path / "out").iterdir()]
    assert names
    assert all(name.startswith("burnline-") and name.endswith(".yaml") for name in names)
