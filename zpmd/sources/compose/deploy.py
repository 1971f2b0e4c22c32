"""How a service is run: replicas, restarts, updates, resources and image pulls."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from zpmd.model.container import Blkio, BlkioDevice, DeviceRequest, Ulimit
from zpmd.model.service import (
    FailureAction,
    Order,
    PullPolicy,
    PullWhen,
    RestartCondition,
    RestartPolicy,
    UpdateConfig,
)
from zpmd.sources import units
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.mounts import device_request
from zpmd.sources.nodes import Map, shortened
from zpmd.sources.reading import Cursor, Fields

N = TypeVar("N", int, float)

MAX_REPLICAS = 1000
ON_FAILURE = re.compile(r"on-failure(?::([0-9]{1,9}))?")
DAY = 86400.0


@dataclass(frozen=True)
class Resources:
    """`deploy.resources`, each with its place, to be held against the older keys of the service itself."""

    limits: Fields
    reservations: Fields
    device_requests: tuple[DeviceRequest, ...]


def resources(cursor: Cursor) -> Resources:
    f = cursor.fields(vocabulary.RESOURCES)
    reservations = f["reservations"].fields(vocabulary.RESERVATIONS)
    return Resources(
        limits=f["limits"].fields(vocabulary.LIMITS),
        reservations=reservations,
        device_requests=tuple(device_request(item) for item in reservations["devices"].items()),
    )


def agreed(own: Cursor, other: Cursor, read: Callable[[Cursor], N]) -> N:
    """The value of one thing that can be said in two places; a problem where they differ."""
    mine, theirs = read(own), read(other)
    if own.written and other.written and mine != theirs:
        own.problem(f"{own.text()} differs from {other.text()} in {other.path}: write one of them")
    return mine if own.written else theirs


def replicas(scale: Cursor, deploy: Fields) -> int:
    """`scale` or `deploy.replicas`; one where neither is written, or `mode: global` runs one on each host."""
    mode = deploy["mode"].text("replicated")
    if mode not in ("replicated", "global"):
        deploy["mode"].problem(f"{shortened(mode)!r} is not supported: write replicated, or leave it out")
    if mode == "global" and "replicas" in deploy:
        deploy["replicas"].problem_at_key("mode global runs one replica on each host: remove replicas, or mode")
        return 1
    return agreed(scale, deploy["replicas"], lambda c: c.integer(low=0, high=MAX_REPLICAS, default=1))


def restart(service: Cursor, deploy: Cursor) -> RestartPolicy:
    """`deploy.restart_policy`, or else `restart`; where neither is written, replicas are kept running."""
    if deploy.written:
        if service.written:
            service.note("restart has no effect: deploy.restart_policy takes its place")
        return restart_policy(deploy)
    word = service.text()
    if not service.written or word in ("always", "unless-stopped"):
        return RestartPolicy()
    if word == "no":
        return RestartPolicy(condition=RestartCondition.NONE)
    if match := ON_FAILURE.fullmatch(word):
        return RestartPolicy(condition=RestartCondition.ON_FAILURE, max_attempts=int(match.group(1) or 0))
    service.problem(
        f'{shortened(word)!r} is not a restart policy: write "no", always, unless-stopped, on-failure or on-failure:3'
    )
    return RestartPolicy()


def restart_policy(cursor: Cursor) -> RestartPolicy:
    f = cursor.fields(vocabulary.RESTART_POLICY)
    default = RestartPolicy()
    conditions = {condition.value: condition for condition in RestartCondition}
    delay = f["delay"].duration(default.delay_seconds)
    return RestartPolicy(
        condition=f["condition"].word(conditions, RestartCondition.ANY),
        delay_seconds=delay,
        max_delay_seconds=max(delay, default.max_delay_seconds),
        window_seconds=f["window"].duration(default.window_seconds),
        max_attempts=f["max_attempts"].integer(low=0),
    )


def update_config(cursor: Cursor, rollback: bool = False) -> UpdateConfig:
    """`update_config`, or `rollback_config`, which cannot be rolled back itself."""
    f = cursor.fields(vocabulary.UPDATE_CONFIG)
    actions = {a.value: a for a in FailureAction if not (rollback and a is FailureAction.ROLLBACK)}
    default = UpdateConfig()
    return UpdateConfig(
        parallelism=f["parallelism"].integer(low=0, default=default.parallelism),
        delay_seconds=f["delay"].duration(default.delay_seconds),
        failure_action=f["failure_action"].word(actions, FailureAction.PAUSE if rollback else default.failure_action),
        monitor_seconds=f["monitor"].duration(default.monitor_seconds),
        max_failure_ratio=f["max_failure_ratio"].number(low=0, high=1),
        order=f["order"].word({order.value: order for order in Order}, default.order),
    )


def pull_policy(fields: Fields, built: bool) -> PullPolicy:
    """`pull_policy`; `built` says that the image is one that nobody but `docker compose build` makes."""
    cursor = fields["pull_policy"]
    word = cursor.text("missing")
    if word != "refresh" and "pull_refresh_after" in fields:
        fields["pull_refresh_after"].problem_at_key("pull_refresh_after needs `pull_policy: refresh`: add it")
    simple = {
        "missing": PullWhen.MISSING, "if_not_present": PullWhen.MISSING,
        "always": PullWhen.ALWAYS, "never": PullWhen.NEVER,
    }  # fmt: skip
    if word == "build":
        if "build" not in fields:
            cursor.problem("there is no `build` to build from: write missing, always or never")
        return PullPolicy(built=True)
    if word in simple:
        return PullPolicy(when=simple[word], built=built)
    return PullPolicy(when=PullWhen.EVERY, every_seconds=period(cursor, word, fields), built=built)


def period(cursor: Cursor, word: str, fields: Fields) -> float:
    if word in ("daily", "weekly"):
        return DAY if word == "daily" else 7 * DAY
    if word == "refresh":
        return fields.required("pull_refresh_after", "write after how long to pull again").duration()
    try:
        if not word.startswith("every_"):
            raise ValueError
        return units.duration(word.removeprefix("every_"))
    except ValueError:
        cursor.problem(
            f"{shortened(word)!r} is not a pull policy: write missing, always, never, daily, weekly or every_12h"
        )
        return 0.0


def ulimits(cursor: Cursor) -> tuple[Ulimit, ...]:
    found = []
    for name, value in cursor.entries():
        if isinstance(value.node, Map):
            f = value.fields(vocabulary.ULIMIT)
            soft = f.required("soft", "write both soft and hard").integer(low=-1)
            hard = f.required("hard", "write both soft and hard").integer(low=-1, default=-1)
        else:
            soft = hard = value.integer(low=-1)
        if hard != -1 and (soft == -1 or soft > hard):
            value.problem("soft is above hard: lower it")
        found.append(Ulimit(name=name, soft=soft, hard=hard))
    return tuple(sorted(found, key=lambda u: u.name))


def blkio(cursor: Cursor) -> Blkio | None:
    if not cursor.written:
        return None
    f = cursor.fields(vocabulary.BLKIO)
    return Blkio(
        weight=f["weight"].integer(low=10, high=1000),
        weight_device=blkio_devices(f["weight_device"], lambda c: c.integer(low=10, high=1000), "weight"),
        device_read_bps=blkio_devices(f["device_read_bps"], Cursor.size),
        device_read_iops=blkio_devices(f["device_read_iops"], Cursor.integer),
        device_write_bps=blkio_devices(f["device_write_bps"], Cursor.size),
        device_write_iops=blkio_devices(f["device_write_iops"], Cursor.integer),
    )


def blkio_devices(cursor: Cursor, read: Callable[[Cursor], int], key: str = "rate") -> tuple[BlkioDevice, ...]:
    section = vocabulary.BLKIO_WEIGHT if key == "weight" else vocabulary.BLKIO_RATE
    found = []
    for item in cursor.items():
        f = item.fields(section)
        path = f.required("path", "write the path of the device").text()
        found.append(BlkioDevice(path=path, value=read(f.required(key, "write its value"))))
    return tuple(sorted(found, key=lambda d: d.path))


def microseconds(text: str) -> int:
    """Microseconds as a whole number, or as a duration. Raises ValueError."""
    return int(text) if text.isdecimal() and len(text) < 16 else round(units.duration(text) * 1e6)


def bytes_or_unlimited(text: str) -> int:
    """A size, or -1 for no limit. Raises ValueError."""
    return -1 if text.strip() == "-1" else units.size(text)
