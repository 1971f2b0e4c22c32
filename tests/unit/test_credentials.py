"""A credential is there, or it was not given; a folder that cannot be looked into holds none."""

from __future__ import annotations

from tests.lab import unprivileged
from zpmd.credentials import given


def test_only_one_that_is_there_is_given() -> None:
    with unprivileged.own_folder() as folder, unprivileged.become():
        (folder / "zpmd.key").write_text("x")
        assert given(folder, "zpmd.key") == folder / "zpmd.key"
        assert given(folder, "api.jwt") is None
        assert given(folder / "nowhere", "zpmd.key") is None
        assert given(None, "zpmd.key") is None


def test_the_empty_folder_that_systemd_leaves_to_root_holds_none() -> None:
    with unprivileged.own_folder() as folder:
        empty = folder / "empty"
        empty.mkdir(mode=0o700)
        with unprivileged.become():
            assert given(empty, "zpmd.key") is None
