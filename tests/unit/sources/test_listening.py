"""Ports on which somebody listens, from the kernel's own tables."""

from __future__ import annotations

import socket
from pathlib import Path

from zpmd.sources.listening import listening


def test_a_listener_is_seen_as_long_as_it_listens() -> None:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listener:
            listener.bind((address, 0))
            port = listener.getsockname()[1]
            assert port not in listening()
            listener.listen()
            assert port in listening()
        assert port not in listening()


def test_a_kernel_that_does_not_say_knows_of_none(tmp_path: Path) -> None:
    assert listening((tmp_path / "tcp",)) == frozenset()
    (tmp_path / "tcp").write_text("  sl  local_address rem_address   st\n\n garbage\n")
    assert listening((tmp_path / "tcp",)) == frozenset()
