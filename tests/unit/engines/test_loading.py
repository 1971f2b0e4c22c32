"""Loading an archive, where the copy or the engine is not what it should be."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import archives
from tests.unit.engines.scripted_engine import Conversation, ScriptedEngine
from zpmd.engines.docker import DockerEngine
from zpmd.model.action import LoadImages, PullImage
from zpmd.model.cause import Cause, Code
from zpmd.model.events import Outcome, Result
from zpmd.model.patch import CarriedImage

NAME = "zona/user:v2"
MEMBER = "images/zona_user.tar"
CONFIG, MANIFEST, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
CONTENT = bytes(range(256)) * 12_000
"""Three megabytes and something."""
CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]
OVERLAY = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]


def said(*items: dict[str, Any]) -> Callable[[Conversation], None]:
    return lambda c: c.send_chunks(*(json.dumps(item).encode() + b"\r\n" for item in items))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zpatch"
    archives.bundle(path, MEMBER, CONTENT)
    return path


@pytest.fixture
def loaded(scripted: ScriptedEngine) -> list[bytes]:
    """An engine that takes every archive; what it was sent."""
    bodies: list[bytes] = []

    def take(conversation: Conversation) -> None:
        bodies.append(conversation.body)
        said({"stream": f"Loaded image: {NAME}\n"})(conversation)

    scripted.answers["POST /images/load"] = take
    scripted.answers[f"/images/{NAME}/json"] = {"Id": CONFIG}
    scripted.answers["/info"] = {"DriverStatus": OVERLAY}
    return bodies


def load(engine: DockerEngine, bundle: Path, ids: tuple[str, ...] = (CONFIG,), member: str = MEMBER) -> Outcome:
    images = (CarriedImage(reference=NAME, ids=ids),)
    cause = Cause(Code.PATCH, "patch p carries it")
    return engine.apply(LoadImages(bundle=str(bundle), member=member, images=images, cause=cause), lambda _: None)


def test_the_engine_is_sent_the_archive_as_it_is(loaded: list[bytes], engine: DockerEngine, bundle: Path) -> None:
    assert load(engine, bundle).ok
    assert loaded == [CONTENT]


def test_progress_is_told_in_megabytes_and_then_in_layers(
    loaded: list[bytes], scripted: ScriptedEngine, engine: DockerEngine, bundle: Path
) -> None:
    layers = ({"status": "Loading layer", "id": i, "progressDetail": {"current": 1}} for i in ("a", "a", "b"))
    scripted.answers["POST /images/load"] = said(*layers, {"stream": f"Loaded image: {NAME}\n"})
    words: list[str] = []
    cause = Cause(Code.PATCH, "patch p carries it")
    assert engine.apply(LoadImages(bundle=str(bundle), member=MEMBER, images=(), cause=cause), words.append).ok
    assert words == ["loading 1/3 MB", "loading 2/3 MB", "loading 3/3 MB", "unpacking layer 1", "unpacking layer 2"]
    assert not loaded


@pytest.mark.parametrize(
    ("message", "result"),
    [
        ("Error processing tar file(exit status 1): unexpected EOF", Result.PERMANENT),
        ("open /var/lib/docker/tmp/docker-import-1/repositories: no such file or directory", Result.PERMANENT),
        ("invalid manifest, layers length mismatch: expected 2, got 1", Result.PERMANENT),
        ("Error processing tar file(exit status 1): write /layer.tar: no space left on device", Result.TRANSIENT),
        ("write /layer.tar: disk quota exceeded", Result.TRANSIENT),
        ("context canceled", Result.TRANSIENT),
    ],
)
def test_an_error_in_the_stream_lasts_where_it_lies_with_the_archive(
    loaded: list[bytes], scripted: ScriptedEngine, engine: DockerEngine, bundle: Path, message: str, result: Result
) -> None:
    scripted.answers["POST /images/load"] = said({"errorDetail": {"message": message}, "error": message})
    outcome = load(engine, bundle)
    assert (outcome.result, outcome.detail) == (result, f"cannot load {MEMBER}: {message}")
    assert f"GET /images/{NAME}/json" not in scripted.requests
    assert not loaded


@pytest.mark.parametrize(
    ("status", "message", "result"),
    [
        (500, "mkdir /var/lib/docker/tmp/docker-import-1: no space left on device", Result.TRANSIENT),
        (500, "the daemon is shutting down", Result.TRANSIENT),
        (400, "bad parameter", Result.PERMANENT),
    ],
)
def test_a_refusal_is_told_as_everywhere_but_a_full_disk_may_be_cleared(
    scripted: ScriptedEngine, engine: DockerEngine, bundle: Path, status: int, message: str, result: Result
) -> None:
    scripted.answers["POST /images/load"] = lambda c: c.send_json({"message": message}, status)
    outcome = load(engine, bundle)
    assert (outcome.result, message in outcome.detail) == (result, True), outcome.detail


@pytest.mark.parametrize(
    ("driver_status", "ids", "told", "result"),
    [
        (OVERLAY, (CONFIG,), CONFIG, Result.OK),
        (OVERLAY, (CONFIG, MANIFEST), CONFIG, Result.OK),
        (OVERLAY, (CONFIG,), OTHER, Result.PERMANENT),
        (OVERLAY, (CONFIG, MANIFEST), OTHER, Result.PERMANENT),
        (OVERLAY, (), OTHER, Result.OK),
        (None, (CONFIG,), OTHER, Result.PERMANENT),
        (CONTAINERD, (CONFIG, MANIFEST), MANIFEST, Result.OK),
        (CONTAINERD, (CONFIG, MANIFEST), OTHER, Result.PERMANENT),
        (CONTAINERD, (CONFIG,), MANIFEST, Result.OK),
    ],
)
def test_what_is_there_afterwards_has_to_be_what_the_archive_holds(
    loaded: list[bytes],
    scripted: ScriptedEngine,
    engine: DockerEngine,
    bundle: Path,
    driver_status: object,
    ids: tuple[str, ...],
    told: str,
    result: Result,
) -> None:
    scripted.answers["/info"] = {"DriverStatus": driver_status}
    scripted.answers[f"/images/{NAME}/json"] = {"Id": told}
    outcome = load(engine, bundle, ids)
    complaint = f"{NAME} is {told} on the engine: it is not what the archive holds"
    assert (outcome.result, outcome.detail) == (result, "" if result is Result.OK else complaint)
    assert len(loaded) == 1


def test_an_archive_that_does_not_bring_its_image_is_refused_for_good(
    loaded: list[bytes], scripted: ScriptedEngine, engine: DockerEngine, bundle: Path
) -> None:
    del scripted.answers[f"/images/{NAME}/json"]
    outcome = load(engine, bundle)
    assert outcome.result is Result.PERMANENT
    assert outcome.detail == f"cannot load {MEMBER}: {NAME} is not in it, though the engine took it"
    assert loaded


def vanished(bundle: Path) -> None:
    bundle.unlink()


def no_zip(bundle: Path) -> None:
    bundle.write_bytes(b"PK, they said")


def cut_off(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-1000])


def of_another_member(bundle: Path) -> None:
    archives.bundle(bundle, "images/other.tar", CONTENT)


def a_folder(bundle: Path) -> None:
    bundle.unlink()
    bundle.mkdir()


@pytest.mark.parametrize("spoil", [vanished, no_zip, cut_off, of_another_member, a_folder])
def test_a_copy_that_cannot_be_read_is_told_before_anything_is_sent(
    scripted: ScriptedEngine, engine: DockerEngine, bundle: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(bundle)
    outcome = load(engine, bundle)
    assert outcome.result is Result.PERMANENT
    assert outcome.detail.startswith(f"cannot load {MEMBER}: its copy {bundle} cannot be read: ")
    assert "POST /images/load" not in scripted.requests


def test_bytes_that_went_bad_break_the_request_off(
    loaded: list[bytes], scripted: ScriptedEngine, engine: DockerEngine, bundle: Path
) -> None:
    content = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as made:
        at = made.getinfo(MEMBER).header_offset + 100 + len(CONTENT) // 2
    content[at] ^= 1
    bundle.write_bytes(content)
    outcome = load(engine, bundle)
    assert (outcome.result, "Bad CRC-32" in outcome.detail) == (Result.PERMANENT, True), outcome.detail
    assert loaded == [], "the engine never saw the end of it"
    scripted.answers["POST /images/create"] = said({"status": "Pull complete", "id": "a"})
    pull = PullImage(image="web:1", cause=Cause(Code.MISSING, "the test asks for it"))
    assert engine.apply(pull, lambda _: None).ok, "what was broken off is in nobody's way"


def test_an_engine_that_closes_the_connection_leaves_the_end_unknown(
    scripted: ScriptedEngine, engine: DockerEngine, bundle: Path
) -> None:
    scripted.answers["POST /images/load"] = lambda c: c.send_chunks(b'{"status": "Loading layer"}\n', finish=False)
    assert load(engine, bundle).result is Result.UNKNOWN
