"""A site without a registry is served by bundles; and what a site has gone past does not come back by being dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.daemon import Daemon
from tests.integration.patches.bundles import build
from tests.integration.patches.drops import dropped, ended, images, put, row
from tests.integration.patches.witness import filed, journal, lives, reason_of, small_appliance
from tests.lab.eventually import eventually
from zpmd import __version__


def test_a_bundle_brings_the_images_of_two_services_to_an_engine_without_a_registry(
    daemon: Daemon, tmp_path: Path
) -> None:
    small_appliance(daemon)
    wanted = {"web": "registry.invalid/web:2.0", "mail": "registry.invalid/mail:2.0"}
    bundle = build(daemon, tmp_path, "hotfix-1", wanted)
    for reference in wanted.values():
        assert not daemon.engine.client().images(name=reference)
    put(daemon, "hotfix-1.zpatch", bundle.read_bytes())
    assert ended(daemon, "hotfix-1") == "applied"
    assert images(daemon) == {name: [reference] for name, reference in wanted.items()}
    assert "pull" not in {entry["verb"] for entry in daemon.ask("/v1/events", limit="500")}


def test_what_is_not_on_the_engine_not_in_the_patch_and_not_to_be_had_is_refused_in_time(daemon: Daemon) -> None:
    daemon.settings = {"limits": {"patch_prepare_seconds": 5}}
    small_appliance(daemon)
    before = lives(daemon)
    dropped(daemon, "hotfix-2", services={"web": {"image": "127.0.0.1:9/web:2.0"}})
    refused = filed(daemon, ["hotfix-2.patch.yaml"])["hotfix-2.patch.yaml"]
    assert refused["stage"] == "quarantined"
    assert refused["reason"].startswith("its images did not come within 5 s: ")
    assert reason_of(refused)["reason"] == refused["reason"]
    assert lives(daemon) == before


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("fix-1", {"description": "another content"}, "the id fix-1 was used by drop 1, which had another content"),
    ("fix-0", {}, "it is older than fix-1"),
    ("down", {"tag": "0.9"}, "web runs 1.1, and it would go down to 0.9: revert fix-1"),
    ("late", {"expires": "2020-01-01"}, "it has expired"),
    ("future", {"min_version": "999.0"}, f"it needs zpmd 999.0 or newer, and this is {__version__}"),
    ("lonely", {"requires": ["fix-17"]}, "it requires patch fix-17, which is not applied: drop fix-17 first"),
    ("narcissus", {"requires": ["narcissus"]}, "the patch requires itself: remove its own id"),
]


def test_what_a_site_has_gone_past_is_refused_and_a_replay_moves_nothing(daemon: Daemon, tmp_path: Path) -> None:
    small_appliance(daemon)
    dropped(daemon, "fix-1", tag="1.1", services=["web"])
    assert ended(daemon, "fix-1") == "applied"
    before = lives(daemon)
    for id, fields, _ in REFUSED:
        content = {"id": id, "tag": "1.1", "services": ["web"]} | fields
        put(daemon, f"{id}-again.patch.yaml", json.dumps(content).encode())
    rows = filed(daemon, [f"{id}-again.patch.yaml" for id, *_ in REFUSED])
    texts = journal(daemon)
    for id, _, says in REFUSED:
        refused = rows[f"{id}-again.patch.yaml"]
        assert (refused["stage"], says in refused["reason"]) == ("quarantined", True), refused
        assert reason_of(refused)["reason"] == refused["reason"]
        assert any(refused["reason"] in text for text in texts)
    assert lives(daemon) == before

    bundle = build(daemon, tmp_path, "fix-2", {"web": "appliance/service:1.2"}).read_bytes()
    put(daemon, "fix-2.zpatch", bundle)
    assert ended(daemon, "fix-2") == "applied"
    before = lives(daemon)
    dropped(daemon, "fix-1", tag="1.1", services=["web"])
    eventually(
        lambda: row(daemon, "fix-1")["filed"] and row(daemon, "fix-1")["number"] > row(daemon, "fix-2")["number"]
    )
    assert row(daemon, "fix-1")["reason"] == "it is applied already, by drop 1"
    put(daemon, "fix-2-again.zpatch", bundle)
    assert filed(daemon, ["fix-2-again.zpatch"])["fix-2-again.zpatch"]["reason"].startswith("it is applied already")
    assert lives(daemon) == before
    daemon.kill()
    daemon.start()
    daemon.converged()
    assert lives(daemon) == before
    assert images(daemon)["web"] == ["appliance/service:1.2"]
