"""Shape: every kind of mistake in a field, with its line, its place, the value found and what would be accepted."""

from __future__ import annotations

import pytest

from burnline.spec.hooks import HookSpec
from burnline.spec.words import choice
from tests.spec.conftest import Problems

NAME_FORM = "write lower-case letters, digits, - and _, at most 63, with a letter or digit at both ends"
DURATION_FORM = "write numbers and units, as in 250ms, 30s, 10m, 1h30m, 30d"
SELECTOR_FORM = """write a metric name and label matchers, as in http_requests_total{status=~"5.."}"""
URL_FORM = "write one as in http://host:8000/metrics"
RECEIVER_FORM = "write kind:address, where kind is webhook, pagerduty, opsgenie, slack, teams or mailto, as in webhook:https://host/path"
SECRET_FORM = "says no place; write env:NAME or file:/absolute/path (the secret itself never stands here)"
PROFILES = (
    "http, vllm, sglang, triton, trtllm-serve, tgi, torchserve, kserve, ray-serve, dynamo, bentoml, envoy, istio, "
    "dcgm-exporter, node-exporter, redis-exporter, rabbitmq, kafka-exporter, celery-exporter, "
    "nats-exporter, minio, qdrant, milvus, weaviate or postgres-exporter"
)
QUEUE_FORM = (
    "write a mapping with exactly one of redis_list, redis_stream, rabbitmq, kafka, celery, nats or sqs, "
    "as in {redis_list: jobs, url: env:REDIS_URL}"
)
SIGNALS = (
    "answer_length, calibration, confidence, consistency, custom, data, drift, embedding, estimate, hallucination, "
    "language, logprob, outliers, performance, prediction, refusal, retrieval, skew, toxicity, training_skew or volume"
)
SLI_FORM = (
    "needs exactly one kind: ratio, latency, threshold, signal, same_as, freshness, throughput, composite or promql"
)
SLIS = "composite, freshness, latency, promql, ratio, same_as, signal, threshold or throughput"
SLO_KEYS = "depends_on, description, min_bad_events, min_events, name, objective, sli, slices, tiers or window"
SLO = "slos:\n  - {name: up, objective: 99%, window: 30d, sli: {threshold: {gauge: up, below: 1}}}\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("service: a\n", ["1: apiVersion: is missing", "1: owner: is missing"]),
        (
            "apiVersion: v1\nservice: Card Fraud\nowner: 7\n",
            [
                "1: apiVersion: is 'v1'; accepted: burnline/v1",
                f"2: service: 'Card Fraud' is not a name; {NAME_FORM}",
                "3: owner: is 7; write text; put it in quotes",
            ],
        ),
    ],
)
def test_the_head_of_a_file_is_checked(file_problems: Problems, content: str, expected: list[str]) -> None:
    assert file_problems(content) == expected


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("collect: host", "4: collect: is 'host'; write a list"),
        ("collect: [hots]", "4: collect[0]: is 'hots'; accepted: host or gpu; did you mean 'host'?"),
        (
            "collect: [7]",
            "4: collect[0]: is 7; write host, gpu, or a mapping with `url` or `queue`, as in {url: http://host:8000/metrics}",
        ),
        ("collect:\n  - host\n  - profile: http", "6: collect[1].url: is missing"),
        ("collect:\n  - url: localhost:80", f"5: collect[0].url: 'localhost:80' is not a URL; {URL_FORM}"),
        ("collect:\n  - url: 'http://a b/'", f"5: collect[0].url: 'http://a b/' is not a URL; {URL_FORM}"),
        ("collect:\n  - url: http://h:99999/", f"5: collect[0].url: 'http://h:99999/' is not a URL; {URL_FORM}"),
        ("collect:\n  - url: 'http://[::1'", f"5: collect[0].url: 'http://[::1' is not a URL; {URL_FORM}"),
        (
            "collect:\n  - url: http://me:hunter2@host/",
            "5: collect[0].url: holds a user name or password; secrets do not stand in service files",
        ),
        (
            "collect:\n  - {url: http://h/, profil: http}",
            (
                "5: collect[0].profil: is no key here; accepted: basic_auth, bearer_token_file, bounds, interval, "
                "profile, tls or url; did you mean 'profile'?"
            ),
        ),
        (
            "collect:\n  - {url: http://h/, profile: vlm}",
            f"5: collect[0].profile: is 'vlm'; accepted: {PROFILES}; did you mean 'vllm'?",
        ),
        (
            "collect:\n  - {url: http://h/,\n     interval: 15}",
            f"6: collect[0].interval: 15 is not a duration; {DURATION_FORM}",
        ),
        ("collect:\n  - queue: redis", f"5: collect[0].queue: is 'redis'; {QUEUE_FORM}"),
        ("collect:\n  - queue: {}", f"5: collect[0].queue: is a mapping; {QUEUE_FORM}"),
        ("collect:\n  - queue: {nats: a, kafka: b}", f"5: collect[0].queue: is a mapping; {QUEUE_FORM}"),
    ],
)
def test_collect_items_are_a_word_or_a_mapping(problems: Problems, body: str, problem: str) -> None:
    assert problems(body) == [problem]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("escalation: {page: [oncall]}", f"4: escalation.page[0]: 'oncall' is not a receiver; {RECEIVER_FORM}"),
        (
            "escalation:\n  ticket:\n    - webhok:http://h/",
            f"6: escalation.ticket[0]: 'webhok:http://h/' is not a receiver; {RECEIVER_FORM}; did you mean 'webhook'?",
        ),
        ("escalation: {page: ['webhook:']}", f"4: escalation.page[0]: 'webhook:' is not a receiver; {RECEIVER_FORM}"),
        ("escalation: {page: ['webhook:x']}", f"4: escalation.page[0]: 'x' is not a URL; {URL_FORM}"),
        (
            "escalation: {page: ['webhook:env:1']}",
            f"4: escalation.page[0]: {SECRET_FORM}",
        ),
        (
            "escalation: {business: ['mailto:team']}",
            "4: escalation.business[0]: 'mailto:team' names no mailbox; write one as in mailto:team@example.com",
        ),
        (
            "escalation: {page: ['slack:#on call']}",
            "4: escalation.page[0]: 'slack:#on call' names nobody; write slack:#channel",
        ),
        (
            "escalation: {page: ['pagerduty:../key']}",
            (
                "4: escalation.page[0]: 'pagerduty:../key' names nobody; "
                "write pagerduty:team, of letters, digits, ., _ and -"
            ),
        ),
        ("escalation: {ticket: ['teams:env:1']}", f"4: escalation.ticket[0]: {SECRET_FORM}"),
        (
            "escalation: {chain: [{after: 15m}]}",
            "4: escalation.chain[0].to: is missing",
        ),
        (
            "escalation: {chain: [{after: 5s, to: ['slack:#lead']}]}",
            "4: escalation.chain[0].after: should be from 1m to 7d",
        ),
        (
            'escalation: {hours: {ticket: {days: fri-mon, from: "09:00", to: "17:00"}}}',
            "4: escalation.hours.ticket.days: 'fri-mon' runs backwards; the week begins with mon and ends with sun",
        ),
        (
            'escalation: {hours: {ticket: {days: weekdays, from: "09:00", to: "17:00"}}}',
            "4: escalation.hours.ticket.days: 'weekdays' names no days; write them as in mon-fri or mon,wed-fri",
        ),
        (
            'escalation: {hours: {ticket: {from: 9, to: "17:00"}}}',
            '4: escalation.hours.ticket.from: 9 is no time of day; write it in quotes, as in "09:00", up to "24:00"',
        ),
        (
            'escalation: {hours: {ticket: {from: "22:00", to: "06:00"}}}',
            '4: escalation.hours.ticket: needs `from` before `to`; found "22:00" and "06:00"',
        ),
        (
            'escalation: {page: ["slack:#a"], hours: {ticket: {from: "09:00", to: "17:00"}}}',
            "4: escalation.hours.ticket: nobody is told of it; name receivers in escalation.ticket, or take this out",
        ),
        ("escalation: {page: webhook:http://h/}", "4: escalation.page: is 'webhook:http://h/'; write a list"),
        (
            "escalation: {pages: []}",
            (
                "4: escalation.pages: is no key here; accepted: business, chain, hours, page or ticket; "
                "did you mean 'page'?"
            ),
        ),
        ("signals: [drift]", "4: signals: is a list; write a mapping"),
        (
            "signals: {dirft: {}}",
            f"4: signals.dirft: is no key here; accepted: {SIGNALS}; did you mean 'drift'?",
        ),
        (
            "signals:\n  data: {schema: loose}",
            "5: signals.data.schema: is 'loose'; accepted: strict or off",
        ),
        (
            "signals:\n  data: {schema: off,\n   min_events: 1.5}",
            "6: signals.data.min_events: is 1.5; write a whole number",
        ),
        (
            "signals:\n  data: {schema: off, min_events: '50'}",
            "5: signals.data.min_events: is '50'; write a whole number",
        ),
        (
            "signals:\n  data: {schema: off, min_events: true}",
            "5: signals.data.min_events: is true; write a whole number",
        ),
        (
            "signals:\n  data: {schema: off, min_events: 0}",
            "5: signals.data.min_events: is 0; input should be greater than or equal to 1",
        ),
        (
            "signals:\n  data: {schema: off, max_null: 1 %}",
            "5: signals.data.max_null: '1 %' is not a ratio; write a percentage as in 99.9%, or a number from 0 to 1",
        ),
        ("model: {name: ''}", "4: model.name: needs at least 1"),
        ("model: {}", "4: model.name: is missing"),
        ("model: {name: m, version: {from: header, label: v}}", "4: model.version.from: is 'header'; accepted: label"),
        ("model:\n  name: m\n  version: {label: v}", "6: model.version.from: is missing"),
    ],
)
def test_fields_say_what_they_accept(problems: Problems, body: str, problem: str) -> None:
    assert problems(body) == [problem]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            "objective: 100%",
            "objective: 100% leaves no error budget, so every bad event would page; promise less, as in 99.9%",
        ),
        (
            "objective: 1",
            "objective: 100% leaves no error budget, so every bad event would page; promise less, as in 99.9%",
        ),
        ("objective: 0%", "objective: 0% promises nothing; write what share of events is good, as in 99.9%"),
        ("objective: 99.9", "objective: 99.9 is outside 0% to 100%; did you mean 99.9%?"),
        ("objective: 120%", "objective: '120%' is outside 0% to 100%"),
        (
            "objective: high",
            "objective: 'high' is not a ratio; write a percentage as in 99.9%, or a number from 0 to 1",
        ),
        ("window: 30", f"window: 30 is not a duration; {DURATION_FORM}"),
        ("window: 30 days", f"window: '30 days' is not a duration; {DURATION_FORM}"),
        (
            "window: {calendar: fortnight}",
            "window.calendar: is 'fortnight'; accepted: day, week, month, quarter or year",
        ),
        ("window: {tz: UTC}", "window.calendar: is missing"),
        ("sli: availability", "sli: is 'availability'; write a mapping"),
        (
            "sli: {}",
            f"sli: {SLI_FORM}; found none",
        ),
        (
            "sli: {signal: drift, same_as: other}",
            f"sli: {SLI_FORM}; found signal, same_as",
        ),
        (
            "sli: {ratoi: {}}",
            f"sli.ratoi: is no key here; accepted: {SLIS}; did you mean 'ratio'?",
        ),
        ("sli: {ratio: {bad: b}}", "sli.ratio.total: is missing"),
        ("sli: {ratio: {total: t}}", "sli.ratio: needs exactly one of `bad` and `good` beside `total`"),
        (
            "sli: {ratio: {bad: b, good: g, total: t}}",
            "sli.ratio: needs exactly one of `bad` and `good` beside `total`",
        ),
        (
            "sli: {ratio: {bad: 'rate(b[5m])', total: t}}",
            f"sli.ratio.bad: 'rate(b[5m])' is not a selector; {SELECTOR_FORM}",
        ),
        ("sli: {ratio: {bad: 5, total: t}}", f"sli.ratio.bad: 5 is not a selector; {SELECTOR_FORM}"),
        (
            "sli: {latency: {histogram: h_bucket, below: 1s}}",
            "sli.latency.histogram: names the buckets; write the histogram itself: h",
        ),
        (
            "sli: {latency: {histogram: 'h{le=\"1\"}', below: 1s}}",
            "sli.latency.histogram: chooses a bucket by `le`; leave that to `below`",
        ),
        ("sli: {latency: {histogram: h, below: 250}}", f"sli.latency.below: 250 is not a duration; {DURATION_FORM}"),
        (
            "sli: {threshold: {gauge: g}}",
            "sli.threshold: needs `above` (bad when the gauge is over it), `below`, or both",
        ),
        ("sli: {threshold: {gauge: g, above: 80%}}", "sli.threshold.above: is '80%'; write a number"),
        ("sli: {threshold: {gauge: g, above: true}}", "sli.threshold.above: is true; write a number"),
        (
            "sli: {threshold: {gauge: g, above: 1, below: 2}}",
            "sli.threshold: leaves no good value: bad above 1 and bad below 2",
        ),
        ("min_events: -1", "min_events: is -1; input should be greater than or equal to 0"),
        (
            "objectiv: 99%",
            f"objectiv: is no key here; accepted: {SLO_KEYS}; did you mean 'objective'?",
        ),
    ],
)
def test_an_slo_says_what_it_accepts(problems: Problems, fields: str, problem: str) -> None:
    given = {"name": "up", "objective": "99%", "window": "30d", "sli": "{threshold: {gauge: up, below: 1}}"}
    key, _, value = fields.partition(": ")
    body = "\n".join(f"    {name}: {text}" for name, text in {**given, key: value}.items())
    line = 5 + list({**given, key: value}).index(key)

    assert problems(f"slos:\n  -\n{body}\n") == [f"{line + 1}: slos[0].{problem}"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("on: {}, run: r", "on: needs exactly one of `slo`, `signal` and `alert`"),
        ("on: {slo: up, signal: drift}, run: r", "on: needs exactly one of `slo`, `signal` and `alert`"),
        (
            "on: {slo: up, severity: pager}, run: r",
            "on.severity: is 'pager'; accepted: page or ticket; did you mean 'page'?",
        ),
        ("on: {slo: up}", "run: is missing"),
        ("on: {slo: up}, run: ../x", f"run: '../x' is not a name; {NAME_FORM}"),
        ("on: {slo: up}, run: r, approval: four", "approval: is 'four'; accepted: none, one, two or three"),
        ("on: {slo: up}, run: r, params: {a: []}", "params.a: is a list; write text, a number, true or false"),
        ("on: {slo: up}, run: r, params: {a: {b: 1}}", "params.a: is a mapping; write text, a number, true or false"),
        ("on: {slo: up}, run: r, params: []", "params: is a list; write a mapping"),
    ],
)
def test_a_runbook_binding_says_what_it_accepts(problems: Problems, fields: str, problem: str) -> None:
    assert problems(f"{SLO}runbooks:\n  - {{{fields}}}\n") == [f"7: runbooks[0].{problem}"]


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        ("{}", f"hook: needs exactly one kind: {choice(HookSpec.model_fields)}; found none"),
        (
            "{alias: {file: f}, command: {argv: [/bin/true]}}",
            f"hook: needs exactly one kind: {choice(HookSpec.model_fields)}; found alias, command",
        ),
        (
            "{aliass: {}}",
            f"hook.aliass: is no key here; accepted: {choice(sorted(HookSpec.model_fields))}; did you mean 'alias'?",
        ),
        ("{alias: {}}", "hook.alias.file: is missing"),
        ("{webhook: {url: 'ftp://h/'}}", f"hook.webhook.url: 'ftp://h/' is not a URL; {URL_FORM}"),
        ("{webhook: {url: 'http://h/', idempotent: 'yes'}}", "hook.webhook.idempotent: is 'yes'; write true or false"),
        ("{command: {argv: []}}", "hook.command.argv: needs at least 1"),
        ("{command: {argv: [/bin/sleep, 5]}}", "hook.command.argv[1]: is 5; write text; put it in quotes"),
        ("{command: {argv: rollback}}", "hook.command.argv: is 'rollback'; write a list"),
        ("{command: {argv: [rm]}}", "hook.command: needs an absolute path as its program; found 'rm'"),
    ],
)
def test_a_hook_says_what_it_accepts(problems: Problems, hook: str, problem: str) -> None:
    assert problems(f"release:\n  hook: {hook}\n") == [f"5: release.{problem}"]


@pytest.mark.parametrize("secret", ["hunter2", "12345", "[hunter2]", "env:1x", "file:relative", "ENV:NAME"])
def test_a_secret_written_out_is_refused_and_not_repeated(problems: Problems, secret: str) -> None:
    found = problems(f"release: {{hook: {{webhook: {{url: 'http://h/', secret: {secret}}}}}}}")

    assert found == [f"4: release.hook.webhook.secret: {SECRET_FORM}"]


def test_every_problem_is_reported_at_once_in_line_order(problems: Problems) -> None:
    found = problems(
        """\
        slos:
          - {name: up, objective: 100%, window: 30d, sli: {threshold: {gauge: up, below: 1}}}
          - name: slow
            objective: 99%
            objective: 98%
            window: soon
            sli: {latency: {histogram: h, below: fast}}
        colect: [host]
        model: {name: }
        """
    )

    assert [problem.split(": ")[:2] for problem in found] == [
        ["5", "slos[0].objective"],
        ["8", "slos[1].objective"],
        ["9", "slos[1].window"],
        ["10", "slos[1].sli.latency.below"],
        ["11", "colect"],
        ["12", "model.name"],
    ]


def test_a_long_value_is_cut_short(problems: Problems) -> None:
    [found] = problems(f"slos: {'x' * 100_000}")

    assert len(found) < 120


def test_a_strange_key_cannot_forge_a_line(problems: Problems) -> None:
    [found] = problems('"a\\nb: c": 1')

    assert found.startswith("4: ['a\\nb: c']: is no key here")
