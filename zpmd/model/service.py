"""A service as the domain knows it: name, group, context, ports, replicas; and the policies it is run by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zpmd.model.container import Container, Pairs
from zpmd.model.job import JobPolicy
from zpmd.model.text import printable
from zpmd.model.watch import Watched, WatchPace, WatchRule


class Group(StrEnum):
    """The four groups, in the order in which they start."""

    SYSTEM = "system"
    CORE = "core"
    BATCH = "batch"
    APP = "app"

    @property
    def order(self) -> int:
        return GROUPS.index(self)


GROUPS: tuple[Group, ...] = tuple(Group)


class Condition(StrEnum):
    """What a dependant waits for (Compose `depends_on.condition`)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One entry of `depends_on`. `restart`: replace the dependant after an operator's restart of the dependency.

    `required=False`: a dependency that is not declared (or is filtered out by profile or role) is not waited for.
    """

    service: str
    condition: Condition = Condition.STARTED
    restart: bool = False
    required: bool = True


class RestartCondition(StrEnum):
    NONE = "none"
    ON_FAILURE = "on-failure"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When a replica that ended is started again, and how fast.

    The curve is Kubernetes': the first restart at once, then `delay` doubling up to `max_delay`, set back after a run
    of `window` (pod-lifecycle: 10 s to 300 s, 10 min). zpmd begins at 1 s because a container start costs 0.3 s.
    `delay` and `window` are those of `deploy.restart_policy` where it is given; `max_attempts` 0 is unlimited.
    """

    condition: RestartCondition = RestartCondition.ANY
    delay_seconds: float = 1.0
    max_delay_seconds: float = 300.0
    window_seconds: float = 600.0
    max_attempts: int = 0


class Order(StrEnum):
    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


class FailureAction(StrEnum):
    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConfig:
    """`deploy.update_config` and `rollback_config`, as Swarm means them (swarmkit api/defaults/service.go).

    parallelism 1 (0 = all at once), monitor 5 s, order stop-first are Swarm's defaults; failure_action `rollback`
    instead of its `pause` is zpmd's: nobody watches an appliance at night. `max_failure_ratio`: failures divided by
    replicas to update; the action fires when strictly above.
    """

    parallelism: int = 1
    delay_seconds: float = 0.0
    failure_action: FailureAction = FailureAction.ROLLBACK
    monitor_seconds: float = 5.0
    max_failure_ratio: float = 0.0
    order: Order = Order.STOP_FIRST


class PullWhen(StrEnum):
    """`pull_policy`: `EVERY` carries its period in `PullPolicy.every_seconds` (daily, weekly, every_<duration>)."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"
    EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPolicy:
    when: PullWhen = PullWhen.MISSING
    every_seconds: float = 0.0
    built: bool = False
    """The service has `build` and no `image`: the image is one that only `docker compose build` makes, never pulled."""


class Under(StrEnum):
    """How a service stands under the patch that says what it is."""

    TRIAL = "trial"
    """It runs the patch's definition, and the patch may still be rolled back."""
    APPLIED = "applied"
    BACK = "back"
    """It goes back to what it ran before."""
    STUCK = "stuck"
    """Going back has failed: what runs is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """Which patch last had its word on a service. `base` is the image that the files name; `generation` the one that
    its replicas are to have at least, `tried` the one of its step under this patch."""

    patch: str
    number: int
    under: Under
    base: str = ""
    generation: int = 0
    tried: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceData:
    """One service. `container` is its context; a change in it replaces replicas, a change elsewhere does not."""

    name: str
    group: Group
    container: Container
    replicas: int = 1
    depends_on: tuple[Dependency, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    update: UpdateConfig = UpdateConfig()
    rollback: UpdateConfig = UpdateConfig(failure_action=FailureAction.PAUSE)
    stop_grace_seconds: float = 10.0
    pull: PullPolicy = PullPolicy()
    required: bool = True
    """Whether later groups wait for it (`x-zpmd: {required: false}` lets them go on without)."""
    tenant: str = ""
    watch: tuple[WatchRule, ...] = ()
    """`develop.watch` with action `restart`."""
    watch_pace: WatchPace = WatchPace()
    watched: Watched | None = None
    """How its watch stands; set together with the container's label by the layer of watched files."""
    template: str = ""
    """The template that it was stamped from, of an integration's or a tenant's service."""
    job: JobPolicy | None = None
    """It runs when it is due; it has no replicas."""
    patched: Patched | None = None
    """Set by the layer of patches (planning/layer.py), never by a source."""
    origin: str = ""
    """`file:line` of the definition, for messages; no part of any comparison of meaning."""

    @property
    def one_shot(self) -> bool:
        """It runs to completion: exit 0 is its good end, and nothing restarts it."""
        return self.restart.condition is not RestartCondition.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A named volume; `name` is the engine's name. An external one is never created, and nothing is ever removed
    of it. NFS is `driver="local"` with options type=nfs, o=addr=..., device=:/path."""

    name: str
    driver: str = "local"
    driver_opts: Pairs = ()
    labels: Pairs = ()
    external: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IpamPool:
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network; `name` is the engine's name of it."""

    name: str
    driver: str = ""
    driver_opts: Pairs = ()
    labels: Pairs = ()
    attachable: bool = False
    internal: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam_driver: str = ""
    ipam_options: Pairs = ()
    ipam_pools: tuple[IpamPool, ...] = ()
    external: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What should be: the sum of all sources at one instant. Services are sorted by (group, name), names are unique.

    `project` is the prefix of the names of containers. `complete` is False while a source has never answered: then
    what is missing is unknown, not absent, and nothing is removed. `retired` are names that are not to run here on
    evidence (a row says inactive, another server has the role), each with that evidence; `held` are services that are
    still here although their source no longer has them, each with why: `zpmctl approve` lets them go.
    """

    services: tuple[ServiceData, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    networks: tuple[NetworkSpec, ...] = ()
    project: str = "zpmd"
    complete: bool = True
    retired: Pairs = ()
    held: Pairs = ()
    templates: tuple[str, ...] = ()
    """Names of the templates of integrations, also of those that no integration uses now."""

    def service(self, name: str) -> ServiceData | None:
        return next((s for s in self.services if s.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One complaint about an input: `file:line:column: path: message`. Line and column count from 1, 0 = unknown.

    It is one line that can be printed, whatever the input has in its keys and its name. `path` and `message` are so
    from the beginning; `file` stays the name by which the file is found.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", printable(self.path))
        object.__setattr__(self, "message", printable(self.message))

    def __str__(self) -> str:
        file = printable(self.file)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
