"""`zpmd check` names the watched paths that it cannot look into."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from typer.testing import CliRunner

from tests.unit.planning.build import service
from zpmd.__main__ import app
from zpmd.model.service import Desired
from zpmd.model.watch import WatchRule
from zpmd.sources.filewatch.checking import untold


def test_a_path_that_is_not_there_is_told_at_the_service(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    web = service(watch=(WatchRule(str(tmp_path / "here")), WatchRule(str(tmp_path / "gone"))))
    (problem,) = untold(Desired(services=(dataclasses.replace(web, origin="a.yaml:3"),)))
    assert str(problem) == (
        f"a.yaml:3:1: services.web.develop.watch: cannot tell what {tmp_path}/gone holds, so no change is seen there: "
        "No such file or directory"
    )


def test_check_says_so_and_is_content(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("services: {web: {image: a, develop: {watch: [{path: ./gone, action: restart}]}}}\n")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 0
    assert "services.web.develop.watch: cannot tell what" in result.output
