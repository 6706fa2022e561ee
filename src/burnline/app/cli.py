"""The command line: thin; each verb imports what it needs when it runs, so that --help is quick."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from burnline import __version__
from burnline.app import cli_release
from burnline.app.cli_audit import audit_app
from burnline.app.cli_drill import drill
from burnline.app.cli_exporter import exporter
from burnline.app.cli_grounding import calibrate
from burnline.app.cli_incident import incident_app
from burnline.app.cli_job import job
from burnline.app.cli_profile import profile
from burnline.app.cli_runbook import runbook_app
from burnline.app.cli_score import score_app
from burnline.app.cli_silence import silence_app
from burnline.errors import BurnlineError, SpecError

app = typer.Typer(
    name="burnline",
    help="Watches AI services and acts when they stop keeping their promise.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # plain text: half the start-up time, and it can be searched
)
runs_app = typer.Typer(
    help="Runs of runbooks: list, show, approvals, approve, reject.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(runs_app, name="runs")
actions_app = typer.Typer(help="The switch that stops every change: status, off, on.", rich_markup_mode=None)
app.add_typer(actions_app, name="actions")
app.add_typer(runbook_app, name="runbook")
app.add_typer(cli_release.app, name="release")
app.add_typer(score_app, name="score")
app.add_typer(silence_app, name="silence")
app.add_typer(audit_app, name="audit")
app.add_typer(incident_app, name="incident")

Services = Annotated[Path, typer.Argument(help="A service file, or a folder of them.")]
Server = Annotated[str, typer.Option(envvar="BURNLINE_URL", help="A running burnline.")]
DEFAULT_SERVER = "http://127.0.0.1:8600"


def main() -> None:
    """Run the command line; what burnline or the system refuses is told without a traceback."""
    try:
        app()
    except SpecError as error:
        _complain(str(error))  # file:line: first, as editors and CI read it
        raise SystemExit(1) from None
    except (BurnlineError, OSError) as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            _complain(f"burnline: {line}")
        raise SystemExit(1) from None


def _complain(text: str) -> None:
    from burnline.app.commands import complain

    complain(text)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Options that come before the verb."""


@app.command()
def up(
    services: Annotated[Path | None, typer.Argument(help="A service file or folder [BURNLINE_SERVICES].")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [BURNLINE_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [BURNLINE_PORT].")] = None,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL [BURNLINE_DATABASE].")] = None,
    web_config: Annotated[
        Path | None, typer.Option("--web.config.file", help="TLS and passwords [BURNLINE_WEB_CONFIG].")
    ] = None,
) -> None:
    """Watch the services and serve the page, until stopped."""
    gc.disable()  # modules leave no garbage: looking for it takes a tenth of the time to load them
    from burnline.app.up import run_server

    gc.freeze()  # and what they keep lives as long as the process: 50 ms less for every full collection
    gc.enable()
    given = {"services": services, "host": host, "port": port, "database": database, "web_config": web_config}
    run_server({name: value for name, value in given.items() if value is not None})


@app.command()
def check(
    services: Services,
    live: Annotated[
        bool, typer.Option("--live", help="Also look at every source: is there what the SLOs need?")
    ] = False,
) -> None:
    """Say what is wrong with service files, by file and line."""
    from burnline.app.commands import check_services

    check_services(services)
    if live:
        from burnline.app.live import check_live

        raise typer.Exit(check_live(services, datetime.now(UTC)))


@app.command()
def init(
    url: Annotated[str, typer.Argument(help="A /metrics page, as in http://host:8000/metrics.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write instead of stdout.")] = None,
    service: Annotated[str, typer.Option(help="The service's name; the host's or the file's, if not given.")] = "",
    owner: Annotated[str, typer.Option(help="The team that answers for it.")] = "",
    profile: Annotated[str, typer.Option(help="What kind of server it is, where that cannot be seen.")] = "",
    bearer_token_file: Annotated[
        Path | None, typer.Option(help="A file with the token that the page asks for.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Whom to trust: certificates in PEM.")] = None,
) -> None:
    """Write a service file from what a /metrics page shows."""
    from burnline.app.init import init as write

    write(
        url,
        out,
        service=service,
        owner=owner,
        profile=profile,
        token_file=bearer_token_file,
        ca_file=ca_file,
    )


@app.command()
def explain(
    services: Services,
    slo: Annotated[str, typer.Argument(help="One SLO; all of them, if not given.")] = "",
    traffic: Annotated[str, typer.Option(help="Events per second, minute, hour or day, as in 50/s.")] = "",
    server: Annotated[str, typer.Option(help="A running burnline to ask for the traffic.")] = "",
    prometheus: Annotated[str, typer.Option(help="A Prometheus that runs the rules, to ask for the traffic.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print it for programs; times in seconds.")] = False,
) -> None:
    """Say in words what SLOs allow, which failure fires what after how long, and what cannot work."""
    from burnline.app.explain import explain_services

    explain_services(services, slo, traffic=traffic, server=server, prometheus=prometheus, as_json=json)


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="The file of one service.")],
    slo: Annotated[str, typer.Argument(help="One SLO; all of them, if not given.")] = "",
    since: Annotated[str, typer.Option("--from", help="Where the past begins, as in 2026-01-05T12:00:00Z.")] = "",
    until: Annotated[str, typer.Option("--to", help="Where it ends.")] = "",
    prometheus: Annotated[str, typer.Option(help="A Prometheus that has the past.")] = "",
    data: Annotated[list[Path] | None, typer.Option(help="OpenMetrics text, CSV or Parquet; may be repeated.")] = None,
    step: Annotated[str, typer.Option(help="How densely to read Prometheus.")] = "1m",
    against: Annotated[Path | None, typer.Option(help="Another file of the service, to compare with.")] = None,
    incidents: Annotated[Path | None, typer.Option(help="CSV with from, to and name: when it was really bad.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A picture to write: .png or .html.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Say what the alerts of a service file would have done in the past."""
    from burnline.app.backtest import Asked, read_step, run_backtest

    run_backtest(
        Asked(file, slo, since, until, prometheus, tuple(data or ()), read_step(step), against, incidents, plot, json)
    )


@app.command()
def build(
    services: Services,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")],
    burnline_url: Annotated[str, typer.Option(help="How Alertmanager reaches burnline.")] = DEFAULT_SERVER,
    token_file: Annotated[str, typer.Option(help="Where Alertmanager finds burnline's token, if it needs one.")] = "",
    form: Annotated[str, typer.Option("--format", help="rules, or prometheusrule (Kubernetes objects).")] = "rules",
    layout: Annotated[str, typer.Option(help="burnline, or sloth: also what Sloth's dashboards read.")] = "burnline",
    version: Annotated[str, typer.Option("--alertmanager-version", help="The Alertmanager to write for.")] = "0.25",
    secrets_dir: Annotated[
        str, typer.Option(help="Where Alertmanager finds its receivers' secrets.")
    ] = "/etc/alertmanager/secrets",
    smtp: Annotated[str, typer.Option(envvar="BURNLINE_SMTP", help="For mail: smtp://user@host:587.")] = "",
    smtp_from: Annotated[str, typer.Option(envvar="BURNLINE_SMTP_FROM", help="The mailbox it comes from.")] = "",
    heartbeat: Annotated[str, typer.Option(help="A URL (or file:/path of it) that misses the Watchdog.")] = "",
    others: Annotated[
        list[str] | None, typer.Option(help="Who hears of alerts that no service file covers, kind:address.")
    ] = None,
) -> None:
    """Write Prometheus rules, Alertmanager routes and dashboards."""
    from burnline.app.build import alertmanager_for
    from burnline.app.commands import build_files

    target = alertmanager_for(version, secrets_dir, smtp, smtp_from, heartbeat, others or ())
    build_files(services, out, burnline_url, token_file, form=form, layout=layout, alertmanager=target)


@app.command()
def push(
    services: Services,
    mimir: Annotated[str, typer.Option(help="The ruler's address: Mimir, Cortex or Loki.")] = "",
    tenant: Annotated[str, typer.Option(help="The tenant, as X-Scope-OrgID.")] = "",
    namespace: Annotated[str, typer.Option(help="The ruler's namespace to keep the groups in.")] = "burnline",
    token_file: Annotated[Path | None, typer.Option(help="A file with the bearer token.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Whom to trust: certificates in PEM.")] = None,
    rules_dir: Annotated[Path | None, typer.Option(help="A folder of rule files instead of a ruler.")] = None,
    reload: Annotated[str, typer.Option(help="POST this when the files are written.")] = "",
    layout: Annotated[str, typer.Option(help="burnline, or sloth: also what Sloth's dashboards read.")] = "burnline",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the differences, change nothing.")] = False,
    remove_all: Annotated[bool, typer.Option("--remove-all", help="Without any SLO: remove all of ours.")] = False,
) -> None:
    """Deliver the Prometheus rules; with --dry-run, exit code 2 when there are differences."""
    from burnline.app.push import Rules, push_to_folder, push_to_ruler

    if bool(mimir) == (rules_dir is not None) or (reload and rules_dir is None):
        raise BurnlineError("write where to: --mimir URL, or --rules-dir DIR and --reload URL")
    rules = Rules(services, layout)
    if rules_dir is not None:
        code = push_to_folder(
            rules, rules_dir, reload_url=reload, ca_file=ca_file, dry_run=dry_run, remove_all=remove_all
        )
        raise typer.Exit(code)
    code = push_to_ruler(
        rules,
        mimir,
        namespace=namespace,
        tenant=tenant,
        token_file=token_file,
        ca_file=ca_file,
        dry_run=dry_run,
        remove_all=remove_all,
    )
    raise typer.Exit(code)


@app.command("import")
def import_(
    tool: Annotated[str, typer.Argument(help="Whose files: sloth, pyrra, openslo or slo-generator.")],
    files: Annotated[list[Path], typer.Argument(help="The files, all that refer to each other.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder to write into; one file a service.")] = None,
    window: Annotated[str, typer.Option(help="The window of SLOs whose file says none.")] = "30d",
    service: Annotated[str, typer.Option(help="The service of SLOs whose file says none.")] = "",
) -> None:
    """Write service files from SLO files of other tools; exit code 3 when something was not carried over."""
    from burnline.app.exchange import import_files

    raise typer.Exit(import_files(tool, files, out, window=window, service=service))


@app.command()
def report(
    services: Annotated[Path | None, typer.Argument(help="A service file or folder [BURNLINE_SERVICES].")] = None,
    period: Annotated[str, typer.Option(help="30d, 2026-10, 2026-Q3, 2026-W40, last-month, ...")] = "30d",
    tz: Annotated[str, typer.Option(help="The time zone of calendar periods and of what is shown.")] = "UTC",
    form: Annotated[str, typer.Option("--format", help="md, html or json.")] = "md",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write instead of stdout.")] = None,
) -> None:
    """Tell what was promised and what was kept, over a period."""
    from burnline.app.report import report_services

    report_services(services, period=period, tz=tz, form=form, out=out)


@app.command()
def export(
    tool: Annotated[str, typer.Argument(help="What to write: openslo or prometheus-rule (Kubernetes objects).")],
    services: Services,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder to write into; one file a service.")] = None,
) -> None:
    """Write service files as SLO files of another tool; exit code 3 when something cannot be said in them."""
    from burnline.app.exchange import export_services

    raise typer.Exit(export_services(tool, services, out, now=datetime.now(UTC)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a service file, for editors."""
    from burnline.app.commands import print_schema

    print_schema()


app.command()(profile)


@app.command()
def status(
    server: Server = DEFAULT_SERVER,
    json: Annotated[bool, typer.Option("--json", help="Print what the API says.")] = False,
) -> None:
    """Show every SLO; exit code 1 if one is breached or unknown."""
    from burnline.app.commands import show_status

    raise typer.Exit(show_status(server, as_json=json))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Stay up after the summary.")] = False,
    port: Annotated[int, typer.Option(help="Port of burnline's page.")] = 8600,
    model_port: Annotated[int, typer.Option(help="Port of the model server.")] = 8601,
) -> None:
    """Release a bad model, and watch burnline take it back."""
    from burnline.app.demo import run_demo

    raise typer.Exit(run_demo(keep=keep, port=port, model_port=model_port))


app.command()(drill)
app.command()(job)
app.command()(exporter)
app.command()(calibrate)


@runs_app.command("list")
def list_runs(server: Server = DEFAULT_SERVER) -> None:
    """The newest runs, newest first."""
    from burnline.app.commands import show_runs

    show_runs(server)


@runs_app.command("show")
def show_run(
    run: int,
    server: Server = DEFAULT_SERVER,
    json: Annotated[bool, typer.Option("--json", help="Print what the API says.")] = False,
) -> None:
    """One run, step by step."""
    from burnline.app.commands import show_one_run

    show_one_run(server, run, as_json=json)


@runs_app.command("start")
def start_run(
    service: str,
    runbook: str,
    actor: Annotated[str, typer.Option("--as", help="Who starts it.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    slo: Annotated[str, typer.Option(help="The SLO that proves it.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="name=value; repeatable.")] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Start a runbook by hand; another person must approve it, where its binding wants that."""
    from burnline.app.commands import start_run as start

    start(server, service, runbook, actor=actor, reason=reason, slo=slo, params=param or [])


@runs_app.command("approvals")
def approvals(server: Server = DEFAULT_SERVER) -> None:
    """What waits for a person, with the number to answer by."""
    from burnline.app.commands import show_approvals

    show_approvals(server)


@runs_app.command("approve")
def approve(
    approval: int,
    actor: Annotated[str, typer.Option("--as", help="Who approves.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Approve what a run plans to do."""
    from burnline.app.commands import decide

    decide(server, approval, "approve", actor, reason)


@runs_app.command("reject")
def reject(
    approval: int,
    actor: Annotated[str, typer.Option("--as", help="Who rejects.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Reject what a run plans to do."""
    from burnline.app.commands import decide

    decide(server, approval, "reject", actor, reason)


@actions_app.callback(invoke_without_command=True)
def actions(context: typer.Context) -> None:
    """Whether runs may change anything; off and on say so."""
    if context.invoked_subcommand is None:
        actions_status(os.environ.get("BURNLINE_URL") or DEFAULT_SERVER)


@actions_app.command("status")
def actions_status(server: Server = DEFAULT_SERVER) -> None:
    """Whether runs may change anything, who said so and why, and the last times too."""
    from burnline.app.commands import show_actions

    show_actions(server)


@actions_app.command("off")
def actions_off(
    actor: Annotated[str, typer.Option("--as", help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Stop every change: runs that would act end skipped, and tell people."""
    from burnline.app.commands import show_actions

    show_actions(server, {"state": "off", "actor": actor, "reason": reason})


@actions_app.command("on")
def actions_on(
    actor: Annotated[str, typer.Option("--as", help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Let runs change things again."""
    from burnline.app.commands import show_actions

    show_actions(server, {"state": "on", "actor": actor, "reason": reason})
