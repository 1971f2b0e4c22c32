"""What is drafted of a container means what the container is: made anew of its draft it is inspected the same.

Where something cannot be carried over that is told. Nothing is dropped in silence, whatever key a service has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.drafting.inspected import IMAGE, body_of, id_of, inspection, survey
from tests.unit.sources.given import FOLDER, InMemory
from tests.unit.sources.keys import BESIDE
from tests.unit.sources.test_vocabulary import with_and_without
from zpmd.drafting.site import SiteDraft, Wanted, site
from zpmd.model.container import Container, Healthcheck
from zpmd.model.service import Group, ServiceData
from zpmd.model.survey import Survey
from zpmd.sources.compose.desired import Understood, understand
from zpmd.sources.compose.service import Host
from zpmd.sources.compose.vocabulary import SECTIONS
from zpmd.sources.reading import Fate

PROJECT = "app"
CARRIED = [
    (section, key)
    for section, known in SECTIONS.items()
    for key, k in known.items()
    if k.fate is Fate.HONOURED and section.startswith(("services.NAME", "networks.NAME", "volumes.NAME"))
    and "x-zpmd" not in section
    and (section, key) not in {("services.NAME", "isolation"), ("services.NAME.deploy", "mode")}
]  # fmt: skip
"""All that a container can be. Of `isolation` and `mode: global` the examples are refused."""


def understood(texts: Mapping[str, str], names: list[str]) -> Understood:
    files = InMemory({f"{FOLDER}/{name}": text for name, text in {**BESIDE, **texts}.items()})
    return understand([(f"{FOLDER}/{name}", name) for name in names], files, {"E": "e"}, PROJECT, Host())


def made(
    what: Understood, names: Mapping[str, str], base: Mapping[str, Any] = IMAGE
) -> tuple[dict[str, dict[str, Any]], Survey]:
    """The inspections of the containers of these services, and the engine that they are on."""
    ids = {name: id_of(called) for name, called in names.items()}
    found = {}
    for service in what.desired.services:
        labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": service.name}
        body = body_of(service, ids)
        found[service.name] = inspection(body, names[service.name], base, labels)
    networks = {
        n.name: {
            "Name": n.name,
            "Labels": {
                "com.docker.compose.project": PROJECT,
                "com.docker.compose.network": n.name.removeprefix(f"{PROJECT}_"),
            },
            "Driver": n.driver or "bridge",
        }
        for n in what.desired.networks
        if not n.external
    }
    volumes = {v.name: {"Name": v.name, "Labels": {}} for v in what.desired.volumes}
    return found, survey(*found.values(), base=base, networks=networks, volumes=volumes)


def names_of(what: Understood) -> dict[str, str]:
    return {s.name: s.container.container_name or f"{PROJECT}-{s.name}-1" for s in what.desired.services}


def again(what: Understood, base: Mapping[str, Any] = IMAGE) -> tuple[Any, Any, SiteDraft]:
    """The containers as they were, and as they are when they are made of what was drafted of them."""
    names = names_of(what)
    before, engine = made(what, names, base)
    draft = site(engine, Wanted(projects=(PROJECT,)))
    assert draft.missing == ()
    texts = {file.path.removeprefix("services.d/"): file.text for file in draft.files}
    read = understood(texts, [name for name in texts if name.endswith(".yaml")])
    assert [str(p) for p in read.problems] == [], draft.files[0].text
    after, _ = made(read, names, base)
    return comparable(before), comparable(after), draft


def comparable(found: Mapping[str, Any]) -> Any:
    """Without what has no meaning: the order of mounts, and by which of two ways the engine was asked for one."""
    shown = {}
    for name, container in found.items():
        host = dict(container["HostConfig"])
        mounts = {m["Target"]: m for m in host.pop("Mounts", ())}
        # kept by the name that the engine gave it
        mounts = {t: m for t, m in mounts.items() if m["Type"] != "volume" or m.get("Source")}
        host.pop("NetworkMode", None) if container["NetworkSettings"]["Networks"] else None
        binds = [b for b in host.pop("Binds", ()) if len(b.split(":")[0]) != 64]
        config = {k: v for k, v in container["Config"].items() if k != "Labels"}
        labels = {k: v for k, v in container["Config"]["Labels"].items() if not k.startswith("com.docker")}
        kept = {m["Target"]: m for m in mounts.values() if len(m.get("Source", "")) != 64}
        endpoints = container["NetworkSettings"]["Networks"]
        shown[name] = (config, labels, _sorted(host), _volumes(kept, binds), _sorted(endpoints))
    return shown


def _volumes(mounts: Mapping[str, Any], binds: list[str]) -> Any:
    """Binds of volumes and mounts of volumes are one thing."""
    found = {}
    for bind in binds:
        source, target, options = (*bind.split(":", 2), "")[:3]
        found[target] = (source, frozenset(options.split(",")) - {""}, source.startswith("/"))
    for target, mount in mounts.items():
        options = frozenset({"ro"} if mount.get("ReadOnly") else set())
        options |= {"nocopy"} if (mount.get("VolumeOptions") or {}).get("NoCopy") else set()
        rest = {k: v for k, v in mount.items() if k not in ("Type", "Source", "Target", "ReadOnly", "VolumeOptions")}
        subpath = (mount.get("VolumeOptions") or {}).get("Subpath", "")
        plain = mount["Type"] == "volume" and not rest and not subpath
        found[target] = (mount.get("Source", ""), options, False) if plain else mount
    return found


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return {key: _sorted(item) for key, item in sorted(value.items())}
        case list():
            return sorted((_sorted(item) for item in value), key=repr)
        case _:
            return value


HOSTS = ("services.NAME", "extra_hosts")


@pytest.mark.parametrize(("section", "key"), CARRIED, ids=lambda v: v)
def test_whatever_a_service_says_is_carried_over(section: str, key: str) -> None:
    text = with_and_without(section, key)[0] if (section, key) != HOSTS else TWO_HOSTS
    what = understood({"c.yaml": text}, ["c.yaml"])
    assert what.problems == ()
    before, after, draft = again(what)
    assert [t.text for t in draft.told if t.lost] == []
    assert before == after, draft.files[0].text


TWO_HOSTS = "services: {web: {image: nginx, extra_hosts: {a: 1.1.1.1, b: '::1'}}}"

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
TRICKY = TEXTS | st.sampled_from(
    [
        "$HOME",
        "${X:-y}",
        "$$",
        "yes",
        "1.10",
        "22:22",
        "0o7",
        "null",
        "~",
        "a: b",
        "# c",
        " x ",
        "'",
        '"',
        "\\",
        "a\nb",
        "-",
    ]
)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
SECRETS = st.sampled_from(["DB_PASSWORD", "API_KEY", "TOKEN_FILE", "SECRET"])
VARIABLES = st.dictionaries(NAMES | SECRETS, TRICKY, max_size=5)
LABELS = st.dictionaries(st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True), TRICKY, max_size=3)
WORDS = st.none() | st.lists(TRICKY.filter(bool), max_size=3)


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """What an image says of how it is run: anything, or nothing."""
    return {
        "Env": [f"{name}={value}" for name, value in draw(VARIABLES).items()],
        "Cmd": draw(WORDS),
        "Entrypoint": draw(WORDS.map(lambda words: words or None)),
        "WorkingDir": draw(st.sampled_from(["", "/", "/srv"])),
        "User": draw(st.sampled_from(["", "app", "0"])),
        "Labels": draw(LABELS) or None,
        "StopSignal": draw(st.sampled_from(["", "SIGINT"])),
    }


@st.composite
def services(draw: st.DrawFn) -> Container:
    """What somebody may have made of it. An empty entrypoint is no entrypoint, to an engine."""
    return Container(
        image="nginx",
        command=draw(st.none() | st.lists(TRICKY.filter(bool), min_size=1, max_size=3).map(tuple)),
        entrypoint=draw(st.none() | st.just(()) | st.lists(TRICKY.filter(bool), min_size=1, max_size=3).map(tuple)),
        environment=tuple(sorted(draw(VARIABLES).items())),
        labels=tuple(sorted(draw(LABELS).items())),
        working_dir=draw(st.sampled_from(["", "/", "/x"])),
        user=draw(st.sampled_from(["", "1000:1000"])),
        healthcheck=draw(
            st.none() | st.builds(Healthcheck, test=TRICKY.filter(bool).map(lambda text: ("CMD-SHELL", text)))
        ),
        log_options=tuple(sorted(draw(LABELS).items())),
    )


@given(images(), services())
def test_every_text_comes_back_as_it_was(base: Mapping[str, Any], container: Container) -> None:
    """Through dollar signs, quotes, line ends and YAML's own words; over whatever the image says already."""
    service = ServiceData(name="web", group=Group.APP, container=container)
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "web"}
    before = inspection(body_of(service, {}, base), "app-web-1", base, labels)
    draft = site(survey(before, base=base), Wanted(projects=(PROJECT,)))
    texts = {file.path.removeprefix("services.d/"): file.text for file in draft.files}
    read = understood(texts, [name for name in texts if name.endswith(".yaml")])
    assert [str(p) for p in read.problems] == [], draft.files
    (one,) = read.desired.services
    after = inspection(body_of(one, {}, base), "app-web-1", base, labels)
    assert after["Config"] == before["Config"], draft.files
    assert after["HostConfig"]["LogConfig"] == before["HostConfig"]["LogConfig"], draft.files


@given(VARIABLES)
def test_no_secret_stands_in_a_file_that_everybody_may_read(variables: Mapping[str, str]) -> None:
    secret = "geheim-geheim-0815"
    container = Container(image="nginx", environment=tuple(sorted({**variables, "DB_PASSWORD": secret}.items())))
    body = body_of(ServiceData(name="web", group=Group.APP, container=container), {})
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "web"}
    draft = site(survey(inspection(body, "app-web-1", IMAGE, labels)), Wanted())
    assert {file.mode for file in draft.files if secret in file.text} == {0o640}
