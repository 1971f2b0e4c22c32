"""Inputs to start from: the annotated examples, the broken files of the tests, and what a real engine answered."""

from __future__ import annotations

import gzip
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.fuzz.targets import ROUTES
from tests.unit.patching.given import MANIFEST, REFERENCE, built, saved, saved_as_oci, tar, zipped
from tests.unit.sources.given import service as parsed
from zpmd.model.memory import Attempt, Revision, Tried, Verdict
from zpmd.model.observed import Dossier
from zpmd.model.service import Desired, Group
from zpmd.patching.manifest import text
from zpmd.stores import codec

CHECKOUT = Path(__file__).resolve().parents[2]
ETC = CHECKOUT / "etc" / "zpmd"
TOKENS = Path(__file__).with_name("tokens.dict")
DATA = CHECKOUT / "tests" / "data"

LISTED = ("Id", "Names", "Image", "ImageID", "Created", "Ports", "Labels", "State", "Status")
INSPECTED = ("Id", "Name", "Created", "Image", "State")
"""What is read of a container in the list, and of one that is inspected."""

ENV_FILE = b"""# comment
export A=1
B="two\\nlines ${A:-x}"
C='as it stands ${A}'
D = spaced # comment
E
"""

JOBS = b"""
services:
  a: {image: a, x-zpmd: {schedule: {cron: ["0 2 * * mon", "@hourly"], every: 7h, jitter: 5m, time_zone: UTC}}}
  b: {image: b, x-zpmd: {for_each: tenant, schedule: {every: 1m, concurrency: allow, timeout: 1h, retries: 3}}}
  c: {image: c, depends_on: {a: {condition: service_completed_successfully}}, restart: "no"}
"""


def tokens() -> list[str]:
    """The words of the dictionary that both fuzzers mix in (tokens.dict, in libFuzzer's form)."""
    lines = TOKENS.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith('"')]


def service_files() -> list[bytes]:
    examples = [path.read_bytes() for path in sorted((ETC / "services.d").iterdir())]
    cases = (DATA / "compose" / f"broken{which}.txt" for which in ("", "-jobs", "-templates"))
    parts = [part for file in cases for part in file.read_text().split("\n== ")[1:]]
    templates = [path.read_bytes() for path in sorted((DATA / "compose" / "templates").iterdir())]
    broken = [part.partition("\n")[2].partition("\n--")[0].encode() for part in parts]
    return [*examples, *templates, JOBS, *broken]


def template_values() -> list[bytes]:
    """Values of a row, apart by zero bytes."""
    return [b"80", b"acme\0" + b"9100", b"a b\0'\0\"\0$\0..\0a:b\0a=b\080-90", b"512m\0on-failure:3\0" + b"true"]


def settings() -> list[bytes]:
    """The annotated file, as it is and with every key switched on."""
    text = (ETC / "zpmd.yaml").read_text()
    lines = [line.replace("#", "", 1) if _is_a_key(line) else line for line in text.splitlines()]
    return [text.encode(), "\n".join(lines).encode()]


def engine_answers() -> list[bytes]:
    """The whole recording; and each container of it alone and short, so that a change hits something that is read."""
    whole = json.loads((DATA / "engine" / "answers.json").read_text())
    answers = [whole]
    for item in whole["/containers/json"]:
        path = f"/containers/{item['Id']}/json"
        short = {key: item[key] for key in LISTED}
        told = {key: whole[path][key] for key in INSPECTED} | {"Config": {"Image": item["Image"]}}
        lists = {"/networks": [], "/volumes": {"Volumes": None}, "/images/json": []}
        answers.append({"/containers/json": [short], path: told, **lists})
    surroundings = {path: whole[path] for path in ("/volumes", "/networks", "/images/json")}
    answers.append({"/containers/json": [], **surroundings})
    return [json.dumps(answer).encode() for answer in answers]


def container_labels() -> list[bytes]:
    whole = json.loads((DATA / "engine" / "answers.json").read_text())
    return [json.dumps(item["Labels"]).encode() for item in whole["/containers/json"] if item["Labels"]]


def health_logs() -> list[bytes]:
    whole = json.loads((DATA / "engine" / "answers.json").read_text())
    return [
        json.dumps(answer).encode()
        for path, answer in whole.items()
        if path.startswith("/containers/") and "Id" in answer
    ]


def api_requests() -> list[bytes]:
    """The first byte chooses the route (targets.ROUTES), the rest is the body."""
    bodies = (b"", b"{}", b'{"replicas": 2}', b'{"reason": "night", "for_seconds": 60.5}', b'{"volumes": true}',
              b'{"serviceName": "redis"}')  # fmt: skip
    return [bytes([route]) + body for route in range(len(ROUTES)) for body in bodies]


def stored() -> list[bytes]:
    service = parsed("image: web:1\nenvironment: {A: b}\nports: ['80:80']\nvolumes: ['/data:/data']\n")
    attempt = Attempt(tried=Tried.START, count=2, at=1.5, spec="1:abc", generation=1, failed=True, error="no")
    revision = Revision(service="web", stable=service, judged="1:abc", verdict=Verdict.FAILED, at=2.0, reason="why")
    dossier = Dossier(service="web", slot=1, container_id="f00", at=1.0, exit_code=137, log_tail=("a", "b"))
    return [codec.encode(value).encode() for value in (attempt, revision, Desired(services=(service,)), dossier)]


def patch_manifests() -> list[bytes]:
    broken = (DATA / "patches" / "broken.txt").read_text().split("\n== ")[1:]
    return [
        text(replace(MANIFEST, groups=(Group.CORE,), expires=1_800_000_000.0, requires=("b",), deadline_seconds=60.0)),
        b"PatchTag: v2\npatchServiceLists: zona_user, zona_siem\n",
        *(part.partition("\n")[2].partition("\n--")[0].encode() for part in broken),
    ]


def patch_archives() -> list[bytes]:
    """As old and new engines save them; plain, packed, and with names that need more than one header."""
    deep = f"{'a' * 90}/{'b' * 60}/layer.tar"
    return [
        saved(REFERENCE),
        saved_as_oci(),
        gzip.compress(saved(REFERENCE), mtime=0),
        tar((deep, b"x"), form=tarfile.GNU_FORMAT),
        tar((deep, b"x"), form=tarfile.PAX_FORMAT),
    ]


def patch_bundles() -> list[bytes]:
    """As we make them, and as others do."""
    with tempfile.TemporaryDirectory() as folder:
        ours = built(Path(folder), saved(REFERENCE), signature=b"signed\n")[0].read_bytes()
    return [ours, zipped([("images/a.tar", saved(REFERENCE))], zipfile.ZIP_DEFLATED), zipped([])]


def cron_expressions() -> list[bytes]:
    """What is read, and what is refused for what it means."""
    texts = ("*/5 0-23/2 1,15 jan-mar fri-sun", "0 0 29 2 *", "@daily", "0 0 L * mon#1", "0 3 */2 * 1", "30 2 31 2,4 *")
    return [text.encode() for text in texts]


SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "api_requests": api_requests,
    "service_files": service_files,
    "template_values": template_values,
    "settings": settings,
    "env_files": lambda: [ENV_FILE],
    "container_labels": container_labels,
    "engine_answers": engine_answers,
    "health_logs": health_logs,
    "stored": stored,
    "cron_expressions": cron_expressions,
    "patch_manifests": patch_manifests,
    "patch_bundles": patch_bundles,
    "patch_archives": patch_archives,
}


def _is_a_key(line: str) -> bool:
    """Whether a line of the annotated settings is a key that is switched off, and no sentence."""
    return line.lstrip().startswith("#") and not line.lstrip().startswith("# ")
