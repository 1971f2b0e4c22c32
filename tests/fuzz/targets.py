"""What is fuzzed: each target reads bytes that anybody might have written, and lets only surprises through.

A target swallows the errors that its parser declares; whatever else it raises is a finding. Where the parser accepts
the input, the target holds what came of it to what it must be good for. All of it is in memory, and deterministic.
"""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import functools
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tests.fuzz.canned import DECLARED, CannedWire
from tests.unit.interfaces.given import Surface
from tests.unit.sources.given import FOLDER, InMemory
from zpmd.engines import labels
from zpmd.engines.context import Surroundings, creation
from zpmd.engines.dockerd import reading
from zpmd.engines.dockerd.faults import Garbage
from zpmd.engines.dockerd.observing import Observer
from zpmd.engines.dockerd.wire import decode
from zpmd.engines.uncreatable import Uncreatable
from zpmd.model.container import Container
from zpmd.model.memory import Attempt, Revision
from zpmd.model.observed import Dossier
from zpmd.model.patch import Archive, Change, Manifest
from zpmd.model.schedule import Cron, Timetable
from zpmd.model.service import Desired, Problem, ServiceData
from zpmd.model.spechash import same_meaning, spec_hash
from zpmd.patching import archive, manifest
from zpmd.patching.bundle import Bundle, Limits
from zpmd.patching.refusal import BadPatch
from zpmd.planning.schedules import due_after
from zpmd.sources import cron, envfile, settingsfile
from zpmd.sources.compose.desired import understand
from zpmd.sources.compose.service import Host
from zpmd.sources.compose.templates import Template
from zpmd.sources.nodes import Origin
from zpmd.sources.references import KNOWN
from zpmd.sources.zones import zone
from zpmd.stores import codec

TEMPLATES = Path(__file__).resolve().parents[1] / "data" / "compose" / "templates"
OWNER = "installation-1"
SMALL = Limits.of(10_000_000)
NOON = 1_790_000_000.0
"""Of a day in September 2026, roughly."""
VERBS = ("start", "stop", "restart", "scale", "hold", "release")
EVERYTHING = ("/v1/approve", "/v1/down", "/v1/up", "/v1/reload", "/service/start", "/service/stop")
ROUTES = (*(f"/v1/services/redis/{verb}" for verb in VERBS), *EVERYTHING)
BESIDE: Mapping[str, str | bytes] = {
    f"{FOLDER}/other.yaml": "services: {other: {image: o, environment: {A: b}, depends_on: [web]}}\n",
    f"{FOLDER}/web.env": "A=1\nB='two'\n",
    f"{FOLDER}/redis.conf": "maxmemory 1mb\n",
}
"""Files that an input may name: by include, extends, env_file and configs."""
VARIABLES = {"TAG": "1.0", "EMPTY": "", "ZPMD_ROLE": "active"}


def service_files(data: bytes) -> None:
    """A service file: problems with their places, or a desired state that can be kept, compared and created."""
    files = InMemory({**BESIDE, f"{FOLDER}/c.yaml": data})
    host = Host(role="active", profiles=("*",))
    result = understand([(f"{FOLDER}/c.yaml", "c.yaml")], files, VARIABLES, "app", host)
    _readable((*result.problems, *result.notes))
    if result.problems:
        return
    assert codec.decode(Desired, codec.encode(result.desired)) == result.desired, "what is kept is not what was read"
    for template in result.templates:
        _stamped(template)
    for service in result.desired.services:
        assert same_meaning(service.container, spec_hash(service.container))
        around = Surroundings(
            api=(1, 49),
            neighbours=dict.fromkeys((s.name for s in result.desired.services), "f00"),
            materials={file: f"/materials/{file.digest}" for file in service.container.files},
        )
        try:
            body = creation(service, around).body
        except Uncreatable:
            continue
        json.dumps(body)


def template_values(data: bytes) -> None:
    """What rows say: values apart by zero bytes, put into a template that has a reference at every kind of place."""
    values = data.decode(errors="replace").split("\0")
    row = {name: values[i % len(values)] for i, name in enumerate(("params.A", "params.B", *KNOWN))}
    _stamped(_template(), row)


def settings(data: bytes) -> None:
    """zpmd.yaml."""
    _, problems = settingsfile.parse(data, Origin("zpmd.yaml"))
    _readable(problems)


def env_files(data: bytes) -> None:
    """An env_file, in both forms."""
    for raw in (False, True):
        parsed = envfile.parse(data, Origin("web.env"), VARIABLES, raw=raw)
        _readable(tuple(parsed.problems))
        assert all("\0" not in name for name in parsed.values)


def container_labels(data: bytes) -> None:
    """The labels of a container that somebody labelled by hand: a JSON object of texts."""
    marked = _json(data)
    if not isinstance(marked, dict):
        return
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in marked.items()}
    marks = labels.marks_of({labels.SERVICE: "web", labels.SLOT: "1", **texts})
    if marks is None:
        return
    assert marks.service
    assert marks.slot >= 1
    assert marks.attempt >= 0
    assert marks.generation >= 0
    same_meaning(Container(image="web:1"), marks.spec)


def engine_answers(data: bytes) -> None:
    """Everything that one observation asks of an engine: a JSON object of path -> answer. Twice, as there is memory
    between observations; the second time without events."""
    answers = _json(data)
    if not isinstance(answers, dict):
        return
    observer = Observer(OWNER, _Noon())
    for _ in range(2):
        try:
            world = observer.observe(CannedWire(answers), ("appliance/service:1.0", "sha256:0123456789ab"))
        except DECLARED:
            continue
        for replica in world.replicas:
            dataclasses.replace(replica)
            json.dumps(dataclasses.asdict(replica), allow_nan=False)
            assert codec.decode(type(replica), codec.encode(replica)) == replica


def health_logs(data: bytes) -> None:
    """One inspected container, for what its probes printed."""
    try:
        lines = reading.health_output(_json(data))
    except DECLARED:
        return
    assert all(line.isprintable() or " " in line or not line for line in lines)


def stored(data: bytes) -> None:
    """A row of the database that is not what was written there."""
    text = data.decode(errors="replace")
    for kind in (Attempt, Revision, Desired, Dossier):
        try:
            value = codec.decode(kind, text)
        except codec.Unreadable:
            continue
        again = codec.decode(kind, codec.encode(value))
        assert again == value, f"{kind.__name__} does not survive being written again"


def api_requests(data: bytes) -> None:
    """A request body, whatever it is: refused with a problem, or carried out; never an error of ours."""
    if not data:
        return
    path = ROUTES[data[0] % len(ROUTES)]
    answer = _posted(path, data[1:])
    assert answer.status_code < 500, f"POST {path}: {answer.status_code} {answer.text}"
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["code"], problem
        assert problem["detail"], problem


def patch_manifests(data: bytes) -> None:
    """A patch file: problems with their places, or a manifest that is written and read again as it was."""
    found, problems = manifest.read(data, "hotfix.patch.yaml")
    _readable(problems)
    assert (found is None) == bool(problems)
    if found is not None:
        assert manifest.read(manifest.text(found), "patch.yaml") == (found, ())
        assert codec.decode(Manifest, codec.encode(found)) == found, "what is kept is not what was read"


def patch_bundles(data: bytes) -> None:
    """A bundle, every member of which is read: a refusal of one line, or bytes as many as it said."""
    copy = os.memfd_create("bundle")
    try:
        os.write(copy, data)
        with Bundle(Path(f"/proc/self/fd/{copy}"), SMALL) as given:
            for member in given.members:
                with given.open(member.name) as stream:
                    assert len(stream.read()) == member.size
            found, _ = manifest.read(given.manifest, "patch.yaml")
            if found is not None:
                given.check(found)
            given.check_canonical()
    except BadPatch as bad:
        _one_line(bad)
    finally:
        os.close(copy)


def patch_archives(data: bytes) -> None:
    """A `docker save` archive: a refusal of one line, or images that a manifest can list."""
    try:
        images = archive.images(io.BytesIO(data), SMALL.archive)
    except BadPatch as bad:
        _one_line(bad)
        return
    listed = Archive(file="images/a.tar", size=len(data), sha256="0" * 64, images=images)
    asked = Manifest(id="a", restart_only=False, tag="v1", services=(Change(service="a"),), images=(listed,))
    assert manifest.read(manifest.text(asked), "patch.yaml") == (asked, ())


def cron_expressions(data: bytes) -> None:
    """A cron expression: faults at their columns, or one that is due, in UTC and where the clock is changed."""
    text = data.decode(errors="replace")
    read = cron.cron(text)
    if not isinstance(read, Cron):
        assert read, "refused without a reason"
        assert all(1 <= fault.column <= len(text) + 1 and fault.message for fault in read)
        return
    for name in ("UTC", "Australia/Lord_Howe"):
        found = list(islice(due_after(Timetable(schedules=(read,), zone=name), zone(name), NOON), 10))
        assert [due.at for due in found] == sorted({due.at for due in found})
        assert len(found) == 10, f"{text!r} is not due again"


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "api_requests": api_requests,
    "service_files": service_files,
    "template_values": template_values,
    "settings": settings,
    "env_files": env_files,
    "container_labels": container_labels,
    "engine_answers": engine_answers,
    "health_logs": health_logs,
    "stored": stored,
    "cron_expressions": cron_expressions,
    "patch_manifests": patch_manifests,
    "patch_bundles": patch_bundles,
    "patch_archives": patch_archives,
}


def _posted(path: str, body: bytes) -> httpx.Response:
    async def posted() -> httpx.Response:
        transport = httpx.ASGITransport(_api(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://zpmd") as client:
            return await client.post(path, content=body, headers={"content-type": "application/json"})

    return _asyncio().run(posted())


@functools.cache
def _asyncio() -> asyncio.Runner:
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


@functools.cache
def _api() -> FastAPI:
    """The API over the real control and store, without a socket; in a folder that goes away with this process."""
    folder = Path(tempfile.mkdtemp(prefix="zpmd-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    surface = Surface(folder)
    surface.publish()
    return surface.app


@functools.cache
def _template() -> Template:
    files = InMemory({**BESIDE, f"{FOLDER}/c.yaml": (TEMPLATES / "every-place.yaml").read_text()})
    result = understand([(f"{FOLDER}/c.yaml", "c.yaml")], files, VARIABLES, "app", Host())
    assert result.problems == ()
    return result.templates[0]


def _stamped(template: Template, row: Mapping[str, str] | None = None) -> None:
    """One row's service, or problems with their places."""
    result = template.stamp("splunk-acme-1", row or {}, "acme")
    _readable((*result.problems, *result.notes))
    assert (result.service is None) == bool(result.problems)
    if result.service is not None:
        assert codec.decode(ServiceData, codec.encode(result.service)) == result.service


def _readable(problems: tuple[Problem, ...]) -> None:
    """Every complaint is one line that can be printed."""
    for problem in problems:
        line = str(problem)
        assert line, "a complaint without words"
        assert line.isprintable(), f"a complaint of several lines, or that steers a terminal: {line!r}"


def _one_line(bad: BadPatch) -> None:
    assert str(bad).isprintable(), f"a refusal that cannot be printed: {str(bad)!r}"
    assert str(bad), "a refusal without words"


def _json(data: bytes) -> Any:
    """As the adapter decodes an answer: None where it is no JSON."""
    try:
        return decode(data)
    except Garbage:
        return None


class _Noon:
    def now(self) -> float:
        return 1_700_049_600.0

    def monotonic(self) -> float:
        return 0.0
