"""What a warm burnline has read before it is forked: see tests/warm.py; and what is paid for once, paid already."""

import typer.main

import burnline.app.up  # noqa: F401
from burnline.app.cli import app
from burnline.runbooks.load import load_catalogue
from tests import paid_once

load_catalogue(None)
paid_once.begin()
paid_once.schema()
typer.main.get_command(app)
