"""`burnline init`: a service file from what a /metrics page shows."""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import typer

from burnline.app.commands import complain
from burnline.app.console.words import visible
from burnline.app.services import load_checked
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.profiles.offer import Offer, Promise, offer
from burnline.collectors.profiles.recognise import Match, families, recognise
from burnline.collectors.scrape import Scraper
from burnline.errors import BurnlineError, CollectorError
from burnline.slo.importers.write import one_line, yaml_lines, yaml_scalar
from burnline.spec.address import check_url
from burnline.spec.collect import AccessSpec, ScrapeSpec, TlsSpec
from burnline.spec.units import NAME_PATTERN
from burnline.spec.words import choice, did_you_mean

TIMEOUT = timedelta(seconds=10)
UNKNOWN_OWNER = "unknown"
CRASH, SATURATION, GPU = "inference-crash", "queue-saturation", "gpu-failure"  # they change nothing without a hook
RUNBOOKS = {  # by what a promise on a gauge is called; of none the library has a runbook for
    "queue": SATURATION,
    "backlog": SATURATION,
    "kv-cache": SATURATION,
    "quota": SATURATION,
    "gpu-heat": GPU,
    "replication-lag": "",
    "dead-replicas": "",
}
WIDTH = 110  # of comments
SHOWN = 25  # of the metrics of a page that nobody knows
NEEDED = (
    "a service file needs a counter of requests with a label for how they ended (availability), or a histogram of "
    "durations (latency): write them into `sli: {ratio: {bad: ..., total: ...}}` and "
    "`sli: {latency: {histogram: ..., below: ...}}`, see docs/service-file.md"
)


def init(
    url: str, out: Path | None, *, service: str, owner: str, profile: str, token_file: Path | None, ca_file: Path | None
) -> None:
    """Write the service file, or print it; what was found is told on stderr.

    Raises: BurnlineError when the page cannot be read, is of no engine known here, or the file is there already.
    """
    _check(out, service, owner, profile)
    address = _address(url)
    access = _access(token_file, ca_file)
    page = _fetch(address, access)
    there = families(page)
    matches = recognise(there)
    if not profile and not matches:
        raise BurnlineError(_unknown(address, there))
    chosen = _chosen(profile, matches)
    try:
        found = offer(chosen.profile, page, there, collector=chosen.name)
    except ValueError as error:
        raise BurnlineError(f"{address}: {str(error)[:300]}") from error
    name = service or _name(address) or (_worded(out.stem) if out else "") or "service"
    text = _render(ScrapeSpec(url=address, **dict(access)), name, owner, chosen, matches, found)
    _prove(text)
    _deliver(text, out)
    _tell(chosen, matches, found, out)


def _check(out: Path | None, service: str, owner: str, profile: str) -> None:
    for option, value in (("--service", service), ("--owner", owner)):
        if value and not (re.fullmatch(NAME_PATTERN[1:-1], value) and len(value) <= 63):
            form = "write lower-case letters, digits, - and _, at most 63"
            raise BurnlineError(f"{option} {value!r} is no name: {form}")
    if profile and profile not in NAMES:
        raise BurnlineError(
            f"--profile {profile!r}: accepted: {choice(NAMES)};{did_you_mean(profile, NAMES)}".rstrip(";")
        )
    if out is not None and out.exists():
        raise BurnlineError(f"{out} is there already; burnline init overwrites nothing: choose another name")


def _address(url: str) -> str:
    """The URL, with /metrics where it names only a host.

    Raises: BurnlineError for what a service file would refuse.
    """
    try:
        checked = check_url(url)
    except ValueError as error:
        raise BurnlineError(f"URL: {error}") from error
    parts = urlsplit(checked)
    return parts._replace(path="/metrics").geturl() if parts.path in ("", "/") and not parts.query else checked


def _access(token_file: Path | None, ca_file: Path | None) -> AccessSpec:
    """The way in, by absolute paths: burnline may run elsewhere than where this is written."""
    return AccessSpec(
        bearer_token_file=str(token_file.absolute()) if token_file else None,
        tls=TlsSpec(ca=str(ca_file.absolute())) if ca_file else None,
    )


def _fetch(address: str, access: AccessSpec) -> str:
    scraper = Scraper("", address, wanted=None, interval=TIMEOUT, timeout=TIMEOUT, access=access)
    try:
        return scraper.page()
    except CollectorError as error:
        raise BurnlineError(str(error)) from error
    finally:
        scraper.close()


def _chosen(profile: str, matches: Sequence[Match]) -> Match:
    if not profile:
        return matches[0]
    return next((match for match in matches if match.name == profile), Match(profile, load_profile(profile), ()))


def _name(address: str) -> str:
    """A service's name from the host; empty: of an IP address nothing can be made."""
    made = _worded((urlsplit(address).hostname or "").split(".")[0])
    return "" if made.isdigit() or made == "localhost" else made


def _worded(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:63].strip("-_")


def _unknown(address: str, there: dict[str, str]) -> str:
    """What the page shows, and what a service file would need of it."""
    if not there:
        return f"{address}: the page shows no metric at all; is it the right path?"
    histograms = [name for name, kind in there.items() if kind == "histogram"]
    counters = [name for name, kind in there.items() if kind == "counter"]
    lines = [
        f"{address}: {len(there):,} metrics, of no serving engine known here",
        f"histograms: {_listed(histograms)}",
        f"counters: {_listed(counters)}",
    ]
    if not histograms and not counters:
        lines.append(f"metrics: {_listed(list(there))}")
    lines += [NEEDED, f"or name the engine, if it is one of these: --profile {choice(NAMES)}"]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def _render(page: ScrapeSpec, name: str, owner: str, chosen: Match, matches: Sequence[Match], found: Offer) -> str:
    head = _head(page, name, owner, chosen, matches)
    return "\n".join([*head, *_bounds(found), *_model(name, found), *_slos(found), *_next(found)]) + "\n"


def _comment(text: str, indent: str = "") -> str:
    """The text as comment lines; whatever is in it, no line of it is anything else."""
    return textwrap.fill(one_line(visible(text)), WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _head(page: ScrapeSpec, name: str, owner: str, chosen: Match, matches: Sequence[Match]) -> Iterator[str]:
    yield _comment(f"Written by `burnline init` from {page.url}: {_why(chosen)}.")
    for match in matches:
        if match.name != chosen.name and not match.profile.recognise.general:
            yield _comment(f"The page is also of {match.profile.title} (profile {match.name}): {_why(match)}.")
    yield "apiVersion: burnline/v1"
    yield f"service: {yaml_scalar(name)}"
    written = f"owner: {yaml_scalar(owner or UNKNOWN_OWNER)}"
    yield written if owner else f"{written}  # write who answers for this service"
    yield "collect:"
    for trap in chosen.profile.traps:
        yield _comment(trap, "  ")
    yield f"  - url: {yaml_scalar(page.url)}"
    yield f"    profile: {chosen.name}"
    if page.bearer_token_file:
        yield f"    bearer_token_file: {yaml_scalar(page.bearer_token_file)}"
    if page.tls and page.tls.ca:
        yield f"    tls: {{ca: {yaml_scalar(page.tls.ca)}}}"


def _bounds(found: Offer) -> Iterator[str]:
    if found.bounds:
        yield _comment("bucket bounds of your own, which thresholds are checked against", "    ")
        yield "    bounds:"
    for metric, bounds in found.bounds.items():
        yield f"      {yaml_scalar(metric)}: [{', '.join(repr(bound) for bound in bounds)}]"


def _why(match: Match) -> str:
    if not match.evidence:
        return f"{match.profile.title}, because --profile says so; none of its own metrics is there"
    sure = "surely" if match.sure else "probably"
    return f"{sure} {match.profile.title}, because it has {', '.join(match.evidence)}"


def _model(name: str, found: Offer) -> Iterator[str]:
    if found.version:
        yield "model:"
        yield f"  name: {yaml_scalar(found.model or name)}"
        yield _comment("a change of this label is a release", "  ")
        metric, label = found.version["metric"], found.version["label"]
        yield f"  version: {{from: label, label: {yaml_scalar(label)}, metric: {yaml_scalar(metric)}}}"


def _slos(found: Offer) -> Iterator[str]:
    if found.promises:
        yield "slos:"
    for promise in found.promises:
        yield from _slo(promise)
    for line in found.left_out:
        yield _comment(f"No promise on {line}", "  ")
    for lack in found.lacks:
        yield _comment(f"N{str(lack)[1:]}.", "  ")


def _next(found: Offer) -> Iterator[str]:
    """What the file does not say yet, to be taken out of its comments once it is right."""
    yield ""
    yield _comment(
        "What is next: who is told when a promise is broken, and which runbook starts (docs/service-file.md)."
    )
    yield "# escalation:"
    yield '#   page: ["pagerduty:TEAM"]'
    yield '#   ticket: ["slack:#CHANNEL"]'
    yield from _runbooks(found.promises)
    yield _comment(
        "`burnline check --live` on this file looks whether all it needs is there; `burnline up` watches it."
    )


def _runbooks(promises: Sequence[Promise]) -> Iterator[str]:
    """One binding a runbook, for the first promise that it fits."""
    fitting = [(promise, run) for promise in promises if (run := _runbook(promise))]
    first = {run: promise for promise, run in reversed(fitting)}
    if promises and not first:
        yield _comment("No runbook that ships fits these promises; write one of your own (docs/runbooks.md).")
    for place, (run, promise) in enumerate(sorted(first.items(), key=lambda each: promises.index(each[1]))):
        # an Xid says what is wrong with a GPU and on which node; that it is hot does not
        on = "alert: GpuXid" if run == GPU else f"slo: {promise.name}, severity: page"
        yield from [] if place else ["# runbooks:"]
        yield f"#   - {{on: {{{on}}}, run: {run}, approval: one}}"


def _runbook(promise: Promise) -> str:
    if "ratio" in promise.sli:
        return CRASH
    return SATURATION if "latency" in promise.sli else RUNBOOKS.get(promise.name, "")


def _slo(promise: Promise) -> Iterator[str]:
    yield from (_comment(line, "  ") for line in promise.why)
    body = {"name": promise.name, "objective": promise.objective, "window": promise.window, "sli": promise.sli}
    first, *rest = yaml_lines(body)
    yield f"  - {first}"
    yield from (f"    {line}" for line in rest)


def _prove(text: str) -> None:
    """What is written is read back first: `burnline check` must not find anything wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "service.yaml"
        file.write_text(text)
        load_checked(file)


def _deliver(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with out.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise BurnlineError(f"{out} is there already; burnline init overwrites nothing: choose another name") from None


def _tell(chosen: Match, matches: Sequence[Match], found: Offer, out: Path | None) -> None:
    complain(_why(chosen))
    for match in matches:
        if match.name != chosen.name and not match.profile.recognise.general:
            complain(f"also {_why(match)}")
    for line in found.left_out:
        complain(f"no promise on {line}")
    for lack in found.lacks:
        complain(str(lack))
    promised = ", ".join(promise.name for promise in found.promises) or "nothing"
    complain(f"promised: {promised}" + (f"; written to {out}" if out else ""))
