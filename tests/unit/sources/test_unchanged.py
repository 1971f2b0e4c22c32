"""A load that would read the same again gives the same object; whatever has changed is read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zpmd.errors import ConfigError
from zpmd.settings import Settings
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
