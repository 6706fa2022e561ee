"""`cost` in the service file: what the machines cost, and what that is compared with."""

from __future__ import annotations

from burnline.spec.strict import Strict


class CostSpec(Strict):
    """What an hour of a GPU costs (not supported yet)."""

    gpu_hour: str
    per: str = "request"
