"""Profiles from their files, each read once, when somebody first asks for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import get_args

from burnline.collectors.profiles.model import Profile
from burnline.spec import collect
from burnline.spec.document import read_document
from burnline.spec.problems import validate

FOLDER = Path(__file__).parent
NAMES: tuple[str, ...] = get_args(collect.Profile)


@cache
def load_profile(name: str) -> Profile:
    """The profile of that name, which is one of NAMES.

    Raises: SpecError with every problem of the file.
    """
    return read_profile(FOLDER / f"{name}.yaml")


def read_profile(path: Path) -> Profile:
    """The profile in a file.

    Raises: SpecError with every problem of the file.
    """
    return validate(Profile, read_document(path))


def all_profiles() -> dict[str, Profile]:
    """Every profile by its name."""
    return {name: load_profile(name) for name in NAMES}
