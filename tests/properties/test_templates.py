"""What a database gives is text: it arrives in the stamped service as it is, and never changes what the file says."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.sources.given import lines, understood
from zpmd.model.container import Container
from zpmd.model.service import ServiceData
from zpmd.sources.compose.templates import Stamped, Template
from zpmd.sources.references import CLOSES, OPENS

TOKEN = "thevalue"
NASTY = (
    *("", " ", "~", "null", "true", "yes", "0x1F", "010", "$", "$$", "${", "${params.X}", "${tenant.name:-x}"),
    *("'", '"', "\\", "#", " # x", ": ", "- a", "{a: b}", "[a]", "&a", "*a", "!reset", "!!str a", "<<", "|", ">", "@"),
    *("a b", "a\nb", "\n", "\r\n", "\t", "\0", "\x1b[31m", "a=b", "=", ",", "..", "../..", "/", "80-90", "service:db"),
    *(OPENS, CLOSES, f"{OPENS}0{CLOSES}", f"{OPENS}999{CLOSES}", f"{OPENS}{OPENS}0{CLOSES}{CLOSES}", "\ue000"),
)  # fmt: skip
VALUES = st.text() | st.sampled_from(NASTY) | st.lists(st.sampled_from(NASTY), max_size=4).map("".join)

ANYWHERE = """
services:
  app:
    image: a
    x-zpmd: {for_each: active-integration}
    environment: {PLAIN: "$REF", QUOTED: "<$REF>", SINGLE: '$REF'}
    labels: ["one=$REF", "two=a=$REF"]
    annotations: {a: "$REF"}
    command: 'run $REF --of=$REF "$REF"'
    entrypoint: [sh, "$REF", "-$REF-"]
    post_start: [{command: "touch $REF", environment: ["A=$REF"]}]
    healthcheck: {test: [CMD, "probe", "$REF"]}
    logging: {driver: local, options: {tag: "$REF"}}
    hostname: h$REF
    user: $REF
    working_dir: $REF
    sysctls: ["a=$REF"]
    security_opt: ["label:$REF"]
    volumes: ["data:/data"]
    configs: [{source: c, target: /etc/c}]
volumes: {data: {name: "v-$REF", labels: ["a=$REF"], driver_opts: {o: "$REF"}}}
configs: {c: {content: "a: $REF\\nb"}}
"""
REFERENCES = ("${params.X}", "${tenant.name}", "${params.X:-default}", "${params.NO:-${params.X}}", "${params.X:?x}")

PARTED = (
    "volumes: ['/srv/a-$REF:/data:ro']", "volumes: ['/srv/$REF/b:/data']",
    "volumes: [{type: bind, source: '/srv/$REF', target: /data}]", "tmpfs: ['/run/a:size=$REF']",
    "devices: ['/dev/$REF:/dev/x:r']", "ports: ['$REF:80']", "ports: ['127.0.0.1:$REF:80/udp']", "expose: ['$REF']",
    "extra_hosts: ['host:$REF']", "healthcheck: {test: 'probe --at $REF --twice'}", "network_mode: $REF", "pid: $REF",
)  # fmt: skip


def template(text: str, reference: str) -> Template:
    result = understood(text.replace("$REF", reference))
    assert lines(result.problems) == []
    return result.templates[0]


def stamped(made: Template, value: str) -> Stamped:
    return made.stamp("splunk-acme-1", {"params.X": value, "tenant.name": value}, "acme")


def put_in(thing: Any, value: str) -> Any:
    """The same with the token replaced by the value in every text; a digest is left out, it is one of contents."""
    if isinstance(thing, str):
        return thing.replace(TOKEN, value)
    if isinstance(thing, tuple):
        return tuple(put_in(item, value) for item in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{f.name: put_in(getattr(thing, f.name), value) for f in fields(thing)})
    return thing


def without_digests(service: ServiceData) -> ServiceData:
    files = tuple(replace(file, digest="") for file in service.container.files)
    return replace(service, container=replace(service.container, files=files))


@pytest.mark.parametrize("reference", REFERENCES)
@given(value=VALUES)
@example(value=f"{OPENS}0{CLOSES}")
def test_a_value_arrives_as_it_is_and_changes_nothing_else(reference: str, value: str) -> None:
    if reference == "${params.X:-default}" and not value:
        value = "default"
    if reference == "${params.X:?x}" and not value:
        return  # refused, as the file asks for
    made = template(ANYWHERE, reference)
    expected, result = stamped(made, TOKEN), stamped(made, value)
    assert lines(result.problems) == []
    assert expected.service is not None
    assert result.service is not None
    assert without_digests(result.service) == put_in(without_digests(expected.service), value)
    assert result.volumes == put_in(expected.volumes, value)
    assert list(result.contents.values()) == [f"a: {value}\nb".encode()]


def frame(container: Container) -> Container:
    """A container without the texts that the value is for."""
    return replace(
        container,
        mounts=tuple(replace(m, source="", tmpfs_options="") for m in container.mounts),
        devices=tuple(replace(d, source="") for d in container.devices),
        ports=tuple(replace(p, published="") for p in container.ports),
        extra_hosts=tuple((host, "") for host, _ in container.extra_hosts),
        healthcheck=None,
        expose=("",) * len(container.expose),
        network_mode="",
        networks=(),
        pid="",
    )


@pytest.mark.parametrize("body", PARTED)
@given(value=VALUES)
def test_where_a_text_has_parts_a_value_adds_none(body: str, value: str) -> None:
    made = template(
        f"services:\n  app:\n    image: a\n    x-zpmd: {{for_each: active-integration}}\n    {body}\n", REFERENCES[0]
    )
    service = stamped(made, value).service
    if service is None:
        return
    fitting = stamped(made, "80" if "ports" in body or "expose" in body else "bridge").service
    assert fitting is None or frame(service.container) == frame(fitting.container)
    assert service.depends_on == ()
    assert all(mount.source.startswith("/srv/") for mount in service.container.mounts if mount.source)
    assert all(device.source.startswith("/dev/") for device in service.container.devices)
    check = service.container.healthcheck
    assert check is None or len(check.test[1].split()) <= 4


@given(value=VALUES)
def test_every_problem_of_a_row_is_one_line(value: str) -> None:
    made = template(
        "services:\n  app:\n    image: a\n    x-zpmd: {for_each: active-integration}\n"
        "    mem_limit: $REF\n    restart: $REF\n    ports: ['$REF:80']\n    stop_grace_period: $REF\n",
        REFERENCES[0],
    )
    for problem in stamped(made, value).problems:
        assert "\n" not in str(problem)
        assert str(problem).startswith("c.yaml:")
