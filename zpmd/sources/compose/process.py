"""What runs in a container: command, environment, labels, healthcheck and hooks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from zpmd.model.container import Healthcheck, Hook
from zpmd.model.watch import WatchPace, WatchRule
from zpmd.sources import envfile
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.files import Files, Variables, absolute, resolved
from zpmd.sources.filewatch.patterns import Patterns
from zpmd.sources.nodes import Map, Origin, Scalar, Sequence, shortened
from zpmd.sources.reading import Cursor, Fields

OURS = "io.zpmd."
COMPOSES = "com.docker.compose"

EnvPairs = tuple[tuple[str, str | None], ...]


def command(cursor: Cursor) -> tuple[str, ...] | None:
    """A list, or a text that is split as a shell would; None where it is not written."""
    if not cursor.written:
        return None
    if not isinstance(cursor.node, Scalar):
        return cursor.texts()
    nothing: tuple[str, ...] = ()
    return cursor.converted(words, nothing)


def words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        reason = "a quote is not closed" if "quotation" in str(error) else "it ends in a backslash"
        raise ValueError(f"cannot be split into words: {reason}") from error


def environment(fields: Fields, files: Files, variables: Variables) -> EnvPairs:
    """`env_file` and, over it, `environment`; a name without a value gets that of zpmd's own environment."""
    values: dict[str, str | None] = {}
    for item in fields["env_file"].one_or_many():
        values.update(env_file(item, files, variables))
    for name, value in fields["environment"].variables().items():
        if not name:
            fields["environment"].problem("a variable has no name: write NAME=value")
        values[name] = variables.get(name) if value is None else value
    return tuple(sorted(values.items()))


def env_file(item: Cursor, files: Files, variables: Variables) -> Mapping[str, str | None]:
    """One element of `env_file`, in its short or long form."""
    raw, required, named = False, True, item
    if isinstance(item.node, Map):
        f = item.fields(vocabulary.ENV_FILE)
        named = f.required("path", "write the path of the file")
        required = f["required"].boolean(default=True)
        raw = f["format"].word({"raw": True}, default=False)
    if not named.written or not isinstance(named.node, Scalar):
        named.text()
        return {}
    return env_values(named, files, variables, required=required, raw=raw)


def env_values(
    named: Cursor, files: Files, variables: Variables, required: bool = True, raw: bool = False
) -> Mapping[str, str | None]:
    path = absolute(named.text(), named.node.mark.origin.folder, variables.get("HOME", ""))
    try:
        content = files.read(path)
    except FileNotFoundError:
        if required:
            named.problem(f"there is no file {path}: create it, or write `required: false`")
        return {}
    except OSError as error:
        named.problem(f"cannot read {path}: {error.strerror or error}")
        return {}
    parsed = envfile.parse(content, Origin(path), variables, raw)
    named.report.problems.extend(parsed.problems)
    return parsed.values


def labels(fields: Fields, files: Files, variables: Variables) -> dict[str, str]:
    """`label_file` and, over it, `labels`."""
    values: dict[str, str] = {}
    for item in fields["label_file"].one_or_many():
        if isinstance(item.node, Scalar):
            values.update({name: value or "" for name, value in env_values(item, files, variables).items()})
        else:
            item.expected("the path of a file")
    values.update(dict(fields["labels"].pairs()))
    for name in values:
        if name.startswith((OURS, COMPOSES)):
            owner = "zpmd" if name.startswith(OURS) else "Compose"
            fields["labels"].problem(f"label {shortened(name)} belongs to {owner}: choose another prefix")
    return values


def healthcheck(cursor: Cursor) -> Healthcheck | None:
    if not cursor.written:
        return None
    f = cursor.fields(vocabulary.HEALTHCHECK)
    test = health_test(f["test"])
    if f["disable"].boolean() or test == ("NONE",):
        if unused := [key for key in f if key not in ("disable", "test")]:
            cursor.note(f"{', '.join(unused)} has no effect: the healthcheck is switched off")
        return Healthcheck(test=("NONE",))
    check = Healthcheck(
        test=test,
        interval_seconds=f["interval"].duration(),
        timeout_seconds=f["timeout"].duration(),
        retries=f["retries"].integer(low=0),
        start_period_seconds=f["start_period"].duration(),
        start_interval_seconds=f["start_interval"].duration(),
    )
    if check.start_interval_seconds > check.start_period_seconds:
        # The engine probes at the start interval until the start period is over, and at least once.
        f["start_interval"].problem("start_interval is longer than start_period: write a start_period that is longer")
    return check


def health_test(cursor: Cursor) -> tuple[str, ...]:
    if not cursor.written:
        return ()
    if not isinstance(cursor.node, Sequence):
        text = cursor.text()
        return ("CMD-SHELL", text) if text else ()
    test = cursor.texts()
    if test and test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        cursor.problem(f"{shortened(test[0])!r} comes first: begin with CMD, CMD-SHELL or NONE, or write one text")
    elif test and test[0] != "NONE" and len(test) < 2:
        cursor.problem(f"there is no command after {test[0]}: add one")
    return ("NONE",) if test[:1] == ("NONE",) else test


def hooks(cursor: Cursor, variables: Variables) -> tuple[Hook, ...]:
    """`post_start` or `pre_stop`."""
    return tuple(hook(item, variables) for item in cursor.items())


def hook(cursor: Cursor, variables: Variables) -> Hook:
    f = cursor.fields(vocabulary.HOOK)
    values = {
        name: variables.get(name) if value is None else value for name, value in f["environment"].variables().items()
    }
    return Hook(
        command=command(f.required("command", "write the command to run in the container")) or (),
        user=f["user"].text(),
        privileged=f["privileged"].boolean(),
        working_dir=f["working_dir"].text(),
        environment=tuple(sorted((name, value) for name, value in values.items() if value is not None)),
    )


def watched(cursor: Cursor) -> tuple[WatchRule, ...]:
    """The entries of `develop.watch` whose change replaces the service's replicas. No disk is looked at."""
    rules: list[WatchRule] = []
    for item in cursor.fields(vocabulary.DEVELOP)["watch"].items():
        f = item.fields(vocabulary.WATCH)
        path = f.required("path", "write the path to watch")
        action = f.required("action", "write `action: restart`").text()
        if action != "restart":
            # Compose itself does nothing with these rules unless asked to (`docker compose watch`).
            if action in ("rebuild", "sync", "sync+restart", "sync+exec"):
                item.note(f"action {action} has no effect: zpmd builds and copies nothing, `restart` is what it can do")
            elif action:
                f["action"].problem(f"{shortened(action)!r} is not an action: write restart")
            continue
        if path.written:
            rules.append(WatchRule(resolved(path), patterns(f["ignore"]), patterns(f["include"])))
    return tuple(sorted(set(rules)))


def patterns(cursor: Cursor) -> tuple[str, ...]:
    """Patterns of `.dockerignore`, one or a list."""
    items = [(item, item.text()) for item in cursor.one_or_many()]
    for item, text in items:
        try:
            Patterns([text])
        except ValueError as error:
            item.problem(f"{shortened(text)!r} {error}")
    return tuple(text for _, text in items)


def watch_pace(cursor: Cursor) -> WatchPace:
    """`x-zpmd.watch`."""
    f = cursor.fields(vocabulary.WATCH_PACE)
    default = WatchPace()
    quiet = f["quiet"].duration(default.quiet_seconds)
    pace = WatchPace(quiet_seconds=quiet, at_most_seconds=f["at_most"].duration(max(default.at_most_seconds, quiet)))
    if quiet <= 0:
        f["quiet"].problem("a change is over when nothing has changed for a while: write at least a part of a second")
    if pace.at_most_seconds < quiet:
        f["at_most"].problem("is less than `quiet`: write the longer time here")
    return pace
