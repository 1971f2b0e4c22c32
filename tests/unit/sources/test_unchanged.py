"""A load that would read the same again gives the same object; whatever has changed is read again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from zpmd.errors import ConfigError
from zpmd.settings import Settings
from zpmd.sources.compose.service import Host
from zpmd.sources.yamlfiles import YamlFiles

WEB = "services:\n  web:\n    image: web:1\n    env_file: web.env\n    configs: [c]\nconfigs: {c: {file: c.txt}}\n"


@pytest.fixture
def source(tmp_path: Path) -> YamlFiles:
    folder = tmp_path / "services.d"
    folder.mkdir()
    (folder / "web.yaml").write_text(WEB)
    (folder / "web.env").write_text("A=1\n")
    (folder / "c.txt").write_text("one")
    return YamlFiles(Settings(services_dir=folder, state_dir=tmp_path / "state"), {})


def test_nothing_changed_is_the_same_object(source: YamlFiles) -> None:
    assert source.load() is source.load()


@pytest.mark.parametrize("name", ["web.yaml", "web.env", "c.txt"])
def test_any_file_that_was_read_counts(source: YamlFiles, name: str) -> None:
    before = source.load()
    path = source.settings.services_dir / name
    text = path.read_text()
    path.write_text(text.replace("web:1", "web:2").replace("A=1", "A=2").replace("one", "two"))
    os.utime(path, ns=(1, 1))
    after = source.load()
    assert after is not before
    assert after.services[0].container != before.services[0].container


def test_a_new_file_counts(source: YamlFiles) -> None:
    source.load()
    (source.settings.services_dir / "db.yaml").write_text("services: {db: {image: 'db:1'}}\n")
    assert len(source.load().services) == 2


def test_a_lost_copy_of_a_config_is_written_again(source: YamlFiles) -> None:
    source.load()
    (copy,) = source.settings.materials_dir.iterdir()
    copy.unlink()
    source.load()
    assert copy.read_text() == "one"


def test_what_was_broken_is_read_again_every_time(source: YamlFiles) -> None:
    good = source.load()
    path = source.settings.services_dir / "web.yaml"
    path.write_text("services: {web: {imag: x}}\n")
    for _ in range(2):
        with pytest.raises(ConfigError):
            source.load()
    path.write_text(WEB)
    assert source.load() == good


TEMPLATE = "services: {app: {image: a, env_file: web.env, x-zpmd: {for_each: active-integration}}}\n"


def test_templates_are_those_of_the_last_good_load_and_the_same_while_nothing_changes(source: YamlFiles) -> None:
    path = source.settings.services_dir / "app.yaml"
    path.write_text("services: {app: {imag: a}}\n")
    with pytest.raises(ConfigError):
        source.load()
    assert source.templates is None
    path.write_text(TEMPLATE)
    source.load()
    first = source.templates
    assert first is not None
    assert [t.name for t in first] == ["app"]
    source.load()
    assert source.templates is first
    path.write_text("services: {app: {imag: a}}\n")
    with pytest.raises(ConfigError):
        source.load()
    assert source.templates is first


def test_a_template_reads_no_file_when_it_is_stamped(source: YamlFiles) -> None:
    (source.settings.services_dir / "app.yaml").write_text(TEMPLATE)
    source.load()
    assert source.templates is not None
    (source.settings.services_dir / "web.env").unlink()
    stamped = source.templates[0].stamp("splunk-acme-1", {}, "acme")
    assert stamped.service is not None
    assert stamped.service.container.environment == (("A", "1"),)


def test_the_settings_say_what_this_host_is(tmp_path: Path, source: YamlFiles) -> None:
    settings = replace(source.settings, role="passive", vms=("database",), profiles=("p",))
    assert YamlFiles(settings, {}).host() == Host(role="passive", vms=("database",), profiles=("p",))


def test_another_role_of_the_host_counts(source: YamlFiles) -> None:
    roles = iter(["active", "active", "active", "passive", "passive"])
    told: list[str] = []

    def host() -> Host:
        told.append(next(roles))
        return Host(role=told[-1])

    (source.settings.services_dir / "web.yaml").write_text("services: {web: {image: a, x-zpmd: {roles: [active]}}}\n")
    moving = YamlFiles(source.settings, {}, host)
    first = moving.load()
    assert moving.load() is first
    assert moving.unchanged()
    after = moving.load()
    assert ([s.name for s in first.services], first.retired) == (["web"], ())
    assert after.services == ()
    assert after.retired == (("web", "it runs on hosts with the role active, and this one is passive"),)
