"""The source over a folder: all or nothing, and no change that goes unnoticed."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from zpmd.errors import ConfigError
from zpmd.model.events import Reason
from zpmd.model.watch import WatchRule
from zpmd.settings import Settings
from zpmd.sources import watching
from zpmd.sources.yamlfiles import YamlFiles

WEB = "services: {web: {image: 'nginx:1'}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    services = tmp_path / "services.d"
    services.mkdir()
    (services / "10-web.yaml").write_text(WEB)
    return services


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> YamlFiles:
    return YamlFiles(Settings(services_dir=folder, state_dir=tmp_path / "state"), {"TAG": "env"})


def names(source: YamlFiles) -> list[str]:
    return [s.name for s in source.load().services]


def problems(source: YamlFiles) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        source.load()
    return [str(p) for p in caught.value.problems]


def test_files_are_read_in_the_order_of_their_names_and_leavings_are_not(source: YamlFiles, folder: Path) -> None:
    (folder / "05-db.yml").write_text("services: {db: {image: db}}")
    for name in (".hidden.yaml", "a.yaml~", "b.yaml.bak", "c.yaml.swp", "d.yaml.part", "e.tmp", "notes.txt"):
        (folder / name).write_text("not: {a: service")
    assert names(source) == ["db", "web"]


def test_one_broken_file_and_nothing_counts(source: YamlFiles, folder: Path) -> None:
    (folder / "20-broken.yaml").write_text("services: {db: {imag: x}}")
    found = problems(source)
    assert [f"{folder}/20-broken.yaml:1:12" in p or f"{folder}/20-broken.yaml:1:17" in p for p in found] == [True, True]


def test_a_half_written_file_is_a_broken_file(source: YamlFiles, folder: Path) -> None:
    (folder / "10-web.yaml").write_text(WEB[:-5])
    assert len(problems(source)) == 1


def test_no_folder_is_not_no_services(source: YamlFiles, folder: Path) -> None:
    shutil.rmtree(folder)
    assert problems(source) == [f"{folder}: cannot read the services folder: No such file or directory"]


def test_an_empty_folder_is_not_no_services(source: YamlFiles, folder: Path) -> None:
    (folder / "10-web.yaml").unlink()
    assert problems(source) == [f"{folder}: there is no service file here: write at least one `NAME.yaml`"]


def test_a_pipe_does_not_block(source: YamlFiles, folder: Path) -> None:
    os.mkfifo(folder / "20-pipe.yaml")
    assert problems(source) == [f"{folder}/20-pipe.yaml: cannot read it: it is not a regular file"]


def test_variables_come_from_the_environment_then_the_settings_then_beside_the_file(
    source: YamlFiles, folder: Path, tmp_path: Path
) -> None:
    (folder / "10-web.yaml").write_text("services: {web: {image: 'a:${TAG}-${OTHER}-${LAST}'}}")
    (folder / ".env").write_text("TAG=dot\nOTHER=dot\nLAST=dot\n")
    (tmp_path / "zpmd.env").write_text("TAG=file\nOTHER=file\n")
    source.settings = replace(source.settings, env_file=tmp_path / "zpmd.env")
    assert source.load().services[0].container.image == "a:env-file-dot"


def test_a_broken_env_file_of_the_settings_is_a_problem(source: YamlFiles, tmp_path: Path) -> None:
    (tmp_path / "zpmd.env").write_text("?\n")
    source.settings = replace(source.settings, env_file=tmp_path / "zpmd.env")
    assert problems(source)[0].startswith(f"{tmp_path}/zpmd.env:1:1: expected NAME=value")


def test_contents_are_kept_by_their_digest_for_root_alone(source: YamlFiles, folder: Path) -> None:
    (folder / "s.txt").write_text("hunter2")
    (folder / "10-web.yaml").write_text(
        "services: {web: {image: a, secrets: [s]}}\nsecrets: {s: {file: s.txt}}\n",
    )
    desired = source.load()
    digest = hashlib.sha256(b"hunter2").hexdigest()
    kept = source.settings.materials_dir / digest
    assert desired.services[0].container.files[0].digest == digest
    assert kept.read_text() == "hunter2"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o400, 0o700)
    (folder / "s.txt").write_text("hunter3")
    source.load()
    assert len(list(source.settings.materials_dir.iterdir())) == 2
    assert "hunter" not in repr(desired)


def test_a_broken_configuration_keeps_no_contents(source: YamlFiles, folder: Path) -> None:
    (folder / "10-web.yaml").write_text(
        "services: {web: {imagee: a, configs: [c]}}\nconfigs: {c: {content: x}}\n",
    )
    assert problems(source)
    assert not source.settings.materials_dir.exists()


def test_a_folder_that_cannot_be_written_is_a_problem(source: YamlFiles, folder: Path) -> None:
    source.settings.state_dir.write_text("a file where a folder should be")
    (folder / "10-web.yaml").write_text("services: {web: {image: a, configs: [c]}}\nconfigs: {c: {content: x}}\n")
    assert "cannot keep configs and secrets there" in problems(source)[0]


def test_what_a_watched_path_holds_is_no_matter_of_the_files(source: YamlFiles, folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (folder / "10-web.yaml").write_text(
        f"services: {{web: {{image: a, develop: {{watch: [{{path: {site}, action: restart}}]}}}}}}"
    )
    before = source.load()
    (site / "a.html").write_text("1")
    assert source.load() is before
    assert before.services[0].watch == (WatchRule(str(site)),)


# watching


class Woken:
    """Counts wake-ups."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def __call__(self, reason: Reason) -> None:
        self.reasons.append(reason)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


@pytest.fixture
def woken(source: YamlFiles) -> Iterator[Woken]:
    source.load()
    with watched(source) as wake:
        eventually(source.watching)
        yield wake
    assert not source.watching()


@contextmanager
def watched(source: YamlFiles) -> Iterator[Woken]:
    """The source being watched by a thread that ends with the block, whatever happens in it."""
    wake, stop = Woken(), threading.Event()
    thread = threading.Thread(target=source.watch, args=(wake, stop), daemon=True)
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_change_wakes_once_and_quickly(source: YamlFiles, folder: Path, woken: Woken) -> None:
    before = time.monotonic()
    for text in ("services: {web: {", "services: {web: {image: ", "services: {web: {image: 'nginx:2'}}\n"):
        (folder / "10-web.yaml").write_text(text)
    eventually(lambda: bool(woken.reasons))
    assert time.monotonic() - before < watching.TICK_SECONDS + 1
    assert source.load().services[0].container.image == "nginx:2"
    (folder / "zz.yaml").write_text("services: {db: {image: db}}")
    eventually(lambda: len(woken.reasons) == 2)
    assert woken.reasons == [Reason.FILES, Reason.FILES]


def test_loading_wakes_nobody(source: YamlFiles, folder: Path, woken: Woken) -> None:
    for _ in range(20):
        source.load()
    (folder / "ignored.txt").write_text("x")
    (folder / "zz.yaml").write_text("services: {db: {image: db}}")
    eventually(lambda: bool(woken.reasons))
    assert woken.reasons == [Reason.FILES]


def test_a_rename_over_a_file_wakes(folder: Path, tmp_path: Path, woken: Woken) -> None:
    (tmp_path / "new").write_text(WEB.replace("1", "2"))
    os.replace(tmp_path / "new", folder / "10-web.yaml")
    eventually(lambda: bool(woken.reasons))


def test_a_folder_that_is_removed_and_made_again_is_watched_again(
    source: YamlFiles, folder: Path, woken: Woken
) -> None:
    shutil.rmtree(folder)
    eventually(lambda: bool(woken.reasons))
    with pytest.raises(ConfigError):
        source.load()
    folder.mkdir()
    (folder / "10-web.yaml").write_text(WEB)
    eventually(lambda: len(woken.reasons) >= 2)
    assert names(source) == ["web"]
    eventually(source.watching)
    seen = len(woken.reasons)
    (folder / "10-web.yaml").write_text(WEB.replace("1", "3"))
    eventually(lambda: len(woken.reasons) > seen)


def test_a_file_that_is_missing_is_watched_for(source: YamlFiles, folder: Path, woken: Woken) -> None:
    (folder / ".env").write_text("A=1\n")
    eventually(lambda: bool(woken.reasons))


def test_files_that_service_files_name_are_watched(
    source: YamlFiles, folder: Path, tmp_path: Path, woken: Woken
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.env").write_text("A=1\n")
    (folder / "10-web.yaml").write_text(f"services: {{web: {{image: a, env_file: {elsewhere}/x.env}}}}")
    eventually(lambda: bool(woken.reasons))
    assert names(source) == ["web"]
    seen = len(woken.reasons)
    (elsewhere / "x.env").write_text("A=2\n")
    eventually(lambda: len(woken.reasons) > seen)


def test_without_inotify_changes_are_found_by_comparing(
    source: YamlFiles, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr("watchdog.observers.inotify.InotifyObserver.schedule", refused)
    source.load()
    with watched(source) as wake:
        (folder / "10-web.yaml").write_text(WEB.replace("1", "2"))
        eventually(lambda: bool(wake.reasons))
        assert not source.watching()
