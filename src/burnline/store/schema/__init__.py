"""Every table. Migrations in `migrations/` must lead to exactly this (tested)."""

from __future__ import annotations

from burnline.store.schema.columns import EPOCH, MICROSECOND, Id, Utc, metadata
from burnline.store.schema.inbox import accepted_key, heartbeat, inbox, reconciled
from burnline.store.schema.incidents import alert_group, episode, incident, silence, timeline
from burnline.store.schema.jobs import job, job_run
from burnline.store.schema.releases import release, rollout, rollout_look
from burnline.store.schema.runs import approval, approval_link, approval_vote, budget_event, run, step, target_lock
from burnline.store.schema.samples import kept_sample
from burnline.store.schema.series import asking, notable_trace, otlp_gauge, otlp_stream, series
from burnline.store.schema.shadows import shadow_event
from burnline.store.schema.signals import (
    finding,
    finding_page,
    kept_event,
    labelled_event,
    signal_memory,
    signal_state,
    waiting_label,
)
from burnline.store.schema.sketches import sketch_tile
from burnline.store.schema.slo import alert, slo_memory, slo_tile
from burnline.store.schema.switches import drill, secret, switch, switch_change

__all__ = [
    "EPOCH",
    "MICROSECOND",
    "Id",
    "Utc",
    "accepted_key",
    "alert",
    "alert_group",
    "approval",
    "approval_link",
    "approval_vote",
    "asking",
    "budget_event",
    "drill",
    "episode",
    "finding",
    "finding_page",
    "heartbeat",
    "inbox",
    "incident",
    "job",
    "job_run",
    "kept_event",
    "kept_sample",
    "labelled_event",
    "metadata",
    "notable_trace",
    "otlp_gauge",
    "otlp_stream",
    "reconciled",
    "release",
    "rollout",
    "rollout_look",
    "run",
    "secret",
    "series",
    "shadow_event",
    "signal_memory",
    "signal_state",
    "silence",
    "sketch_tile",
    "slo_memory",
    "slo_tile",
    "step",
    "switch",
    "switch_change",
    "target_lock",
    "timeline",
    "waiting_label",
]
