"""A pair of keys for the whole run, and the real minisign in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.minisign import Minisign
from zpmd.patching import secretkey
from zpmd.patching.minisign import SecretKey


@pytest.fixture
def program(tmp_path: Path) -> Minisign:
    folder = tmp_path / "minisign"
    folder.mkdir()
    return Minisign(folder)


@pytest.fixture(scope="session")
def key() -> SecretKey:
    secret, _public = secretkey.generate(None)
    return secretkey.parse(secret).open()
