"""Patches that are dropped at once and want different things of the same service: by their ids, one after the other."""

from __future__ import annotations

import json
import os

import pytest

from tests.integration.daemon import Daemon
from tests.integration.patches.drops import appliance, ended, ids, images, result, row
from tests.lab.eventually import eventually

GOOD, SICK = "appliance/service:1.1", "appliance/sick:1.0"


def burst(daemon: Daemon, *patches: tuple[str, str]) -> None:
    """Manifests for `user`, (id, image), renamed into incoming/ one right after the other in this order."""
    incoming = daemon.spool / "incoming"
    parts = []
    for id, image in patches:
        part = daemon.spool / f"{id}.part"
        part.write_text(json.dumps({"id": id, "services": {"user": {"image": image}}}))
        parts.append((part, incoming / f"{id}.patch.yaml"))
    for part, place in parts:
        os.rename(part, place)


def began(daemon: Daemon, id: str) -> float:
    return float(next(at for stage, at in row(daemon, id)["times"] if stage == "switched"))


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["in order", "the later one first"])
def test_two_at_once_are_applied_in_the_order_of_their_ids(daemon: Daemon, order: tuple[int, int]) -> None:
    appliance(daemon)
    others = ids(daemon, "db", "mail", "siem")
    daemon.engine.client().tag(GOOD, "appliance/service", "1.2")
    tags = {1: "1.1", 2: "1.2"}
    burst(daemon, *((f"hotfix-{n}", f"appliance/service:{tags[n]}") for n in order))
    assert (ended(daemon, "hotfix-1"), ended(daemon, "hotfix-2")) == ("applied", "applied"), row(daemon, "hotfix-1")
    first_end = next(at for stage, at in row(daemon, "hotfix-1")["times"] if stage == "applied")
    assert began(daemon, "hotfix-1") < first_end <= began(daemon, "hotfix-2")
    eventually(lambda: images(daemon)["user"] == ["appliance/service:1.2"], 20, "the image of the second", 0.2)
    assert ids(daemon, "db", "mail", "siem") == others
    for id in ("hotfix-1", "hotfix-2"):
        assert result(daemon, "applied", f"{id}.patch.yaml")["outcome"] == "applied"


def test_the_second_is_applied_after_the_first_has_gone_back(daemon: Daemon) -> None:
    appliance(daemon)
    others = ids(daemon, "db", "mail", "siem")
    burst(daemon, ("hotfix-2", GOOD), ("hotfix-1", SICK))
    assert (ended(daemon, "hotfix-1"), ended(daemon, "hotfix-2")) == ("rolled-back", "applied"), row(daemon, "hotfix-1")
    gone_back = next(at for stage, at in row(daemon, "hotfix-1")["times"] if stage == "rolled-back")
    assert gone_back <= began(daemon, "hotfix-2")
    eventually(lambda: images(daemon)["user"] == [GOOD], 20, "the image of the second", 0.2)
    assert ids(daemon, "db", "mail", "siem") == others
    assert result(daemon, "rolled-back", "hotfix-1.patch.yaml")["culprit"] == "user"
