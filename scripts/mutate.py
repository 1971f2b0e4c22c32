"""The mutation score behind scripts/mutate, which is how it is started.

mutmut does the work: it forks a test run for each mutant from a process that has imported everything, which is what
makes thousands of them affordable (cosmic-ray starts a Python for each). It works on a copy in .lab/mutate, for which
this file does three things: it undoes decorators there, because mutmut leaves decorated functions alone and a cache
would answer for a mutant; it says where in the checkout a mutant is; and it takes out of the account what
mutate-equivalent.toml shows to be no fault. What mutmut cannot change is not measured: the text of f-strings, values
at the top of a module, and the fields of dataclasses.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

CHECKOUT = Path(__file__).resolve().parent.parent
WORK = CHECKOUT / ".lab" / "mutate"
EQUIVALENT = Path(__file__).with_name("mutate-equivalent.toml")
MEASURED = ("zpmd/planning", "zpmd/model/spechash.py", "zpmd/model/naming.py", "zpmd/engines/labels.py")
TESTS = ("tests/unit/planning", "tests/unit/model", "tests/unit/engines/test_labels.py")
PYTEST = ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider", "--assert=plain", "--tb=no", "-q"]
GUARDS = {
    "zpmd/planning/removal.py": None,  # what may go, and when
    "zpmd/planning/checks.py": None,  # the last look at a plan
    "zpmd/planning/leave.py": None,  # what lives is stopped before it is removed
    "zpmd/engines/labels.py": None,  # what marks a container as ours, and what is read back from it
    # ours only: all that decisions can act on is indexed here, from the replicas of the world
    "zpmd/planning/view.py": ("view", "_by_slot", "View.slots", "View.replicas"),
}
ENOUGH_PERCENT = 90.0
KILLED, TIMEOUT = {1, 3}, {36, -24, 24, 152, 255}


@dataclass(frozen=True, slots=True)
class Mutant:
    file: str
    function: str
    line: int
    old: str
    new: str
    state: str

    @property
    def guard(self) -> bool:
        functions = GUARDS.get(self.file, ())
        return functions is None or self.function in functions

    @property
    def noticed(self) -> bool:
        return self.state in ("killed", "timeout")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.function}: {self.old or '(nothing)'}  ->  {self.new or '(nothing)'}"


def main() -> int:
    options = _options()
    paths = _modules(options.paths or list(MEASURED))
    _prepare(paths, again=options.again)
    os.chdir(WORK)
    with (WORK / "mutmut.log").open("w") as log:
        command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", str(options.jobs)]
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    mutants = [mutant for path in paths for mutant in _mutants(path)]
    if code or not mutants or any(m.state == "not checked" for m in mutants):
        print(f"mutmut came to no end (exit {code}): see {WORK / 'mutmut.log'}")
        return 1
    return _report(mutants, paths)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    return parser.parse_args()


def _modules(paths: list[str]) -> list[str]:
    """Every module below these paths, as the checkout names it."""
    found: list[Path] = []
    for path in paths:
        place = CHECKOUT / path
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    missing = [str(path) for path in found if not path.is_file()]
    if missing or not found:
        raise SystemExit(f"scripts/mutate: no such module: {', '.join(missing or paths)}")
    return [path.relative_to(CHECKOUT).as_posix() for path in found if path.name != "__init__.py"]


# --- the copy ---------------------------------------------------------------------------------------------------------


def _prepare(paths: list[str], again: bool) -> None:
    if not again:
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(WORK / "mutants" / "tests", ignore_errors=True)  # what mutmut copied the last time
    for tree in ("zpmd", "tests"):
        shutil.rmtree(WORK / tree, ignore_errors=True)
        shutil.copytree(CHECKOUT / tree, WORK / tree, ignore=shutil.ignore_patterns("__pycache__"))
    for path in paths:
        (WORK / path).write_text(undecorated((CHECKOUT / path).read_text()))
    lists = {"only_mutate": paths, "pytest_add_cli_args": PYTEST, "pytest_add_cli_args_test_selection": TESTS}
    lines = [f"{key} =\n" + "".join(f"    {value}\n" for value in values) for key, values in lists.items()]
    own = "\n[mutmut]\nsource_paths = zpmd\nprocess_isolation = forkserver\n" + "".join(lines)
    (WORK / "setup.cfg").write_text((CHECKOUT / "setup.cfg").read_text() + own)
    if again:
        _forget_what_was_not_noticed()


def _forget_what_was_not_noticed() -> None:
    """Have mutmut try these once more, with the tests that are there now."""
    (WORK / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for meta in (WORK / "mutants").rglob("*.py.meta"):
        data = json.loads(meta.read_text())
        codes = data["exit_code_by_key"]
        data["exit_code_by_key"] = {key: code if code in KILLED | TIMEOUT else None for key, code in codes.items()}
        meta.write_text(json.dumps(data))


def undecorated(source: str) -> str:
    """The same module without `@` on functions, every line where it was: `@property def x` becomes `def x` and, on the
    blank line after it, `x = property(x)`. A cache is left out: it changes no answer, and would hide a mutant."""
    lines = [*source.splitlines(), ""]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1:
            (decorator,) = node.decorator_list
            name, at, after = ast.unparse(decorator), decorator.lineno - 1, (node.end_lineno or 0)
            if name not in ("property", "cached_property") and not name.startswith("functools.lru_cache"):
                continue
            if lines[after].strip():
                raise SystemExit(f"scripts/mutate: no blank line after {node.name}")
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            lines[at] = ""
            if "cache(" not in name:
                lines[after] = f"{indent}{node.name} = {name}({node.name})"
    return "\n".join(lines)


# --- what became of them ----------------------------------------------------------------------------------------------


def _mutants(path: str) -> Iterator[Mutant]:
    meta = WORK / "mutants" / f"{path}.meta"
    if not meta.is_file():
        return
    starts = _functions(WORK / path)
    for key, code in json.loads(meta.read_text())["exit_code_by_key"].items():
        function = _function_of(key)
        state = "killed" if code in KILLED else "timeout" if code in TIMEOUT else "survived"
        state = "not checked" if code is None else state
        if state in ("killed", "timeout"):
            yield Mutant(path, function, 0, "", "", state)
            continue
        line, old, new = _change(get_diff_for_mutant(key, path=path))
        yield Mutant(path, function, starts.get(function, 0) + line, old, new, state)


def _function_of(key: str) -> str:
    """`zpmd.planning.view.xǁViewǁslots__mutmut_3` is `View.slots`; `...x__by_slot__mutmut_1` is `_by_slot`."""
    name = re.sub(r"__mutmut_\d+$", "", key.rpartition(".")[2])
    return ".".join(name.split("ǁ")[1:]) if "ǁ" in name else name.removeprefix("x_")


def _functions(path: Path) -> dict[str, int]:
    """The line at which every function of a module begins."""
    found: dict[str, int] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{n.name}": n.lineno for n in node.body if isinstance(n, ast.FunctionDef)}
    return found


def _change(diff: str) -> tuple[int, str, str]:
    """How far below the first line of its function a mutant begins, and the lines that it takes and gives."""
    hunk = re.search(r"^@@ -(\d+)", diff, re.MULTILINE)
    at = int(hunk.group(1)) - 1 if hunk else 0
    old: list[str] = []
    new: list[str] = []
    before = 0
    for line in diff.splitlines()[3:]:
        if line.startswith("-"):
            old.append(line[1:].strip())
        elif line.startswith("+"):
            new.append(line[1:].strip())
        elif not old and not new:
            before += 1
    if old and new and old[-1] == new[-1]:  # the last line of all has no newline in one of them
        old.pop(), new.pop()
    return at + before, " ".join(old), " ".join(new)


def _report(mutants: list[Mutant], paths: list[str]) -> int:
    entries = [e for e in tomllib.loads(EQUIVALENT.read_text()).get("equivalent", []) if e["file"] in paths]
    allowed = {(e["file"], e["function"], e["old"], e["new"]) for e in entries}
    survivors = [m for m in mutants if not m.noticed]
    same = {m for m in survivors if (m.file, m.function, m.old, m.new or "(nothing)") in allowed}
    stale = allowed - {(m.file, m.function, m.old, m.new or "(nothing)") for m in same}
    for mutant in survivors:
        if mutant not in same:
            print(f"{mutant}{'  [guard]' if mutant.guard else ''}")
    for file, function, old, new in sorted(stale):
        print(f"mutate-equivalent.toml: noticed, or no mutant any more: {file}: {function}: {old} -> {new}")
    timeouts = sum(m.state == "timeout" for m in mutants)
    equivalent = sum(m in same for m in survivors)
    print(
        f"{len(mutants)} mutants: {len(mutants) - len(survivors) - timeouts} killed, "
        f"{len(survivors) - equivalent} survived, {timeouts} timeouts, {equivalent} equivalent"
    )
    score = _percent([m for m in mutants if m not in same])
    guards = _percent([m for m in mutants if m.guard and m not in same])
    print(f"score {score:.1f} % (at least {ENOUGH_PERCENT:.0f})")
    print(f"safety guards {guards:.1f} % (100)")
    return 0 if score >= ENOUGH_PERCENT and guards == 100.0 and not stale else 1


def _percent(mutants: list[Mutant]) -> float:
    return 100.0 * sum(m.noticed for m in mutants) / len(mutants) if mutants else 100.0


if __name__ == "__main__":
    sys.exit(main())
