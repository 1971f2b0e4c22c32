"""Man pages out of the programs themselves: what `--help` says, for all commands, and what a settings file says of its
keys. So no page can tell of an option that is not there. Pure; scripts/manpages writes the files.

Rules of a help text, which a test holds: a sentence first; then paragraphs; then `Examples:` with a command line each,
after which two spaces and more may come before a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import typer

from zpmd.interfaces.ctl import roff

EXITS: Mapping[int, str] = {
    0: "ok",
    1: "failed: it was tried, or waited for, and is not so",
    2: "usage: the command line is wrong",
    3: "would change (`plan`, `patch plan`): something is to be done, or is held back for a reason other than a `stop`",
    4: "not found: no such service, patch or file",
    5: "refused: understood and not done, or not for you; the line says what would make it so",
    6: "the daemon cannot be reached",
    7: "timed out",
    130: "Ctrl-C",
}
"""Of zpmctl, in the words of docs/zpmctl.md."""
EXAMPLES = "Examples:"
_BESIDE = re.compile(r"\s{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says beside the commands of its program: `summary` completes its name, `sections` are paragraphs."""

    name: str
    section: int
    summary: str
    version: str
    date: str
    sections: Mapping[str, Sequence[str]]
    items: Mapping[str, Mapping[str, str]]
    see_also: Sequence[str]


@dataclass(frozen=True, slots=True)
class Help:
    """A help text taken apart."""

    paragraphs: tuple[str, ...]
    examples: tuple[str, ...]


def commands(root: Any, name: str) -> Iterator[tuple[str, Any, typer.Context]]:
    """Every command of a program by its whole name, those of groups after them, in their order."""
    yield from _below(root, typer.Context(root, info_name=name))


def _below(command: Any, context: typer.Context) -> Iterator[tuple[str, Any, typer.Context]]:
    for name, each in getattr(command, "commands", {}).items():
        inner = typer.Context(each, info_name=name, parent=context)
        if getattr(each, "commands", None):
            yield from _below(each, inner)
        elif not each.hidden:
            yield inner.command_path, each, inner


def parted(command: Any) -> Help:
    text = "\n\n".join(part for part in (command.help, command.epilog) if part).replace("\b", "")
    before, _, after = text.partition(EXAMPLES)
    paragraphs = tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", before) if part.strip())
    return Help(paragraphs, tuple(each.strip() for each in after.splitlines() if each.strip()))


def example(line: str) -> str:
    """The command of an example, without the remark beside it."""
    return _BESIDE.split(line, maxsplit=1)[0]


def page(root: Any, about: Page) -> str:
    """A program's page, with all of its commands."""
    context = typer.Context(root, info_name=about.name)
    lines = [
        *roff.title(about.name, about.section, about.date, f"zpmd {about.version}"),
        *roff.section("NAME"),
        rf"{about.name} \- {roff.prose(about.summary)}",
        *roff.section("SYNOPSIS"),
        rf"{roff.bold(about.name)} [\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        *roff.section("DESCRIPTION"),
        *(each for text in parted(root).paragraphs for each in roff.paragraph(text)),
        *roff.section("OPTIONS"),
        *_parameters(root, context),
        *roff.section("COMMANDS"),
    ]
    for path, command, inner in commands(root, about.name):
        lines += _command(path, command, inner)
    for name, texts in about.sections.items():
        lines += [*roff.section(name), *(each for text in texts for each in roff.paragraph(text))]
    for name, items in about.items.items():
        lines += [*roff.section(name), *(each for term, text in items.items() for each in _item(term, text))]
    return _whole([*lines, *_see_also(about.see_also)])


def _item(term: str, text: str) -> list[str]:
    return roff.item(roff.bold(term), text)


def _see_also(pages: Sequence[str]) -> list[str]:
    named = ((page[:-3], page[-3:]) for page in pages)
    return [*roff.section("SEE ALSO"), ",\n".join(f"{roff.bold(name)}{roff.escaped(rest)}" for name, rest in named)]


def _command(path: str, command: Any, context: typer.Context) -> list[str]:
    told = parted(command)
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    synopsis = " ".join([roff.bold(path), r"[\fIOPTIONS\fR]", *arguments])
    lines = [*roff.subsection(path), synopsis]
    for text in told.paragraphs:
        lines += roff.paragraph(text)
    lines += _parameters(command, context)
    return lines + (roff.literal(list(told.examples)) if told.examples else [])


def _argument(parameter: Any) -> str:
    name = rf"\fI{roff.escaped(parameter.metavar or parameter.name.upper())}\fR"
    more = "" if parameter.nargs == 1 else "..."
    return f"{name}{more}" if parameter.required else f"[{name}]{more}"


def _parameters(command: Any, context: typer.Context) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or (parameter.name == "help" and context.parent is not None):
            continue
        if parameter.param_type_name == "argument":
            text = record[1].replace("[required]", "").strip()
            lines += roff.item(rf"\fI{roff.escaped(parameter.metavar or parameter.name.upper())}\fR", text)
        else:
            lines += roff.item(_option(record[0]), record[1])
    return lines


def _option(record: str) -> str:
    """`-n, --tail <int range>`: names bold, what they take in italics."""
    names, _, takes = record.partition(" <")
    words = [word if word.startswith("-") else "" for word in names.split(" ")]
    made = " ".join(
        roff.bold(word) if bold else rf"\fI{roff.escaped(word)}\fR"
        for word, bold in zip(names.split(" "), words, strict=True)
    )
    return made + (rf" \fI{roff.escaped(takes.removesuffix('>'))}\fR" if takes else "")


def settings_page(text: str, about: Page) -> str:
    """The page of an annotated settings file: comments, and below each the keys of which it tells, with defaults."""
    intro, *blocks = re.split(r"\n\s*\n", text)
    lines = [
        *roff.title(about.name, about.section, about.date, f"zpmd {about.version}"),
        *roff.section("NAME"),
        rf"{roff.escaped(about.name)} \- {roff.prose(about.summary)}",
        *roff.section("DESCRIPTION"),
        *(each for part in _paragraphs(intro.splitlines()) for each in roff.paragraph(part)),
        *roff.section("KEYS"),
    ]
    depth = 0
    for words, keys in _entries("\n\n".join(blocks).splitlines()):
        level = (len(keys[0]) - len(keys[0].lstrip())) // 2
        lines += [".RS"] * (level - depth) + [".RE"] * (depth - level)
        depth = level
        terms = [roff.bold(key.strip().removeprefix("#")) for key in keys]
        lines += [".TP", terms[0], *(each for term in terms[1:] for each in (".TQ", term))]
        lines.append(roff.prose(words))
    return _whole([*lines, *([".RE"] * depth), *_see_also(about.see_also)])


def _paragraphs(lines: Iterable[str]) -> list[str]:
    text = "\n".join(each.lstrip().removeprefix("#").strip() for each in lines)
    return [part for part in text.split("\n\n") if part.strip()]


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """(what is said, keys): a comment has a space after its #, a key that is commented out has none."""
    words: list[str] = []
    keys: list[str] = []
    for each in lines:
        bare = each.strip()
        comment = bare == "#" or bare.startswith("# ")
        level = len(each) - len(each.lstrip())
        if keys and (comment or not bare or level != len(keys[0]) - len(keys[0].lstrip())):
            yield " ".join(words), keys
            words, keys = [], []
        if comment:
            words.append(bare.removeprefix("#").strip())
        elif bare:
            keys.append(each)
    if keys:
        yield " ".join(words), keys


def _whole(lines: Sequence[str]) -> str:
    kept = [each for before, each in pairwise(["", *lines]) if not (each == ".PP" and before.startswith(".S"))]
    return "\n".join(['.\\" Made by scripts/manpages out of the program; changes belong there.', *kept, ""])
