"""What only shows when all services are side by side: undefined and circular dependencies, conflicts, dead ends."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from zpmd.model.service import Condition, Dependency, RestartCondition, RestartPolicy, ServiceData
from zpmd.sources.compose import jobs, vocabulary
from zpmd.sources.compose.network import port_range
from zpmd.sources.compose.probing import Probed
from zpmd.sources.compose.service import Parsed
from zpmd.sources.compose.templates import Each
from zpmd.sources.nodes import shortened
from zpmd.sources.reading import Cursor, suggestion

MAX_CYCLES = 10
EVERYWHERE = ("", "0.0.0.0", "::")  # nosec B104 # nothing is bound

Services = Mapping[str, Parsed]
Templates = Mapping[str, Probed]


def settled(services: Services, templates: Iterable[Probed]) -> dict[str, Parsed]:
    """The services, one-shots recognised: what others wait for to complete runs until it has, unless it says otherwise.
    A reboot in the middle of it must not leave its dependants waiting for a person."""
    awaited = {
        need.service
        for p in (*services.values(), *(t.parsed for t in templates))
        for need, _ in p.needs.values()
        if need.condition is Condition.COMPLETED
    }

    def once(parsed: Parsed) -> Parsed:
        restart = RestartPolicy(condition=RestartCondition.ON_FAILURE)
        return replace(parsed, data=replace(parsed.data, restart=restart))

    return {
        name: once(p) if name in awaited and not restart_written(p) and p.data.job is None else p
        for name, p in services.items()
    }


def restart_written(parsed: Parsed) -> bool:
    deploy = parsed.fields["deploy"].node
    return "restart" in parsed.fields or bool(getattr(deploy, "get", lambda _: None)("restart_policy"))


def check(services: Services, templates: Templates) -> None:
    """Report all that is wrong between services; of those that do not run here only what others need of them."""
    running = {name: p for name, p in services.items() if not p.off}
    stamped = [t for t in templates.values() if not t.template.off]
    for parsed in (*services.values(), *(t.parsed for t in templates.values())):
        for need, cursor in parsed.needs.values():
            dependency(parsed, need, cursor, services, templates)
    cycles(services)
    host_ports(running)
    replicated_ports((*running.values(), *(t.parsed for t in stamped)))
    container_names(running.values())
    audiences(stamped)


def audiences(templates: Iterable[Probed]) -> None:
    """For each integration there is one template at most."""
    others: Probed | None = None
    known: dict[str, Probed] = {}
    for probed in (one for one in templates if one.template.each is Each.INTEGRATION):
        x_zpmd = probed.x_zpmd.fields(vocabulary.SERVICE_ZPMD)
        if not probed.template.only and "only" not in x_zpmd:
            if others is not None:
                x_zpmd["for_each"].problem_at_key(
                    f"{others.template.name} at {others.parsed.cursor.mark} is for all integrations already: write "
                    "`only`, the serviceNames that this one is for"
                )
            others = others or probed
        for item in x_zpmd["only"].items():
            first = known.setdefault(item.text(), probed)
            if first is not probed:
                item.problem(f"{shortened(item.text())!r} is one of {first.template.name}'s: remove it here or there")


def dependency(parsed: Parsed, need: Dependency, cursor: Cursor, services: Services, templates: Templates) -> None:
    other = services.get(need.service)
    if need.service in templates:
        cursor.problem_at_key(
            f"{need.service} is a template, which becomes any number of services or none: remove it, or write what it "
            "waits for itself"
        )
    elif other is None and need.required:
        cursor.problem_at_key(
            f"service {shortened(need.service)!r} is not defined"
            + (suggestion(need.service, services) or ": define it, or write `required: false`")
        )
    if other is None or parsed.off:
        return
    if other.off:
        if need.required:
            cursor.problem_at_key(
                f"{need.service} does not run here, {other.off}: switch it on, or write `required: false`"
            )
        return
    order_of_groups(parsed.data, other.data, cursor)
    if other.data.job is not None:
        jobs.waiting(need, cursor)
    else:
        conditions(need, other.data, cursor)


def order_of_groups(dependant: ServiceData, needed: ServiceData, cursor: Cursor) -> None:
    if dependant.required and dependant.job is None and dependant.group.order < needed.group.order:
        cursor.problem_at_key(
            f"{dependant.name} is in group {dependant.group} and cannot wait for {needed.name} of the later group "
            f"{needed.group}, which starts after it: move one of them, or write `x-zpmd: {{required: false}}`"
        )


def conditions(need: Dependency, needed: ServiceData, cursor: Cursor) -> None:
    check = needed.container.healthcheck
    if need.condition is Condition.HEALTHY:
        if check is not None and check.test == ("NONE",):
            cursor.problem_at_key(
                f"{needed.name} can never be healthy, its healthcheck is switched off: wait for service_started"
            )
        elif check is None:
            cursor.note(f"{needed.name} has no healthcheck here: it becomes healthy only if its image has one")
    if need.condition is Condition.COMPLETED and not needed.one_shot:
        cursor.problem_at_key(
            f'{needed.name} never completes, it is restarted whenever it ends: write `restart: "no"` or '
            "`restart: on-failure` there"
        )


def cycles(services: Services) -> None:
    """Every cycle once, at the dependency that closes it."""
    graph = {name: {need for need in p.needs if need in services} for name, p in services.items()}
    for _ in range(MAX_CYCLES):
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            # Each service is needed by the one after it.
            ring: list[str] = list(reversed(error.args[1]))[:-1]
            start = ring.index(min(ring))
            ring = ring[start:] + ring[:start]
            _, cursor = services[ring[0]].needs[(ring + ring)[1]]
            shown = [*ring, ring[0]] if len(ring) < 12 else [*ring[:10], "…", ring[0]]
            cursor.problem_at_key(f"services wait for each other in a circle: {' -> '.join(shown)}; remove one of them")
            graph[ring[0]].discard((ring + ring)[1])
        else:
            return


def host_ports(services: Services) -> None:
    """A fixed host port belongs to one service."""
    taken: dict[tuple[int, str], list[tuple[str, str, Cursor]]] = defaultdict(list)
    for name, parsed in services.items():
        for binding, cursor in parsed.ports:
            if not binding.published or "-" in binding.published:
                continue
            place = (int(binding.published), binding.protocol)
            other = next((t for t in taken[place] if overlapping(t[1], binding.host_ip)), None)
            taken[place].append((name, binding.host_ip, cursor))
            if other:
                whose = "this service" if other[0] == name else other[0]
                cursor.problem(
                    f"host port {place[0]}/{place[1]} is taken by {whose} at {other[2].mark}: choose another one"
                )


def overlapping(one: str, other: str) -> bool:
    return one == other or one in EVERYWHERE or other in EVERYWHERE


def replicated_ports(services: Iterable[Parsed]) -> None:
    """Each replica needs a host port of its own."""
    for parsed in services:
        replicas = parsed.data.replicas
        for binding, cursor in parsed.ports if replicas > 1 else ():
            if not binding.published:
                continue
            first, last = port_range(binding.published)
            if last - first + 1 < replicas:
                cursor.problem(
                    f"{replicas} replicas cannot share host port {binding.published}: write a range, for example "
                    f'"{first}-{first + replicas - 1}:{binding.target}"'
                )


def container_names(services: Iterable[Parsed]) -> None:
    first: dict[str, Parsed] = {}
    for parsed in services:
        name = parsed.data.container.container_name
        if name and first.setdefault(name, parsed) is not parsed:
            parsed.fields["container_name"].problem(
                f"container_name {name} is that of {first[name].data.name} too: choose another one"
            )
