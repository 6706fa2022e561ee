"""A FastAPI application that predicts and tells burnline: the client is a dependency, its requests are timed.

BURNLINE_URL=http://127.0.0.1:8600 python -m uvicorn --app-dir examples/client fastapi_app:app --port 8700
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from burnline.client import Client, Requests

SERVICE = "card-fraud"
client = Client(SERVICE, version="1")  # begins its thread with the first event, in whichever worker that comes to


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """What waits is sent before the process ends."""
    yield
    client.close(seconds=10)


def watched() -> Client:
    """The client, for a route that asks for it."""
    return client


Watched = Annotated[Client, Depends(watched)]
app = FastAPI(lifespan=lifespan)
app.add_middleware(Requests, client=client)  # times requests, counts errors


class Transaction(BaseModel):
    """What is asked."""

    amount: float
    country: str


class Label(BaseModel):
    """What turned out."""

    id: str
    actual: str


@app.post("/predict")
async def predict(transaction: Transaction, client: Watched) -> dict[str, str]:
    """Decide, and tell burnline in passing: it takes microseconds and cannot fail."""
    prediction = "fraud" if transaction.amount > 90 else "fine"
    event_id = uuid.uuid4().hex
    client.prediction(transaction.model_dump(), prediction, 0.9, id=event_id)
    return {"id": event_id, "prediction": prediction}


@app.post("/outcome", status_code=202)
async def outcome(label: Label, client: Watched) -> None:
    """Tell burnline what was true."""
    client.label(label.id, label.actual)
