"""One container and its image to one service: only what differs from the image and from the engine's defaults.

Rules: what is not understood is told, field by field (`Facts.left`); what looks like a secret leaves for the env file;
what belongs to the machinery that made the container (Compose's labels, generated names) is not part of the service.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from zpmd.drafting import limits, mounts, network, process
from zpmd.drafting.words import Facts
from zpmd.drafting.yamltext import UNWRITABLE
from zpmd.model.survey import NOTHING, Json, Survey
from zpmd.redaction import by_looks, environment_secrets

Keys = dict[str, Any]

ORDER = (
    "image", "platform", "container_name", "hostname", "domainname", "entrypoint", "command", "user", "group_add",
    "working_dir", "tty", "stdin_open", "init", "stop_signal", "stop_grace_period", "env_file", "environment",
    "depends_on", "network_mode", "networks", "links", "external_links", "ports", "expose", "volumes", "tmpfs",
    "volumes_from", "healthcheck", "deploy", "logging", "labels",
)  # fmt: skip
"""How a reader expects them; the rest follows, as it comes."""

IGNORED = ("AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce", "OnBuild", "Shell", "ArgsEscaped", "Volumes")
"""Of `Config`: who was attached when it was made, what is of the image alone, and what `Mounts` says better."""
IGNORED_HOST = (
    "ConsoleSize", "ContainerIDFile", "Cgroup", "RestartPolicy", "IOMaximumIOps", "IOMaximumBandwidth", "Isolation",
)  # fmt: skip
"""Of `HostConfig`: the terminal of whoever made it, Windows' own, and what `restarts` reads."""
PRIVATE = (
    "something of it looks like a secret and is no variable, so it stays here, and the file has mode 0640: a secret of"
    " Compose's (`secrets`) keeps it apart"
)
OWN_IMAGE = "sha256:"
HEX = frozenset("0123456789abcdef")
SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Others:
    """What the containers of a file are called in it, by id and by name; and the targets of each one's mounts."""

    services: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mounted: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def service(self, reference: str) -> str:
        """The service of a container by its id or name; "" where it is none of this file."""
        return self.services.get(reference.lstrip("/"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDraft:
    """`keys` are the service as Compose writes it. `secrets` are variables for the env file.

    `notes` tell what could not be carried over, `remarks` what a reader should know of what was.
    """

    name: str
    keys: Keys
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names of the engine -> keys of the file; networks likewise."""
    networks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fixed_networks: frozenset[str] = frozenset()
    private: bool = False
    """Something in `keys` looks like a secret, and an env file is no place for it."""


def drafted(container: Json, survey: Survey, name: str, project: str, others: Others, replicas: int) -> ServiceDraft:
    """The service that this container is one of `replicas` of; `project` "" for one that Compose did not make."""
    config, host = Facts(container.get("Config")), Facts(container.get("HostConfig"))
    config.ignore(*IGNORED)
    host.ignore(*IGNORED_HOST)
    image = survey.images.get(str(container.get("Image")), NOTHING)
    base = image.get("Config") or {}
    notes: list[str] = []
    remarks: list[str] = []
    keys: Keys = {"image": _image(config.take("Image", ""), str(container.get("Image")), survey, remarks)}
    if own := container_name(container, name, project):
        keys["container_name"] = own

    mode = _joined(host.take("NetworkMode", "default"), others)
    engine = str(survey.about.get("ServerVersion") or "")
    on = network.attached(container, mode, survey.networks, project, _implied(container, name, project), engine)
    published, targets = network.ports(host, base)
    lent = _lent(host, others, keys)
    files = mounts.mounts(container, host, survey.volumes, lent, project, name, replicas)
    keys |= on.keys | ({"ports": published} if published else {})
    keys |= {"volumes": files.volumes} if files.volumes else {}
    keys |= {"tmpfs": files.tmpfs} if files.tmpfs else {}
    keys |= mounts.devices(host) | network.hosts(host) | _namespaces(host, others)
    keys |= _links(container, host, others)

    keys |= process.command(config, base) | process.labels(config, base) | process.healthcheck(config, base)
    keys |= process.surroundings(config, base, str(container.get("Id", "")), mode)
    keys |= process.exposed(config, base, targets)
    keys |= limits.privileges(host, survey.about) | limits.logging(host, survey.about)
    resources, beside = limits.resources(host, mounts.device_requests(host, notes))
    keys |= beside | ({"deploy": {"resources": resources}} if resources else {})

    variables = process.environment(config, base)
    secret = _secrets(variables)
    plain = {key: value for key, value in variables.items() if key not in secret}
    keys |= {"environment": dict(sorted(plain.items()))} if plain else {}
    if host.take("AutoRemove", default=False):
        notes.append("--rm: zpmd starts it again when it ends; its volumes without a name go when it is stopped")
    notes += [*on.notes, *files.notes]
    notes += [f"{key} = {str(value)[:80]}" for key, value in (*config.left(), *host.left())]
    private = any(by_looks(text) != text for text in _texts({k: v for k, v in keys.items() if k != "image"}))
    remarks += [PRIVATE] if private else []
    return ServiceDraft(
        name=name,
        keys=ordered(keys),
        secrets=secret,
        notes=tuple(notes),
        remarks=(*remarks, *files.remarks),
        volumes=files.names,
        networks=on.names,
        fixed_networks=frozenset(on.names) if on.fixed else frozenset(),
        private=private,
    )


def ordered(keys: Keys) -> Keys:
    first = {key: keys[key] for key in ORDER if key in keys}
    return first | {key: value for key, value in keys.items() if key not in first}


def with_keys(draft: ServiceDraft, more: Keys, remarks: Iterable[str] = ()) -> ServiceDraft:
    """The draft with more keys; what is below `deploy` joins what is there."""
    deploy = {**draft.keys.get("deploy", {}), **more.get("deploy", {})}
    keys = {**draft.keys, **more, **({"deploy": deploy} if deploy else {})}
    return replace(draft, keys=ordered(keys), remarks=(*draft.remarks, *remarks))


def container_name(container: Json, service: str, project: str) -> str:
    """The container's name where somebody chose it, "" where Compose did."""
    name = str(container.get("Name", "")).lstrip("/")
    label = (container.get("Config") or {}).get("Labels") or {}
    known = label.get("com.docker.compose.service", service)
    for joint in ("-", "_"):
        rest = name.removeprefix(f"{project}{joint}{known}{joint}")
        if project and rest != name and rest.partition("_")[0].isdecimal():
            return ""
    return name


def _implied(container: Json, service: str, project: str) -> list[str]:
    """Names that a container has on its networks without being told: Compose's, the engine's, zpmd's."""
    name = str(container.get("Name", "")).lstrip("/")
    hostname = str((container.get("Config") or {}).get("Hostname") or "")
    return [service, hostname, name] if project or name == service else [service, hostname]


def _image(written: str, image_id: str, survey: Survey, remarks: list[str]) -> str:
    """The image by the name it was asked for, if that still means the same one."""
    tags = (survey.images.get(image_id) or {}).get("RepoTags") or []
    bare = written.removeprefix(OWN_IMAGE)
    if not written or (len(bare) >= SHORT_ID and set(bare) <= HEX and image_id.startswith(f"{OWN_IMAGE}{bare}")):
        return str(tags[0] if tags else image_id)
    named = next((key for key, image in survey.images.items() if _is_named(written, image)), image_id)
    if named != image_id:
        remarks.append(
            f"the container runs {image_id[:19]}, an image that {written} meant earlier; a new one gets what it means"
            f" now: to keep the old one, write `image: {image_id}`"
        )
    return written


def _is_named(reference: str, image: Json) -> bool:
    names = {*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())}
    tail = reference.rpartition("/")[2]
    whole = reference if ":" in tail or "@" in tail else f"{reference}:latest"
    return bool(names & {whole, whole.removeprefix("docker.io/").removeprefix("library/")})


def _joined(mode: str, others: Others) -> str:
    """`container:ID` as `service:NAME` where it is a service of this file."""
    kind, _, reference = str(mode).partition(":")
    service = others.service(reference) if kind == "container" else ""
    return f"service:{service}" if service else str(mode)


def _namespaces(host: Facts, others: Others) -> Keys:
    keys: Keys = {}
    for key, word, unsaid in (("IpcMode", "ipc", ("", "private")), ("PidMode", "pid", ("",))):
        mode = _joined(host.take(key, ""), others)
        if mode not in unsaid:
            keys[word] = mode
    return keys


def _lent(host: Facts, others: Others, keys: Keys) -> frozenset[str]:
    """`volumes_from`, and the targets that are mounted by it."""
    written, targets = [], frozenset[str]()
    for text in host.take("VolumesFrom", []):
        reference, _, mode = text.partition(":")
        service = others.service(reference)
        words = [service] if service else ["container", reference]
        written.append(":".join([*words, *([mode] if mode not in ("", "rw") else [])]))
        targets |= others.mounted.get(reference.lstrip("/"), frozenset())
    keys |= {"volumes_from": written} if written else {}
    return targets


def _links(container: Json, host: Facts, others: Others) -> Keys:
    """Of both kinds: those of the default bridge, `/db:/web/alias`, and those of networks, `db:alias`."""
    pairs = [text.split(":", 1) for text in host.take("Links", [])]
    for endpoint in ((container.get("NetworkSettings") or {}).get("Networks") or {}).values():
        pairs += [text.split(":", 1) for text in (endpoint or {}).get("Links") or ()]
    inner: dict[str, None] = {}
    outer: dict[str, None] = {}
    for reference, *rest in pairs:
        name, alias = reference.lstrip("/"), (rest[0] if rest else reference).rpartition("/")[2]
        service = others.service(name)
        if not service:
            outer[f"{name}:{alias}" if alias != name else name] = None
        elif alias in (service, name, f"{service}_1"):
            inner.setdefault(service)
        else:
            inner[f"{service}:{alias}"] = None
    named = {link.partition(":")[0] for link in inner if ":" in link}
    inner = {link: None for link in inner if link not in named}
    return ({"links": list(inner)} if inner else {}) | ({"external_links": list(outer)} if outer else {})


def _secrets(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Variables that are secrets by their names or by their looks, and that an env file can hold."""
    return {
        name: value
        for name, value in sorted(variables.items())
        if value and not UNWRITABLE.search(value) and (environment_secrets([(name, value)]) or by_looks(value) != value)
    }


def _texts(value: Any) -> Collection[str]:
    """All texts below a value, pairs of a mapping as `key=value`."""
    match value:
        case str():
            return [value]
        case Mapping():
            pairs = [f"{key}={item}" for key, item in value.items() if isinstance(item, str)]
            return [*pairs, *(text for item in value.values() for text in _texts(item))]
        case list() | tuple():
            joined = [" ".join(item for item in value if isinstance(item, str))]
            return [*joined, *(text for item in value for text in _texts(item))]
        case _:
            return []
