"""SLOs whose file can be read and that cannot work are refused, by file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.app.services import load_checked, read_checked, slo_warnings
from burnline.errors import SpecError

HEAD = "apiVersion: burnline/v1\nservice: {name}\nowner: team\nslos:\n"
RATIO = "sli: {ratio: {bad: b, total: t}}"


def problems(tmp_path: Path, *slos: str, **others: str) -> list[str]:
    for name, body in {"shop": "".join(f"  - {{{slo}}}\n" for slo in slos), **others}.items():
        (tmp_path / f"{name}.yaml").write_text(HEAD.format(name=name) + body)
    try:
        load_checked(tmp_path)
    except SpecError as error:
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.problems]
    return []


def slo(name: str = "a", objective: str = "99.9%", window: str = "30d", sli: str = RATIO, **more: str) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"name: {name}, objective: {objective}, window: {window}, {sli}{rest}"


def test_an_objective_that_no_fast_page_can_watch_says_which_tiers_can(tmp_path: Path) -> None:
    [found] = problems(tmp_path, slo(objective="90%"))

    assert found == (
        "shop.yaml:5: slos[0].objective: tier page-fast can never fire: burning at 14.4 times 1h long needs more than "
        "144% of the events to be bad; promise more, or choose the tiers that can: "
        "`tiers: [page-slow, ticket-fast, ticket-slow]`"
    )


def test_the_tiers_that_can_fire_may_be_chosen(tmp_path: Path) -> None:
    assert problems(tmp_path, slo(objective="90%", tiers="[page-slow, ticket-fast, ticket-slow]")) == []


def test_a_workbook_tier_with_a_factor_under_one_is_left_out_with_a_warning(tmp_path: Path) -> None:
    assert problems(tmp_path, slo(window="28d")) == []

    [(spec, document)] = read_checked(tmp_path)
    [warning] = slo_warnings(spec, document)

    assert warning.line == 5
    assert "tier ticket-slow is left out: factor 0.9333 is below 1" in warning.message


@pytest.mark.parametrize(
    ("tier", "problem"),
    [
        ("long: 3d, factor: 0.9", "tiers[0]: tier x factor 0.9 is below 1"),
        ("long: 1d, budget: 1%", "tiers[0]: tier x factor 0.3 is below 1"),
        ("long: 1h, factor: 1000", "tiers[0]: tier x can never fire"),
        ("long: 1h, short: 1h, factor: 2", "tiers[0].short: is 1h; write less than `long`"),
        ("long: 90s, short: 30s, factor: 2", "tiers[0].long: is 1m30s; write a multiple of 1m"),
        ("long: 40d, factor: 2", "tiers[0].long: is 40d, longer than the SLO's window of 30d"),
        ("long: 1h, factor: 2, for: 10s", "tiers[0].for: is 10s; write a multiple of 1m"),
    ],
)
def test_a_tier_of_the_teams_own_must_be_able_to_work(tmp_path: Path, tier: str, problem: str) -> None:
    found = problems(tmp_path, slo(tiers=f"[{{name: x, severity: ticket, {tier}}}]"))

    assert any(each.startswith(f"shop.yaml:5: slos[0].{problem}") for each in found)


@pytest.mark.parametrize("field", ["slices: {length: 90s}", "slices: {length: 6h}"])
def test_a_slice_is_made_of_base_intervals(tmp_path: Path, field: str) -> None:
    found = problems(tmp_path, f"{slo()}, {field}")

    problem = "shop.yaml:5: slos[0].slices.length: is 1m30s; write a multiple of 1m, at most 6h"
    assert found == ([] if "6h" in field else [problem])


def test_a_composite_is_counted_as_often_as_its_members(tmp_path: Path) -> None:
    whole = slo("c", window="30d", sli="sli: {composite: {worst_of: [a, b]}}")

    [found] = problems(tmp_path, slo("a"), slo("b", window="12h"), whole)

    assert found.startswith("shop.yaml:7: slos[2].sli.composite: 'b' is counted every 1s, this SLO every 1m")


def test_a_dependency_is_one_of_the_services_given(tmp_path: Path) -> None:
    other = f"  - {{{slo('a', depends_on='[shop/a]')}}}\n"

    assert problems(tmp_path, slo("a"), till=other) == []
    assert problems(tmp_path, slo("a", depends_on="[bank/a]"), till=other) == [
        "shop.yaml:5: slos[0].depends_on[0]: 'bank/a' is no SLO of these services"
    ]


def test_dependencies_do_not_lead_in_a_circle(tmp_path: Path) -> None:
    other = f"  - {{{slo('a', depends_on='[shop/a]')}}}\n"

    found = problems(tmp_path, slo("a", depends_on="[till/a]"), till=other)

    assert len(found) == 2
    assert "'till/a' depends on this SLO in turn; one of them must be first" in found[0]
