"""Services that stand for one service per active integration, `x-zpmd: {for_each: active-integration}`, or per active
tenant, `for_each: tenant`.

A template is read as any service is, once for each of them, after the values of its references were put into the
tree of its file. That is `stamp`; it reads no file and knows no database. When files are loaded every template is
stamped with probing values (probing.py), so that its mistakes are found without any integration.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from zpmd.model.container import MountKind
from zpmd.model.service import Group, NetworkSpec, Problem, ServiceData, VolumeSpec
from zpmd.model.watch import WatchRule
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.blanks import Filling, Prepared
from zpmd.sources.compose.files import Files, Unit
from zpmd.sources.compose.objects import Objects, by_name
from zpmd.sources.compose.service import Context, Host, Parsed, service
from zpmd.sources.nodes import Entry, Map, Mark, Node, Scalar
from zpmd.sources.reading import Cursor, Fields, Report, in_order
from zpmd.sources.references import References

EXECUTION_DIR = "integration.executionDir"
OWN_OUTPUT = ("**/__pycache__", "**/*.pyc", "**/*.log", "**/*.pid")
"""What an integration writes beside its own program, and what does not make it another one."""
RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class Each(Enum):
    """What there is one service for: a word of `for_each`."""

    INTEGRATION = "active-integration"
    TENANT = "tenant"

    @property
    def word(self) -> str:
        """As messages have it."""
        return "integration" if self is Each.INTEGRATION else "tenant"


class Credentials(Enum):
    """How the passwords of the tenant's database, and secret parameters, reach the containers."""

    FILES = "files"
    ENVIRONMENT = "environment"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Stamped:
    """The service of one integration or tenant, and the volumes and networks that it uses. `service` is None where
    there are problems: they name places of the template, and are about this one alone. `contents` are all its configs
    and secrets, by SHA-256."""

    service: ServiceData | None
    volumes: tuple[VolumeSpec, ...] = ()
    networks: tuple[NetworkSpec, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `x-zpmd` says of a template. `only` are the serviceNames that it is for, () for all others; `ports` are the
    first and the last port that its integrations may be given."""

    only: tuple[str, ...] = ()
    ports: tuple[int, int] | None = None
    credentials: Credentials = Credentials.FILES
    each: Each = Each.INTEGRATION


@dataclass(frozen=True, eq=False)
class Template:
    """One template. It is the same object as long as no file has changed, and then gives the same answers.

    `off` says why its services do not run on this host, "" where they do, and `retired` that it is for the host's role.
    """

    name: str
    group: Group
    wanted: Wanted
    origin: str
    off: str
    retired: bool
    source: Source = field(repr=False)

    @property
    def only(self) -> tuple[str, ...]:
        return self.wanted.only

    @property
    def ports(self) -> tuple[int, int] | None:
        return self.wanted.ports

    @property
    def credentials(self) -> Credentials:
        return self.wanted.credentials

    @property
    def each(self) -> Each:
        return self.wanted.each

    def stamp(
        self, service_name: str, references: Mapping[str, str], tenantcode: str, secrets: Collection[str] = ()
    ) -> Stamped:
        """The service of one integration or tenant. `references` are values by their names as the file has them,
        `tenant.db.host`, `params.NAME`; `secrets` are names that have a value and must not be used."""
        report = Report(written=self.source.references.shown)
        filling = Filling(self.source.references, report, lambda r: references.get(r.name), secrets)
        objects = self.source.objects.stamping(filling, self.source.files)
        node = filling.node(self.source.form)
        # What a value that cannot be put in leads to is not worth saying.
        parsed = None if report.problems else self.source.read(service_name, node, objects, report)
        problems, notes = in_order(report.problems), in_order(report.notes)
        if problems or parsed is None:
            return Stamped(None, problems=problems, notes=notes)
        data = replace(parsed.data, tenant=tenantcode, watch=watched(parsed, references.get(EXECUTION_DIR, "")))
        return Stamped(
            data,
            volumes=by_name(objects.volumes, {mount.source for mount in data.container.mounts}),
            networks=by_name(objects.networks, {a.network for a in data.container.networks}),
            contents=objects.contents,
            notes=notes,
        )


@dataclass(frozen=True)
class Source:
    """What a template is made from."""

    key: str
    form: Prepared
    mark: Mark
    unit: Unit
    objects: Objects
    references: References
    host: Host
    files: Files
    each: Each = Each.INTEGRATION

    def read(self, service_name: str, node: Node, objects: Objects, report: Report) -> Parsed | None:
        """The filled form as a service of this name."""
        context = Context(self.key, self.unit, objects, self.host, self.files, report, Group.APP)
        return service(service_name, Entry(self.mark, node), context)


def watched(parsed: Parsed, execution_dir: str) -> tuple[WatchRule, ...]:
    """What `develop.watch` says; where a template has no such thing, the integration's executionDir, as far as the
    container has it from this host: every bind mount whose source is that folder, or ends in it."""
    written = "develop" in parsed.fields and "watch" in parsed.fields["develop"].fields(vocabulary.DEVELOP)
    folder = posixpath.normpath("/" + execution_dir.strip("/"))
    if written or folder == "/" or parsed.data.job is not None:
        return parsed.data.watch
    binds = {m.source for m in parsed.data.container.mounts if m.kind is MountKind.BIND}
    return tuple(sorted(WatchRule(source, OWN_OUTPUT) for source in binds if source.endswith(folder)))


class Remembered:
    """Implements `Files`: asks once for each path, and knows the answer for good."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.contents: dict[str, bytes | OSError] = {}

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            try:
                self.contents[path] = self.files.read(path)
            except OSError as error:
                self.contents[path] = error
        found = self.contents[path]
        if isinstance(found, OSError):
            raise found.with_traceback(None)
        return found


def template_for(templates: Iterable[Template], service_name: str) -> Template | None:
    """The template for integrations of this serviceName, whether it is on or off here: one that names it goes before
    one that is for all others, and one that is on before one that is off."""
    fitting = [t for t in templates if t.each is Each.INTEGRATION and (service_name in t.only or not t.only)]
    return min(fitting, key=lambda t: (not t.only, bool(t.off)), default=None)


def is_template(node: Node) -> bool:
    zpmd = node.get("x-zpmd") if isinstance(node, Map) else None
    return isinstance(zpmd, Map) and zpmd.get("for_each") is not None


def each_of(node: Node) -> Each:
    """What a template is for, as far as it can be told before it is read."""
    zpmd = node.get("x-zpmd") if isinstance(node, Map) else None
    word = zpmd.get("for_each") if isinstance(zpmd, Map) else None
    return Each.TENANT if isinstance(word, Scalar) and word.text == Each.TENANT.value else Each.INTEGRATION


def wanted(cursor: Cursor) -> Wanted:
    """What the `x-zpmd` of a template says of it."""
    zpmd = cursor.fields(vocabulary.SERVICE_ZPMD)
    each = zpmd["for_each"].word({e.value: e for e in Each}, Each.INTEGRATION)
    if each is Each.TENANT:
        for key in (key for key in ("only", "ports") if key in zpmd):
            zpmd[key].problem_at_key("is of integrations, and this is for each tenant: remove it")
    only = zpmd["only"].texts()
    if zpmd["only"].written and not only:
        zpmd["only"].problem("names no integration: write serviceNames, or remove it")
    ports = zpmd["ports"].fields(vocabulary.TEMPLATE_PORTS)
    credentials = zpmd["credentials"].word({c.value: c for c in Credentials}, Credentials.FILES)
    return Wanted(only, port_range(zpmd, ports), credentials, each)


def port_range(zpmd: Fields, ports: Fields) -> tuple[int, int] | None:
    if "ports" not in zpmd:
        return None
    nothing: tuple[int, int] | None = None
    return ports.required("range", "write the ports to lease, as 9100-9999").converted(low_high, nothing)


def low_high(text: str) -> tuple[int, int] | None:
    """Raises ValueError."""
    match = RANGE.fullmatch(text)
    if not match:
        raise ValueError("is not a range of ports: write LOW-HIGH, as 9100-9999")
    low, high = int(match.group(1)), int(match.group(2))
    if not 1 <= low <= high <= 65535:
        raise ValueError("is not a range of ports: ports go from 1 to 65535, the lower one first")
    return low, high
