"""One service of a Compose file to one `ServiceData`. What needs its siblings to judge is in checks.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from zpmd.model.container import Container, FileKind, Pairs
from zpmd.model.service import Dependency, Group, Order, PullPolicy, ServiceData
from zpmd.settings import VMS
from zpmd.sources import zones
from zpmd.sources.compose import dependencies, deploy, jobs, mounts, network, process, vocabulary
from zpmd.sources.compose.files import Files, Unit
from zpmd.sources.compose.jobs import Zone
from zpmd.sources.compose.objects import Objects
from zpmd.sources.nodes import Entry, Map, shortened
from zpmd.sources.reading import Cursor, Fields, Report, honoured, listing

ROLES = ("active", "passive", "secondary-active")
VM_ROLES = {"service-vm": "service", "database-vm": "database"}
"""Words of `roles` that say which VM is meant, and what that is called in the settings."""
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
IMAGE = re.compile(
    r"(?:[a-zA-Z0-9.\-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._\-/]+[a-z0-9]+)*(?::\w[\w.\-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?"
    r"|sha256:[0-9a-f]{12,64}"
)


@dataclass(frozen=True)
class Host:
    """What decides which services run on this host."""

    role: str = "active"
    vms: tuple[str, ...] = VMS
    profiles: tuple[str, ...] = ()
    zone: Zone = field(default=zones.zone, repr=False)
    """The time zones that it knows."""


@dataclass(frozen=True)
class Parsed:
    """A service, and what the checks need beside it. `off` says why it does not run here, "" where it does; `retired`
    that it is for the role of this host, so that what still runs of it is to go."""

    data: ServiceData
    cursor: Cursor
    fields: Fields
    ports: network.Ports
    needs: Mapping[str, tuple[Dependency, Cursor]]
    off: str = ""
    retired: bool = False


class NothingRead:
    """Stands in for the files of a service that does not run here: they need not exist."""

    def read(self, path: str) -> bytes:  # noqa: ARG002 (the shape of Files)
        return b""


@dataclass(frozen=True)
class Context:
    """What a service is read in. `key` is the one that it is written under, and `report` takes the complaints."""

    key: str
    unit: Unit
    objects: Objects
    host: Host
    files: Files
    report: Report
    group: Group = Group.CORE
    """Where nothing says otherwise."""


def service(name: str, entry: Entry, context: Context) -> Parsed | None:
    cursor = Cursor(entry.node, f"services.{context.key}", context.report, entry.mark)
    if not NAME.fullmatch(name) or len(name) > 128:
        cursor.problem_at_key(
            f"{shortened(name)!r} is not a service name: use letters, digits, `_`, `.` and `-`, a letter or digit first"
        )
        return None
    if not isinstance(cursor.node, Map):
        cursor.problem_at_key("a service is a mapping: write at least `image`")
        return None
    return Reader(name, cursor, cursor.fields(vocabulary.SERVICE), context, context.objects, context.files).parsed()


@dataclass
class Reader:
    name: str
    cursor: Cursor
    fields: Fields
    context: Context
    objects: Objects
    files: Files

    @property
    def unit(self) -> Unit:
        return self.context.unit

    def parsed(self) -> Parsed:
        f = self.fields
        zpmd = f["x-zpmd"].fields(vocabulary.SERVICE_ZPMD)
        if "for_each" not in zpmd:
            for key in (key for key in vocabulary.TEMPLATE_ZPMD if key in zpmd):
                zpmd[key].problem_at_key("has a meaning only beside `for_each`: remove it, or write that")
        misfit = self.misfit(zpmd)
        off = misfit or self.unwanted()
        if off:
            self.files = NothingRead()
            self.objects = replace(self.objects, files=self.files, contents={})
        ports = network.ports(f["ports"])
        needs = dependencies.awaited(f)
        deployed = f["deploy"].fields(vocabulary.DEPLOY)
        deployed["placement"].fields(vocabulary.PLACEMENT)
        update = deploy.update_config(deployed["update_config"])
        data = ServiceData(
            name=self.name,
            group=self.zpmd(zpmd, "group").word({group.value: group for group in Group}, self.context.group),
            container=self.container(deployed, ports),
            replicas=deploy.replicas(f["scale"], deployed),
            depends_on=tuple(need for _, (need, _) in sorted(needs.items())),
            restart=deploy.restart(f["restart"], deployed["restart_policy"]),
            update=update,
            rollback=deploy.update_config(deployed["rollback_config"], rollback=True),
            stop_grace_seconds=f["stop_grace_period"].duration(10.0),
            pull=self.pull(),
            required=self.zpmd(zpmd, "required").boolean(default=True),
            watch=process.watched(f["develop"]),
            watch_pace=process.watch_pace(zpmd["watch"]),
            origin=f"{self.cursor.mark.origin.name}:{self.cursor.mark.line}",
        )
        if "schedule" in zpmd:
            policy = jobs.policy(zpmd["schedule"], self.context.host.zone, templated="for_each" in zpmd)
            data = replace(data, job=policy, restart=jobs.NEVER)
            jobs.misfits(f, zpmd, deployed, data, ports)
        else:
            self.one_name(data, deployed["update_config"])
        return Parsed(data, self.cursor, f, ports, needs, off, retired=bool(misfit))

    def zpmd(self, own: Fields, key: str) -> Cursor:
        return own[key] if key in own else replace(self.unit.default(key), report=self.context.report)

    def misfit(self, zpmd: Fields) -> str:
        """Why the service is not for a host of this role."""
        host = self.context.host
        known = {word: word for word in (*ROLES, *VM_ROLES)}
        words = [word for item in self.zpmd(zpmd, "roles").items() if (word := item.word(known, ""))]
        roles = [word for word in words if word in ROLES]
        if roles and host.role not in roles:
            return f"it runs on hosts with the role {' or '.join(roles)}, and this one is {host.role}"
        vms = [word for word in words if word in VM_ROLES]
        if vms and not any(VM_ROLES[word] in host.vms for word in vms):
            mine = listing([word for word, vm in VM_ROLES.items() if vm in host.vms] or ["neither"])
            return f"it runs on a {' or '.join(vms)}, and this host is {mine}"
        return ""

    def unwanted(self) -> str:
        """Why nobody asked for the service."""
        profiles, active = self.fields["profiles"].texts(), self.context.host.profiles
        if profiles and "*" not in active and not set(profiles) & set(active):
            return f"none of its profiles ({', '.join(profiles)}) is active"
        return ""

    def image(self) -> str:
        cursor = self.fields["image"]
        image = cursor.text()
        if "build" in self.fields:
            self.build(bool(image))
        if not image:
            if "build" in self.fields:
                return self.built
            if not (isinstance(self.cursor.node, Map) and "provider" in self.cursor.node.entries):
                self.cursor.problem_at_key("image is missing: write the image to run")
        elif not IMAGE.fullmatch(image):
            cursor.problem(f"{shortened(image)!r} is not an image: write [registry/]name[:tag], in lower case")
        return image

    @property
    def built(self) -> str:
        """What `docker compose build` calls the image."""
        return f"{self.unit.project}-{self.context.key}"

    def build(self, has_image: bool) -> None:
        """zpmd never builds: `build` says what the image is called, and nothing more."""
        build = self.fields["build"]
        if isinstance(build.node, Map):
            build.fields(honoured(*vocabulary.BUILD))
        else:
            build.text()
        build.note(
            "build is not read: zpmd never builds, and runs the image that `image` names"
            if has_image
            else f"zpmd never builds: it waits for the image {self.built} of `docker compose build`"
        )

    def pull(self) -> PullPolicy:
        return deploy.pull_policy(self.fields, built="build" in self.fields and not self.fields["image"].text())

    def container(self, deployed: Fields, ports: network.Ports) -> Container:
        f, unit = self.fields, self.unit
        resources = deploy.resources(deployed["resources"])
        devices, named_devices = mounts.devices(f["devices"])
        labels = process.labels(f, self.files, unit.variables)
        mode = network.network_mode(f)
        files = (
            *mounts.grants(f["configs"], FileKind.CONFIG, self.objects, unit),
            *mounts.grants(f["secrets"], FileKind.SECRET, self.objects, unit),
        )
        logging = f["logging"].fields(vocabulary.LOGGING)
        return Container(
            image=self.image(),
            platform=f["platform"].text(),
            command=process.command(f["command"]),
            entrypoint=process.command(f["entrypoint"]),
            environment=process.environment(f, self.files, unit.variables),
            working_dir=f["working_dir"].text(),
            user=f["user"].text(),
            group_add=distinct(f["group_add"]),
            hostname=f["hostname"].text(),
            domainname=f["domainname"].text(),
            container_name=self.container_name(),
            labels=tuple(sorted(labels.items())),
            annotations=f["annotations"].pairs(),
            tty=f["tty"].boolean(),
            stdin_open=f["stdin_open"].boolean(),
            init=f["init"].flag(),
            stop_signal=f["stop_signal"].text(),
            healthcheck=process.healthcheck(f["healthcheck"]),
            post_start=process.hooks(f["post_start"], unit.variables),
            pre_stop=process.hooks(f["pre_stop"], unit.variables),
            mounts=mounts.mounts(f["volumes"], f["tmpfs"], self.objects, unit),
            files=files,
            volumes_from=tuple(sorted(t.removesuffix(":rw") for t in f["volumes_from"].texts())),
            read_only=f["read_only"].boolean(),
            shm_size_bytes=f["shm_size"].size(),
            storage_opt=f["storage_opt"].pairs(),
            network_mode=mode,
            networks=() if mode else network.attachments(f["networks"], self.objects, unit.project),
            ports=network.ordered(ports),
            expose=network.exposed(f["expose"]),
            dns=network.texts_of(f["dns"]),
            dns_opt=f["dns_opt"].texts(),
            dns_search=network.texts_of(f["dns_search"]),
            extra_hosts=network.extra_hosts(f["extra_hosts"]),
            links=distinct(f["links"]),
            external_links=distinct(f["external_links"]),
            mac_address=f["mac_address"].text(),
            privileged=f["privileged"].boolean(),
            cap_add=capabilities(f["cap_add"]),
            cap_drop=capabilities(f["cap_drop"]),
            security_opt=distinct(f["security_opt"]),
            userns_mode=f["userns_mode"].text(),
            cgroup=f["cgroup"].word({"host": "host", "private": "private"}, ""),
            cgroup_parent=f["cgroup_parent"].text(),
            ipc=f["ipc"].text(),
            pid=f["pid"].text(),
            uts=f["uts"].word({"host": "host"}, ""),
            isolation=f["isolation"].word({"default": ""}, ""),
            runtime=f["runtime"].text(),
            sysctls=f["sysctls"].pairs(),
            ulimits=deploy.ulimits(f["ulimits"]),
            devices=devices,
            device_cgroup_rules=distinct(f["device_cgroup_rules"]),
            device_requests=(*named_devices, *mounts.gpus(f["gpus"]), *resources.device_requests),
            cpus=deploy.agreed(f["cpus"], resources.limits["cpus"], lambda c: c.number(low=0)),
            cpu_count=f["cpu_count"].integer(low=0),
            cpu_percent=f["cpu_percent"].number(low=0, high=100),
            cpu_shares=f["cpu_shares"].integer(low=0),
            cpu_period=f["cpu_period"].converted(deploy.microseconds, 0),
            cpu_quota=f["cpu_quota"].integer(),
            cpu_rt_period=f["cpu_rt_period"].converted(deploy.microseconds, 0),
            cpu_rt_runtime=f["cpu_rt_runtime"].converted(deploy.microseconds, 0),
            cpuset=f["cpuset"].text(),
            mem_limit_bytes=deploy.agreed(f["mem_limit"], resources.limits["memory"], Cursor.size),
            mem_reservation_bytes=deploy.agreed(f["mem_reservation"], resources.reservations["memory"], Cursor.size),
            memswap_limit_bytes=f["memswap_limit"].converted(deploy.bytes_or_unlimited, 0),
            mem_swappiness=f["mem_swappiness"].integer(low=0, high=100) if "mem_swappiness" in f else None,
            oom_kill_disable=f["oom_kill_disable"].boolean(),
            oom_score_adj=f["oom_score_adj"].integer(low=-1000, high=1000),
            pids_limit=deploy.agreed(f["pids_limit"], resources.limits["pids"], lambda c: c.integer(low=-1)),
            blkio=deploy.blkio(f["blkio_config"]),
            log_driver=logging["driver"].text(),
            log_options=written_pairs(logging["options"]),
        )

    def container_name(self) -> str:
        cursor = self.fields["container_name"]
        name = cursor.text()
        if name and not (NAME.fullmatch(name) and len(name) > 1):
            cursor.problem(f"{shortened(name)!r} is not a container name: use letters, digits, `_`, `.` and `-`")
        return name

    def one_name(self, data: ServiceData, update: Cursor) -> None:
        """A fixed name, address or MAC can belong to one container at a time."""
        name = self.fields["container_name"]
        if name.written and data.replicas > 1:
            name.problem_at_key(f"one name cannot serve {data.replicas} replicas: remove container_name")
        if name.written and data.update.order is Order.START_FIRST:
            update.problem_at_key(
                "order start-first needs two containers for a moment, and container_name allows one: remove either"
            )
        fixed = [a for a in data.container.networks if a.ipv4_address or a.ipv6_address or a.mac_address]
        if data.replicas > 1 and (fixed or data.container.mac_address):
            where = self.fields["networks" if fixed else "mac_address"]
            where.problem_at_key(f"a fixed address cannot serve {data.replicas} replicas: remove it")


def written_pairs(cursor: Cursor) -> Pairs:
    """Pairs without those that have no value."""
    return tuple(sorted((name, value) for name, value in cursor.variables().items() if value is not None))


def distinct(cursor: Cursor) -> tuple[str, ...]:
    """A list whose order has no meaning."""
    return tuple(sorted(set(cursor.texts())))


def capabilities(cursor: Cursor) -> tuple[str, ...]:
    return tuple(sorted({text.upper().removeprefix("CAP_") for text in cursor.texts()}))
