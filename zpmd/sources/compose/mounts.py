"""What a container sees of files and devices: volumes, tmpfs, configs, secrets, devices."""

from __future__ import annotations

import posixpath
import re

from zpmd.model.container import Device, DeviceRequest, FileKind, FileMount, Mount, MountKind
from zpmd.sources import units
from zpmd.sources.compose import vocabulary
from zpmd.sources.compose.files import Unit, absolute
from zpmd.sources.compose.objects import Objects
from zpmd.sources.nodes import Kind, Map, Scalar, shortened
from zpmd.sources.reading import Cursor

PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
CDI_DEVICE = re.compile(r"[a-zA-Z0-9._-]+\.[a-zA-Z0-9._-]+/[a-zA-Z0-9._-]+=[a-zA-Z0-9._:-]+")
WRITE_BITS = 0o222


def mounts(volumes: Cursor, tmpfs: Cursor, objects: Objects, unit: Unit) -> tuple[Mount, ...]:
    """`volumes` and `tmpfs`, sorted by target; a target that is mounted twice is a problem."""
    found: dict[str, Mount] = {}
    for item in volumes.items():
        mount = long_mount(item, objects, unit) if isinstance(item.node, Map) else short_mount(item, objects, unit)
        if mount:
            keep(found, mount, item)
    for item in tmpfs.one_or_many():
        target, _, options = item.text().partition(":")
        ordered_options = ",".join(sorted(filter(None, options.split(","))))
        keep(found, Mount(kind=MountKind.TMPFS, target=clean(item, target), tmpfs_options=ordered_options), item)
    return tuple(mount for _, mount in sorted(found.items()))


def keep(found: dict[str, Mount], mount: Mount, item: Cursor) -> None:
    if mount.target and found.setdefault(mount.target, mount) != mount:
        item.problem(f"{shortened(mount.target)} is mounted twice: remove one of them")


def clean(cursor: Cursor, target: str) -> str:
    """The path in the container, normalised; "" where it is none."""
    if not target.startswith("/"):
        cursor.problem(f"the target {shortened(target)!r} is not an absolute path of the container: begin with /")
        return ""
    return posixpath.normpath(target)


def short_mount(cursor: Cursor, objects: Objects, unit: Unit) -> Mount | None:
    """`[SOURCE:]TARGET[:MODE]`."""
    text = cursor.text()
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        cursor.problem(f"{shortened(text)!r} is not a mount: write SOURCE:TARGET, or SOURCE:TARGET:ro")
        return None
    if len(parts) == 1:
        return Mount(kind=MountKind.VOLUME, target=clean(cursor, text))
    options = mode_options(cursor, parts[2] if len(parts) == 3 else "")
    target = clean(cursor, parts[1])
    read_only, nocopy = "ro" in options, "nocopy" in options
    if parts[0][0] in "./~":
        return Mount(
            kind=MountKind.BIND,
            source=host_path(cursor, parts[0], unit),
            target=target,
            read_only=read_only,
            propagation=next((o for o in options if o in PROPAGATIONS), ""),
            selinux=next((o for o in options if o in ("z", "Z")), ""),
        )
    spec = objects.volume(cursor, parts[0], unit.project)
    source = spec.name if spec else parts[0]
    return Mount(kind=MountKind.VOLUME, source=source, target=target, read_only=read_only, nocopy=nocopy)


def mode_options(cursor: Cursor, mode: str) -> tuple[str, ...]:
    options = tuple(mode.split(",")) if mode else ()
    harmless = ("cached", "delegated", "consistent")
    for option in options:
        if option in harmless:
            cursor.note(f"mount option {option} has no effect on Linux")
        elif option not in ("ro", "rw", "z", "Z", "nocopy", *PROPAGATIONS):
            cursor.problem(
                f"mount option {shortened(option)!r} is not known: write ro, rw, z, Z, nocopy or a propagation"
            )
    return options


def host_path(cursor: Cursor, path: str, unit: Unit) -> str:
    return absolute(path, cursor.node.mark.origin.folder, unit.variables.get("HOME", ""))


def long_mount(cursor: Cursor, objects: Objects, unit: Unit) -> Mount | None:
    f = cursor.fields(vocabulary.MOUNT)
    kinds = {"bind": MountKind.BIND, "volume": MountKind.VOLUME, "tmpfs": MountKind.TMPFS}
    wanted = f.required("type", "write bind, volume or tmpfs")
    if wanted.text() in ("image", "npipe", "cluster"):
        wanted.problem(f"a mount of type {wanted.text()} is not supported: write bind, volume or tmpfs")
        return None
    kind = wanted.word(kinds, None)
    target_cursor = f.required("target", "write the path in the container")
    target = clean(target_cursor, target_cursor.text()) if target_cursor.written else ""
    if kind is None:
        return None
    for other in ("bind", "volume", "tmpfs"):
        if other in f and other != kind.value:
            f[other].problem_at_key(f"{other} has no meaning for a mount of type {kind.value}: remove it")
    bind = f["bind"].fields(vocabulary.MOUNT_BIND)
    volume = f["volume"].fields(vocabulary.MOUNT_VOLUME)
    tmpfs = f["tmpfs"].fields(vocabulary.MOUNT_TMPFS)
    return Mount(
        kind=kind,
        target=target,
        source=long_source(f["source"], kind, objects, unit),
        read_only=f["read_only"].boolean(),
        propagation=bind["propagation"].word({p: p for p in PROPAGATIONS}, ""),
        create_host_path=bind["create_host_path"].boolean(default=True),
        selinux=bind["selinux"].word({"z": "z", "Z": "Z"}, ""),
        nocopy=volume["nocopy"].boolean(),
        subpath=volume["subpath"].text(),
        tmpfs_size_bytes=tmpfs["size"].size(),
        tmpfs_mode=mode(tmpfs["mode"], 0),
    )


def long_source(cursor: Cursor, kind: MountKind, objects: Objects, unit: Unit) -> str:
    source = cursor.text()
    if kind is MountKind.TMPFS:
        if source:
            cursor.problem_at_key("a tmpfs has no source: remove it")
        return ""
    if kind is MountKind.BIND:
        if not source:
            cursor.problem_at_key("source is missing: write the path on the host")
        return host_path(cursor, source, unit) if source else ""
    if not source:
        return ""
    spec = objects.volume(cursor, source, unit.project)
    return spec.name if spec else source


def mode(cursor: Cursor, default: int) -> int:
    """File permissions; a plain decimal number is taken as such, and noted, because octal is nearly always meant."""
    if not cursor.written:
        return default
    node = cursor.node
    plain = isinstance(node, Scalar) and node.kind is Kind.INTEGER
    value = cursor.converted(lambda text: units.file_mode(text, quoted=not plain), default)
    if plain and isinstance(node, Scalar) and not node.text.startswith("0"):
        cursor.note(f"{node.text} is read as a decimal number, so the mode is {value:#o}: write 0440 or the like")
    return value


# configs and secrets


def grants(cursor: Cursor, kind: FileKind, objects: Objects, unit: Unit) -> tuple[FileMount, ...]:
    """`configs` or `secrets` of a service, sorted by target."""
    found: dict[str, FileMount] = {}
    for item in cursor.items():
        mount = grant(item, kind, objects, unit)
        if mount and found.setdefault(mount.target, mount) != mount:
            item.problem(f"{shortened(mount.target)} is mounted twice: give one of them another target")
    return tuple(mount for _, mount in sorted(found.items()))


def grant(cursor: Cursor, kind: FileKind, objects: Objects, unit: Unit) -> FileMount | None:
    folder = "/run/secrets" if kind is FileKind.SECRET else "/"
    if not isinstance(cursor.node, Map):
        name = cursor.text()
        if not name:
            return None
        digest = objects.digest(cursor, name, kind, unit)
        return FileMount(kind=kind, name=name, digest=digest, target=posixpath.join(folder, name))
    f = cursor.fields(vocabulary.GRANT)
    source = f.required("source", f"write the name of the {kind.value}")
    name = source.text()
    if not name:
        return None
    return FileMount(
        kind=kind,
        name=name,
        digest=objects.digest(source, name, kind, unit),
        target=posixpath.normpath(posixpath.join(folder, f["target"].text() or name)),
        uid=f["uid"].text(),
        gid=f["gid"].text(),
        mode=mode(f["mode"], 0o444) & ~WRITE_BITS,
    )


# devices


def devices(cursor: Cursor) -> tuple[tuple[Device, ...], tuple[DeviceRequest, ...]]:
    """Host devices, sorted by target; and those that are asked for by a CDI name."""
    plain: list[Device] = []
    named: list[str] = []
    for item in cursor.items():
        if isinstance(item.node, Map):
            f = item.fields(vocabulary.DEVICE)
            source = f.required("source", "write the path of the device").text()
            target, permissions = f["target"].text(), f["permissions"].text()
        else:
            text = item.text()
            if CDI_DEVICE.fullmatch(text):
                named.append(text)
                continue
            source, target, permissions = (*text.split(":", 2), "", "")[:3]
            if not permissions and target and not target.startswith("/") and set(target) <= set("rwm"):
                target, permissions = "", target
        if CDI_DEVICE.fullmatch(source):
            named.append(source)
        elif not source.startswith("/") or set(permissions) - set("rwm"):
            item.problem(
                f"{shortened(source)!r} is not a device: write /dev/HOST, /dev/HOST:/dev/CONTAINER or "
                "/dev/HOST:/dev/CONTAINER:rwm"
            )
        else:
            plain.append(Device(source=source, target=target or source, permissions=permissions or "rwm"))
    requests = (DeviceRequest(driver="cdi", device_ids=tuple(sorted(named))),) if named else ()
    return tuple(sorted(plain, key=lambda d: (d.target, d.source))), requests


def gpus(cursor: Cursor) -> tuple[DeviceRequest, ...]:
    """`gpus: all`, or a list of requests that imply the capability `gpu`."""
    if isinstance(cursor.node, Scalar):
        every = (DeviceRequest(count=-1, capabilities=(("gpu",),)),)
        return cursor.word({"all": every}, ())
    return tuple(device_request(item, implied=("gpu",)) for item in cursor.items())


def device_request(cursor: Cursor, implied: tuple[str, ...] = ()) -> DeviceRequest:
    f = cursor.fields(vocabulary.DEVICE_REQUEST)
    capabilities = f["capabilities"].texts()
    if not implied and not capabilities:
        cursor.problem_at_key("capabilities is missing: write for example `capabilities: [gpu]`")
    if "count" in f and "device_ids" in f:
        f["count"].problem_at_key("count and device_ids exclude each other: remove one of them")
    ids = f["device_ids"].texts()
    everything = -1 if not ids else 0
    count = everything if f["count"].text("all") == "all" else f["count"].integer(low=-1)
    return DeviceRequest(
        driver=f["driver"].text(),
        count=count,
        device_ids=tuple(sorted(ids)),
        capabilities=(tuple(sorted({*capabilities, *implied})),),
        options=f["options"].pairs(),
    )
