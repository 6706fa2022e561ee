"""Sends what a model was asked and what it said to burnline, in the background: it never blocks or breaks its caller.

>>> from burnline.client import Client
>>> client = Client("card-fraud", version="7")  # BURNLINE_URL says where, BURNLINE_TOKEN with which token
>>> client.prediction({"amount": 12.5, "country": "DE"}, "fine", 0.93, id="tx-1")
True
>>> client.label("tx-1", "fraud")
True
"""

from __future__ import annotations

from burnline.client.client import Client
from burnline.client.estimator import Watched, watch
from burnline.client.middleware import Requests
from burnline.client.stats import Stats
from burnline.client.trace import trace_id

__all__ = ["Client", "Requests", "Stats", "Watched", "trace_id", "watch"]
