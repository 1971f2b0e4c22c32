"""`zpmd init` where there is nothing to read: a skeleton, which replaces and follows nothing that is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer.testing

from zpmd.__main__ import app
from zpmd.drafting import settings, skeleton

RUNNER = typer.testing.CliRunner()


def init(*words: str) -> tuple[int, str]:
    done = RUNNER.invoke(app, ["init", *words])
    return done.exit_code, done.output


def document(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(init(*words, "--json")[1])
    return found


def test_without_an_engine_there_is_a_skeleton_with_every_setting_and_an_example(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "zpmd"
    code, out = init("--dir", str(folder), "--engine", f"unix://{tmp_path}/no.sock")
    assert code == 0
    assert out.splitlines()[:2] == [
        f"unix://{tmp_path}/no.sock: the engine's socket does not exist: is it running?",
        "so this is a skeleton:",
    ]
    assert (folder / "services.d" / "10-example.yaml").read_text() == skeleton.TEXT
    written = (folder / "zpmd.yaml").read_text()
    assert f'  url: "unix://{tmp_path}/no.sock"' in written
    assert len(written.splitlines()) == len(settings.sample().splitlines())


def test_a_dry_run_writes_nothing_and_shows_it_all(tmp_path: Path) -> None:
    told = document("--dir", str(tmp_path / "x"), "--from", "nothing", "--dry-run")
    assert not (tmp_path / "x").exists()
    assert (told["ok"], told["engine"]) == (True, "no engine was asked")
    assert [file["path"] for file in told["written"]] == [
        f"{tmp_path}/x/zpmd.yaml",
        f"{tmp_path}/x/services.d/10-example.yaml",
    ]
    assert told["written"][1]["text"] == skeleton.TEXT


def test_settings_and_services_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "services.d").mkdir()
    (tmp_path / "services.d" / "mine.yaml").write_text("services: {a: {image: x}}")
    (tmp_path / "zpmd.yaml").write_text("services_dir: services.d\n")
    told = document("--dir", str(tmp_path), "--from", "nothing", "--force")
    assert (told["written"], told["kept"], told["ok"]) == ([], [f"{tmp_path}/zpmd.yaml"], True)
    assert (tmp_path / "zpmd.yaml").read_text() == "services_dir: services.d\n"
    said = init("--dir", str(tmp_path), "--from", "nothing")[1]
    assert said.splitlines()[1] == "and there are service files: nothing was written"


def test_settings_that_read_another_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "zpmd.yaml").write_text("services_dir: elsewhere\n")
    assert init("--dir", str(tmp_path), "--from", "nothing")[0] == 78
    (tmp_path / "services.d" / "10-example.yaml").unlink()
    told = document("--dir", str(tmp_path), "--from", "nothing")
    assert told["problems"] == [
        f"{tmp_path}/zpmd.yaml: services_dir is {tmp_path}/elsewhere: what is written here is not read"
    ]


@pytest.mark.parametrize(("text", "code"), [("nonsense: 1\n", 78), ("services_dir: services.d\n", 0)])
def test_wrong_settings_are_told_before_anything_is_written(text: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "zpmd.yaml").write_text(text)
    assert init("--dir", str(tmp_path), "--from", "nothing")[0] == code
    assert (tmp_path / "services.d").exists() is (code == 0)


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    folder = tmp_path / "zpmd"
    (folder / "services.d").mkdir(parents=True)
    (folder / "services.d" / "10-example.yaml").symlink_to(tmp_path / "gone")
    (folder / "services.d" / ".10-example.yaml.part").symlink_to(target)
    code, out = init("--dir", str(folder), "--from", "nothing", "--force")
    assert code == 0, out
    assert target.read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out = init("--dir", str(tmp_path / "file"), "--from", "nothing")
    assert code == 1
    assert out.splitlines()[-1] == "nothing was written"
    assert "Traceback" not in out


def test_what_cannot_be_written_is_named_with_the_reason_and_the_others_are_not_there_either(tmp_path: Path) -> None:
    (tmp_path / "services.d").touch()
    code, out = init("--dir", str(tmp_path), "--from", "nothing")
    assert (code, sorted(path.name for path in tmp_path.iterdir())) == (1, ["services.d"])
    assert out.splitlines() == [
        f"cannot write {tmp_path}/services.d: File exists; `--dir` writes elsewhere",
        "nothing was written",
    ]
