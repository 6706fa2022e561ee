"""Who is told: receivers per severity."""

from __future__ import annotations

from burnline.spec.address import Receiver
from burnline.spec.strict import Strict


class Escalation(Strict):
    """Receivers per severity, each `kind:address`, as in webhook:https://..., pagerduty:team, slack:#channel."""

    page: tuple[Receiver, ...] = ()
    ticket: tuple[Receiver, ...] = ()
    business: tuple[Receiver, ...] = ()
