"""The commands of `zpmctl patch` that look at patches, try them out on paper, and take them back."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from zpmd.interfaces.ctl import patch_lines as lines
from zpmd.interfaces.ctl.client import Daemon, Exit, Failure, segment
from zpmd.interfaces.ctl.files import told
from zpmd.interfaces.ctl.follow import follow, taken_back
from zpmd.interfaces.ctl.lines import BAD, line
from zpmd.interfaces.ctl.options import FIVE_MINUTES, Json, Timeout, Wait, complete_patch
from zpmd.interfaces.ctl.preview_lines import preview_lines
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.patch_views import PatchesView, PatchStoryView
from zpmd.interfaces.views import DoneView
from zpmd.interfaces.words import clean, plural
from zpmd.model.patch import Stage
from zpmd.model.preview import Preview
from zpmd.patching import bundle, words
from zpmd.patching.refusal import BadPatch

LISTED, ALL = 20, 1000
ID_HELP = "Id of the patch; the number of a drop or the name of its file where it has no id."

Patch = Annotated[str, typer.Argument(metavar="ID", help=ID_HELP, autocompletion=complete_patch)]


def list_patches(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those of long ago.")] = False,
    as_json: Json = False,
) -> None:
    """Show the patches that were dropped.

    What needs attention comes first, then the newest.

    \b
    Examples:
      zpmctl patch list
      zpmctl patch list --all --json | jq -r '.patches[] | select(.state == "applied") | .id'
    """
    limit = ALL if everything else LISTED
    view = ctx.obj.get(PatchesView, "/v1/patches", limit=limit)
    screen = Screen()
    more = not everything and len(view.patches) == limit
    screen.say(as_json, view, lines.list_lines(view, screen.zone, more))


def show(
    ctx: typer.Context,
    id: Patch,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Tell the story of a patch.

    Its stages with times, how far each service is, where its file is, and what the service that failed it said last.

    With --watch it exits 0 once the patch is applied, and 1 when it ends otherwise.

    \b
    Examples:
      zpmctl patch show hotfix-1042
      zpmctl patch show hotfix-1042 --watch && echo applied
    """
    screen = Screen()
    path = _path(id)
    if not watch:
        view = ctx.obj.get(PatchStoryView, path)
        screen.say(as_json, view, lines.story_lines(view, screen.zone))
        return
    last = _watched(ctx.obj, path, screen, as_json)
    raise typer.Exit(Exit.OK if last.patch.state == Stage.APPLIED else Exit.FAILED)


def plan(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest, or a bundle: NAME.zpatch.")],
    as_json: Json = False,
) -> None:
    """Show what a patch would do here.

    It changes nothing. Which services and tenants would move, in which order, for how long nobody would serve, and
    where the images come from. Archives and signature of a bundle are not read: `zpmctl patch verify` does that.
    Exits 3 when it would change something, and 5 when it would be refused.

    \b
    Examples:
      zpmctl patch plan hotfix-1042.patch.yaml
    """
    screen = Screen()
    try:
        view = ctx.obj.ask(Preview, "/v1/patches/plan", {"name": file.name, "manifest": _manifest(file)})
    except Failure as failure:
        problems = _problems(failure)
        if not problems:
            raise
        text = f"{file.name} would be refused: {plural(len(problems), 'problem')}"
        if as_json:
            raise Failure(Exit.REFUSED, text, failure.problem) from None
        screen.say(False, None, [line((text, BAD)), *(line((f"  {problem}", "")) for problem in problems)])
        raise typer.Exit(Exit.REFUSED) from None
    screen.say(as_json, view, preview_lines(view))
    raise typer.Exit(Exit.REFUSED if view.refused else Exit.WOULD_CHANGE if view.steps else Exit.OK)


def revert(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the patch.", autocompletion=complete_patch)],
    with_later: Annotated[
        bool, typer.Option("--with-later", help="Also the patches that were applied on top of it, the latest first.")
    ] = False,
    wait: Wait = False,
    timeout: Timeout = FIVE_MINUTES,
    as_json: Json = False,
) -> None:
    """Take an applied patch back.

    Its services run again what they ran before.

    \b
    Examples:
      zpmctl patch revert hotfix-1042 --wait
      zpmctl patch revert hotfix-1040 --with-later
    """
    done: DoneView = ctx.obj.post(f"{_path(id)}/revert", {"with_later": with_later})
    screen = Screen()
    text = _reverted(ctx.obj, done, timeout, screen) if wait else done.detail
    if as_json:
        screen.raw(json.dumps({**asdict(done), "done": wait, "detail": text}, ensure_ascii=False))
    else:
        screen.raw(clean(text))


def _path(id: str) -> str:
    return f"/v1/patches/{segment(id, 'patch')}"


def _watched(daemon: Daemon, path: str, screen: Screen, as_json: bool) -> PatchStoryView:
    """Shows every change of the story, and returns the last one."""
    with screen.live() as show_live:
        shown = ""
        for story in follow(daemon, path):
            if show_live is not None and not as_json:
                show_live(lines.story_lines(story, screen.zone))
            elif (now := _gist(story)) != shown:
                shown = now
                screen.say(as_json, story, [lines.headline(story, screen.zone)], compact=True)
    if not as_json:
        screen.say(False, None, [*([] if screen.terminal else [Text("")]), *lines.story_lines(story, screen.zone)])
    return story


def _gist(story: PatchStoryView) -> str:
    """All of it that is no age: what is worth another line in a pipe."""
    patch = story.patch
    return repr((patch.state, patch.waits, patch.reason, patch.filed, [(s.service, s.state) for s in story.steps]))


def _reverted(daemon: Daemon, done: DoneView, timeout_seconds: float, screen: Screen) -> str:
    """Waits until all of them have gone back. Raises Failure: one has not, or not in time."""
    deadline = time.monotonic() + timeout_seconds
    with screen.progress() as note:
        for id in done.patches:
            for story in follow(daemon, _path(id), taken_back):
                patch = taken_back(story)
                if patch.ended:
                    break
                pending = f"{id} is {patch.state}" + (f": {patch.waits}" if patch.waits else "")
                if time.monotonic() >= deadline:
                    text = f"not done after {timeout_seconds:.0f} s, and still going on: {pending}"
                    raise Failure(Exit.TIMED_OUT, text)
                note(story.now, pending)
            if patch.state != Stage.REVERTED:
                raise Failure(Exit.FAILED, f"{id} is {patch.state}: {patch.reason}")
    return f"taken back: {', '.join(done.patches)}"


def _manifest(file: Path) -> str:
    """The text of a manifest, or of the one in a bundle. Raises Failure."""
    with told():
        if file.name.endswith(words.BUNDLE_SUFFIX):
            with bundle.Bundle(file) as opened:
                content = opened.manifest
        else:
            with file.open("rb") as stream:
                content = stream.read(words.MAX_MANIFEST + 1)
        if len(content) > words.MAX_MANIFEST:
            raise BadPatch(f"{file.name} is longer than a manifest may be: {words.MAX_MANIFEST} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Failure(Exit.REFUSED, f"{file.name} would be refused: it is not UTF-8 text") from None


def _problems(failure: Failure) -> list[str]:
    """What is wrong with a manifest, as the daemon says it; empty where it is something else."""
    problem: dict[str, Any] = failure.problem or {}
    return [str(e["message"]) for e in problem.get("errors", ())] if problem.get("code") == "configuration" else []
