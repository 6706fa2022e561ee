"""`business` and `cost` in the service file: what is accepted, and what a mistake is told."""

from __future__ import annotations

import pytest

from tests.spec.conftest import Problems


def test_each_way_to_name_a_number_is_accepted(problems: Problems) -> None:
    assert not problems(
        "business:\n"
        "  conversion: {ratio: {good: orders_total, total: visits_total}}\n"
        "  basket: {gauge: 'basket_eur{shop=\"de\"}', unit: EUR}\n"
        "  orders: {counter: orders_total}\n"
        "  signups: {posted: counter, about: new accounts}\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("business: {x: {}}", "business.x: needs exactly one of ratio, gauge, counter or posted; found none"),
        ("business: {x: {gauge: a, counter: b}}", "found gauge, counter"),
        ("business: {x: {posted: sum}}", "business.x.posted"),
        ("cost: {gpu_hour: 2.49}", "cost.gpu_hour: 2.49 is not a price; write an amount and a currency"),
        ("cost: {gpu_hour: 0 USD}", "'0 USD' is not a price"),
        ("cost: {gpu_hour: 2 USD, gpus: 0}", "cost.gpus"),
        ("cost: {gpu_hour: 2 USD, per: {}}", "cost.per"),
        ("cost: {gpu_hour: 2 USD, per: token}", "cost.per"),
        ("cost: {gpu_hour: 2 USD, per: {token: 'rate(x)'}}", "cost.per"),
        ("cost: {gpu_hour: 2 USD, currency: EUR}", "cost.currency"),
    ],
)
def test_a_mistake_is_told_by_its_place(problems: Problems, text: str, words: str) -> None:
    found = problems(text)

    assert words in "\n".join(found)
    assert len(found) == 1, found
