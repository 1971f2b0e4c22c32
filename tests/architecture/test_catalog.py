"""The message catalog: what `journalctl -x` says is there for every entry that has a name, is understood by journald's
own programs, and names only what exists."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from tests.architecture.checkout import ROOT
from zpmd.interfaces.ctl.program import app
from zpmd.messages import Message

CATALOG = ROOT / "systemd" / "zpmd.catalog"
SECTIONS = ("What zpmd does:", "What to do:", "Where to read: ")
DOCUMENTS = "/usr/share/doc/zpmd/docs/"
IN_LOGS = {Message.LOST_ENTRIES: {"ZPMD_LOST"}}
"""Fields that logs.py adds by itself."""
PRIORITIES = {"ERROR": "err", "WARNING": "warning", "NOTICE": "notice"}
WIDTH = 100


@dataclass(frozen=True)
class Entry:
    id: str
    headers: tuple[tuple[str, str], ...]
    text: str


def entries() -> list[Entry]:
    found = []
    for block in re.split(r"^-- ", CATALOG.read_text(), flags=re.MULTILINE)[1:]:
        first, _, rest = block.partition("\n")
        head, _, text = rest.partition("\n\n")
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in head.splitlines()))
        found.append(Entry(first.strip(), headers, text))
    return found


ENTRIES = {entry.id: entry for entry in entries()}
NAMED = sorted(Message, key=lambda message: message.name)


def named(message: Message) -> str:
    return message.name


def test_every_name_has_one_explanation_and_every_explanation_a_name() -> None:
    assert sorted(entry.id for entry in entries()) == sorted(message.id for message in Message)
    assert all(re.fullmatch(r"[0-9a-f]{32}", message.id) for message in Message)


@pytest.mark.parametrize("message", NAMED, ids=named)
def test_an_explanation_says_what_happened_what_zpmd_does_what_to_do_and_where_to_read(message: Message) -> None:
    entry = ENTRIES[message.id]
    assert [name for name, _ in entry.headers] == ["Subject", "Defined-By", "Documentation", "Documentation"]
    happened, *rest = re.split("|".join(map(re.escape, SECTIONS)), entry.text)
    assert len(rest) == len(SECTIONS)
    assert all(len(part.strip()) >= len("Nothing.") for part in (happened, *rest))
    assert [line for line in entry.text.splitlines() if len(line) > WIDTH or line != line.rstrip()] == []


@pytest.mark.parametrize("message", NAMED, ids=named)
def test_an_explanation_uses_only_fields_that_its_entries_have(message: Message) -> None:
    entry = ENTRIES[message.id]
    used = set(re.findall(r"@(\w+)@", entry.text + str(entry.headers)))
    assert used <= {f"ZPMD_{field.upper()}" for field in message.fields} | IN_LOGS.get(message, set())


@pytest.mark.parametrize("message", NAMED, ids=named)
def test_what_an_explanation_leads_to_is_there(message: Message) -> None:
    entry = ENTRIES[message.id]
    [(heading, path)] = re.findall(r'^Where to read: "(.+)"\nin (\S+)$', entry.text, re.MULTILINE)
    paths = [path, *(value.removeprefix("file://") for _, value in entry.headers if value.startswith("file:"))]
    assert [p for p in paths if not (ROOT / "docs" / p.removeprefix(DOCUMENTS)).is_file()] == []
    document = (ROOT / "docs" / path.removeprefix(DOCUMENTS)).read_text()
    assert re.search(rf"^#+ {re.escape(heading)}$", document, re.MULTILINE)
    verbs = set(re.findall(r"^ *zpmctl (\w+)|`zpmctl (\w+)", entry.text, re.MULTILINE))
    assert {first or second for first, second in verbs} <= typer.main.get_command(app).commands.keys()  # type: ignore[attr-defined]


def test_the_real_journalctl_takes_every_explanation(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (folder / CATALOG.name).write_text(CATALOG.read_text())
    journalctl(tmp_path, "--update-catalog")
    listed = {line.split(" ", 1)[0]: line for line in journalctl(tmp_path, "--list-catalog").splitlines()}
    assert listed.keys() == ENTRIES.keys()
    assert all(dict(e.headers)["Subject"] in listed[e.id] for e in ENTRIES.values())
    dumped = journalctl(tmp_path, "--dump-catalog", Message.CRASH_LOOP.id)
    assert ENTRIES[Message.CRASH_LOOP.id].text.strip() in dumped


@pytest.mark.parametrize("message", NAMED, ids=named)
def test_the_manual_lists_every_name_with_its_priority_and_fields(message: Message) -> None:
    subject = re.sub(r"@ZPMD_(\w+)@", lambda m: f"*{m[1].lower()}*", dict(ENTRIES[message.id].headers)["Subject"])
    fields = ", ".join(f"`ZPMD_{field.upper()}`" for field in message.fields)
    row = f"| {subject} | {PRIORITIES[message.level]} | `{message.id}` | {fields} |"
    assert row in (ROOT / "docs/journal.md").read_text().splitlines()


def journalctl(root: Path, *words: str) -> str:
    """On a catalog below `root`; a complaint of it is an error."""
    ended = subprocess.run(["journalctl", f"--root={root}", *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def calls() -> Iterator[tuple[str, Message, set[str]]]:
    """Every `tell(Message.X, ...)` in zpmd: where, which, and the fields that it binds by name."""
    for path in sorted((ROOT / "zpmd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tell"):
                continue
            first = node.args[0]
            if isinstance(first, ast.Attribute) and not any(k.arg is None for k in node.keywords):
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield where, Message[first.attr], {k.arg for k in node.keywords if k.arg}


def test_whoever_logs_a_name_binds_the_fields_of_its_explanation() -> None:
    found = list(calls())
    assert len(found) >= 8
    assert [where for where, message, bound in found if not set(message.fields) <= bound] == []


def test_every_name_is_logged_somewhere() -> None:
    text = "".join(p.read_text() for p in (ROOT / "zpmd").rglob("*.py") if p.name != "messages.py")
    used = set(re.findall(r"(?:Message|Named)\.([A-Z_]+)", text))
    assert {message.name for message in Message} - used == set()
