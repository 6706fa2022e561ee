"""Where a run reads whether the service keeps its promise."""

from __future__ import annotations

from datetime import datetime, timedelta

from burnline.events import Counts, Verdict
from burnline.store.database import Database
from burnline.store.signals import findings_between

LONGEST_WINDOW = timedelta(days=1)


def read_findings(db: Database, service: str, signal: str, since: datetime, until: datetime) -> Counts | None:
    """A detector's closed windows as events, for a signal that no SLO counts: one that alarms is bad.

    Counts the windows that end after `since` and by `until`; None when there is none, or none had data.
    """
    with db.read() as tx:
        findings = findings_between(tx, service, signal, since - LONGEST_WINDOW, until)
    told = [each for each in findings if each.window_end > since and each.verdict is not Verdict.NO_DATA]
    return Counts(sum(each.verdict is Verdict.ALARM for each in told), len(told)) if told else None
