"""A FastAPI application that predicts and tells burnline: the client is a dependency, and is closed at the end.

BURNLINE_URL=http://127.0.0.1:8600 python -m uvicorn --app-dir examples/client fastapi_app:app --port 8700
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from burnline.client import Client

SERVICE = "card-fraud"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for the process. It begins its thread with the first event, in whichever worker that comes to."""
    app.state.client = Client(SERVICE, version="1")
    yield
    app.state.client.close(seconds=10)


def watched(request: Request) -> Client:
    """The client, for a route that asks for it."""
    client: Client = request.app.state.client
    return client


Watched = Annotated[Client, Depends(watched)]
app = FastAPI(lifespan=lifespan)


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
