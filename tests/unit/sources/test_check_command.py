"""`zpmd check`: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zpmd import __version__

ROOT = Path(__file__).parents[3]


def zpmd(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "zpmd", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "services.d").mkdir()
    (tmp_path / "zpmd.yaml").write_text("services_dir: services.d\n")
    (tmp_path / "services.d/a.yaml").write_text("services: {a: {image: a}}")
    (tmp_path / "services.d/b.yaml").write_text("x-zpmd: {group: batch}\nservices: {b: {image: b, attach: false}}")
    return tmp_path


def test_a_good_folder(site: Path) -> None:
    result = zpmd("check", "--settings", "zpmd.yaml", cwd=site)
    assert (result.returncode, result.stdout) == (0, "2 services in 2 groups: ok\n")
    assert result.stderr == (
        f"{site}/services.d/b.yaml:2:26: services.b.attach: has no effect: a daemon attaches to no container, use "
        "`zpmctl logs` (note)\n"
    )


def test_templates_are_counted_for_themselves(site: Path) -> None:
    (site / "app.yaml").write_text("services: {app: {image: a, x-zpmd: {for_each: active-integration}}}")
    result = zpmd("check", "app.yaml", cwd=site)
    assert (result.returncode, result.stdout) == (0, "0 services in 0 groups, 1 template: ok\n")
    assert json.loads(zpmd("check", "--json", "app.yaml", cwd=site).stdout)["templates"] == 1


def test_jobs_are_counted_among_the_services(site: Path) -> None:
    (site / "jobs.yaml").write_text("services: {a: {image: a, x-zpmd: {schedule: '@daily'}}, b: {image: b}}")
    result = zpmd("check", "jobs.yaml", cwd=site)
    assert (result.returncode, result.stdout) == (0, "2 services in 1 group, 1 job among them: ok\n")
    found = json.loads(zpmd("check", "--json", "jobs.yaml", cwd=site).stdout)
    assert (found["services"], found["jobs"]) == (2, 1)


def test_a_wrong_expression_is_told_at_its_character(site: Path) -> None:
    (site / "jobs.yaml").write_text("services:\n  a:\n    image: a\n    x-zpmd: {schedule: '0 25 * * *'}\n")
    result = zpmd("check", "jobs.yaml", cwd=site)
    assert result.returncode == 78
    assert result.stderr.splitlines()[0] == ("jobs.yaml:4:27: services.a.x-zpmd.schedule: 25 is no hour: write 0 to 23")


DATA = """\
tenants: [{id: 1, tenantcode: acme, status: active, db_password: "do-not-print-1"}]
integrations:
  - {integration_id: 1, tenantcode: acme, serviceName: jira, status: active}
  - {integration_id: 2, tenantcode: acme, serviceName: jira, status: 1}
  - {_id: abc, integration_id: 3, tenantcode: acme, serviceName: other, status: active}
app_params: [{name: TOKEN, secret: true, value: {"do-not-print-2": 1}}]
"""


@pytest.fixture
def data(site: Path) -> Path:
    (site / "zpmd.yaml").write_text("services_dir: services.d\ndata_dir: data.d\nstate_dir: state\n")
    (site / "services.d/b.yaml").write_text(
        "services: {app: {image: 'a:${integration.port}', x-zpmd: "
        "{for_each: active-integration, only: [jira], ports: {range: 9100-9109}}}}"
    )
    (site / "data.d").mkdir()
    (site / "data.d/rows.yaml").write_text(DATA)
    return site


def test_rows_in_trouble_are_warnings_with_their_place(data: Path) -> None:
    result = zpmd("check", "--settings", "zpmd.yaml", cwd=data)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "1 service in 1 group, 1 template: ok",
        "1 tenant, 2 integrations, 2 to run: 3 warnings",
    ]
    rows = f"{data}/data.d/rows.yaml"
    places = [line.partition(": ")[0].removeprefix(rows) for line in result.stderr.splitlines()]
    assert sorted(places) == [":4:5", ":5:5", ":6:14"]
    assert "integrations acme/2: status: must be one of active," in result.stderr
    assert "integrations acme/3: serviceName: no service file has a template for it" in result.stderr
    found = json.loads(zpmd("check", "--json", "--settings", "zpmd.yaml", cwd=data).stdout)
    assert (found["ok"], found["rows"]["tenants"], found["rows"]["to_run"]) == (True, 1, 2)
    assert sorted(w["line"] for w in found["rows"]["warnings"]) == [4, 5, 6]
    assert "do-not-print" not in result.stderr + json.dumps(found)
    assert not (data / "state").exists()


def test_data_files_that_cannot_be_read_are_problems_each_with_its_place(data: Path) -> None:
    (data / "data.d/a.yaml").write_text("tenants: [{id: 1\n")
    (data / "data.d/b.yaml").write_text("tenant: []\n")
    result = zpmd("check", "--settings", "zpmd.yaml", cwd=data)
    assert result.returncode == 78
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{data}/data.d/a.yaml:2:1: this is not YAML"), lines
    assert lines[1].startswith(f"{data}/data.d/b.yaml:1:1: 'tenant' is not known"), lines
    assert lines[2:] == ["2 problems of data files: no row would be taken"]
    found = json.loads(zpmd("check", "--json", "--settings", "zpmd.yaml", cwd=data).stdout)
    assert (found["ok"], [p["line"] for p in found["problems"]]) == (False, [2, 1])
    assert zpmd("check", "--settings", "zpmd.yaml", "services.d/b.yaml", cwd=data).returncode == 0


def test_a_simulation_runs_the_services_of_rows_or_says_that_templates_are_left_out(data: Path) -> None:
    result = zpmd("simulate", "--settings", "zpmd.yaml", cwd=data)
    assert result.returncode == 0, result.stderr
    assert "jira-acme-1  up after" in result.stdout
    assert "rows.yaml:4:5" in result.stderr
    (data / "zpmd.yaml").write_text("services_dir: services.d\ndata_dir: none.d\n")
    result = zpmd("simulate", "--settings", "zpmd.yaml", cwd=data)
    assert (result.returncode, result.stderr) == (
        0,
        f"(1 template left out: there are no data files in {data}/none.d)\n",
    )


def test_a_single_file(site: Path) -> None:
    result = zpmd("check", "services.d/a.yaml", cwd=site)
    assert (result.returncode, result.stdout, result.stderr) == (0, "1 service in 1 group: ok\n", "")


def test_problems_go_to_stderr_one_a_line(site: Path) -> None:
    (site / "bad.yaml").write_text("services:\n  a: {imag: x}\n")
    result = zpmd("check", "bad.yaml", cwd=site)
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr.splitlines() == [
        "bad.yaml:2:3: services.a: image is missing: write the image to run",
        "bad.yaml:2:7: services.a.imag: unknown key 'imag', did you mean 'image'?",
        "2 problems: nothing would be taken",
    ]


def test_wrong_settings(site: Path) -> None:
    (site / "zpmd.yaml").write_text("rol: active\n")
    result = zpmd("check", "--settings", "zpmd.yaml", cwd=site)
    assert result.returncode == 78
    assert result.stderr.startswith("zpmd.yaml:1:1: rol: unknown key 'rol', did you mean 'role'?\n")


def test_json(site: Path) -> None:
    good = json.loads(zpmd("check", "--json", "--settings", "zpmd.yaml", cwd=site).stdout)
    assert (good["ok"], good["services"], good["groups"], good["problems"]) == (True, 2, {"core": 1, "batch": 1}, [])
    assert [n["path"] for n in good["notes"]] == ["services.b.attach"]
    (site / "bad.yaml").write_text("services: {a: {image: A}}")
    result = zpmd("check", "--json", "bad.yaml", cwd=site)
    assert (result.returncode, result.stderr) == (78, "")
    assert json.loads(result.stdout)["problems"] == [
        {
            "file": "bad.yaml", "line": 1, "column": 23, "path": "services.a.image",
            "message": "'A' is not an image: write [registry/]name[:tag], in lower case",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nothing.yaml", "services.d", "/dev/zero"])
def test_what_cannot_be_read_is_one_line(site: Path, name: str) -> None:
    result = zpmd("check", name, cwd=site)
    assert result.returncode == 78
    assert len(result.stderr.splitlines()) == 2
    assert "Traceback" not in result.stderr


def test_a_key_cannot_steer_the_terminal(site: Path) -> None:
    (site / "bad.yaml").write_text('services: {a: {image: a, "\\e[31m\\nred": 1}}')
    result = zpmd("check", "bad.yaml", cwd=site)
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize("arguments", [("chekc",), ("check", "--jsn")])
def test_a_wrong_argument_is_exit_2_and_no_traceback(site: Path, arguments: tuple[str, ...]) -> None:
    result = zpmd(*arguments, cwd=site)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_help_has_examples_and_version_is_a_line(site: Path) -> None:
    assert "zpmd check compose.yaml" in zpmd("check", "--help", cwd=site).stdout
    assert zpmd("--version", cwd=site).stdout == f"zpmd {__version__}\n"


HOST = """
cp -a /etc "$1/etc"
mkdir -p "$1/etc/zpmd/services.d"
echo "zpmd:x:54321:54321::/:/usr/sbin/nologin" >> "$1/etc/passwd"
echo "zpmd:x:54321:" >> "$1/etc/group"
echo "services: {a: {image: a, env_file: /etc/zpmd/env}}" > "$1/etc/zpmd/services.d/a.yaml"
echo "A=1" > "$1/etc/zpmd/env"
chmod 640 "$1/etc/zpmd/env"
mount --bind "$1/etc" /etc
shift
exec "$@"
"""
"""A host of its own, as far as /etc goes, on which the user of the service exists."""


def test_root_is_told_what_the_user_of_the_service_may_not_read(tmp_path: Path) -> None:
    check = [sys.executable, "-m", "zpmd", "check"]
    words = ["unshare", "--mount", "sh", "-ec", HOST, "sh", tmp_path, *check]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    told = "the user zpmd may not read it: `chgrp zpmd /etc/zpmd/env; chmod g+r /etc/zpmd/env`"
    at = "/etc/zpmd/services.d/a.yaml:1:36: services.a.env_file"
    assert f"{at}: cannot read /etc/zpmd/env: {told}\n" in result.stderr
    assert result.returncode == 78
