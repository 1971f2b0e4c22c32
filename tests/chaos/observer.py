"""The independent observer: reads the engine with a client of its own, past the wire and past zpmd, and judges.

It knows nothing of zpmd but the names of four labels. Each second it takes the whole list, inspects every container,
and holds what it sees against the last time and against the ledger of faults:

- one live container a slot; two only for a start-first service in the WINDOW after a change of its file, and of
  different specs;
- a container of ours that was started again was crashed, sickened, or under an engine that was restarted, after it was
  last started and before it was started again;
- one that is gone was hurt in that way since it was last started, or its service's file asks for another edition than
  it has, or did so since then or NOTICE ago; or the file was changed in the last WINDOW and the service hurt after
  that: a rollback; one that never ran may also have been lost on the wire;
- strangers are there, the same ones, and were never started again; they may have ended with an engine.

The death of zpmd, a frozen engine and a slow or broken wire explain nothing: they must not be felt by any container.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker
import docker.errors
import requests

from tests.chaos.appliance import BY_NAME, CHANGED, SERVICES
from tests.chaos.ledger import ENGINE_RESTARTS, WIRE, Fault, Kind, Ledger, clock
from tests.lab.engine import API_VERSION

OWNER, SERVICE, SLOT, SPEC = "io.zpmd.owner", "io.zpmd.service", "io.zpmd.slot", "io.zpmd.spec"
WINDOW_SECONDS = 180.0
"""A fault explains what follows within this time after its end."""
NOTICE_SECONDS = 15.0
"""So long may zpmd, which is killed all the time, still act on an edition that has been taken back."""
LIVE = frozenset({"created", "running", "paused", "restarting"})
ENGINE_AWAY = (docker.errors.DockerException, requests.RequestException, http.client.HTTPException, OSError)


@dataclass(frozen=True, slots=True)
class Seen:
    """One container as the engine told of it. `started` is 0 where it never ran."""

    id: str
    name: str
    owner: str
    service: str
    slot: str
    spec: str
    edition: str
    state: str
    health: str
    pid: int
    created: float
    started: float
    at: float
    """When the engine had told it."""

    @property
    def place(self) -> str:
        return f"{self.service}/{self.slot}"

    @property
    def since(self) -> float:
        return self.started or self.created

    def __str__(self) -> str:
        ran = f"started {clock(self.started)}" if self.started else "never started"
        return f"{self.place} {self.id[:12]} ({self.state}, spec {self.spec}, {ran})"


class Observer:
    """Call `look` again and again; `watch` does so each second in a thread of its own."""

    def __init__(self, url: str, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._now = now
        self._client = docker.APIClient(base_url=url, version=API_VERSION, timeout=5)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._ours: dict[str, Seen] = {}
        self._strangers: dict[str, Seen] = {}
        self._welcome: dict[str, float] = {}
        self.owner = ""
        self.rounds = self.away = 0
        self.checks: Counter[str] = Counter()
        self.explained: Counter[str] = Counter()
        self.violations: list[str] = []

    # what the storm asks and tells

    def ours(self) -> list[Seen]:
        """As last seen."""
        with self._lock:
            return sorted(self._ours.values(), key=lambda c: (c.place, c.created))

    def welcome(self, stranger_id: str) -> None:
        """This stranger is there from now on, and nobody else's business."""
        with self._lock:
            self._welcome[stranger_id] = self._now()

    def farewell(self, stranger_id: str) -> None:
        """The storm itself is about to take it away."""
        with self._lock:
            self._welcome.pop(stranger_id, None)
            self._strangers.pop(stranger_id, None)

    # looking

    def watch(self, stop: threading.Event) -> None:
        while not stop.wait(1.0):
            self.look()

    def look(self) -> bool:
        """One round. False where the engine did not tell."""
        began = self._now()
        try:
            seen = self._everything()
        except ENGINE_AWAY:
            self.away += 1
            return False
        with self._lock:
            welcome = dict(self._welcome)
        ours = {c.id: c for c in seen if self.owner and c.owner == self.owner}
        self._slots(ours)
        self._fates(ours)
        self._guests({c.id: c for c in seen if c.id not in ours}, welcome, began)
        self.rounds += 1
        return True

    def adopt_owner(self) -> None:
        """Whose containers are watched: the one owner that is there before any stranger comes."""
        owners = {c.owner for c in self._everything()}
        assert len(owners) == 1, f"one installation is expected, not {owners}"
        self.owner = owners.pop()

    def missing(self, editions: dict[str, str]) -> str:
        """What of the declared appliance is not there, or "" when all is: the right number, running, healthy, of the
        right edition, and nothing else."""
        try:
            seen = [c for c in self._everything() if c.owner == self.owner] if self.owner else self._everything()
        except ENGINE_AWAY as error:
            return f"the engine does not answer: {error}"
        for service in SERVICES:
            mine = [c for c in seen if c.service == service.name]
            good = [
                c
                for c in mine
                if c.state == "running"
                and c.health == ("healthy" if service.healthy else "")
                and c.edition == editions[service.name]
            ]
            if len(mine) != service.replicas or len({c.slot for c in good}) != service.replicas:
                return f"{service.name}: {len(good)} of {service.replicas}; {'; '.join(map(str, mine)) or 'none there'}"
        return ""

    def commotion(self, since: int, until: int) -> tuple[list[str], int]:
        """What the engine did to containers of ours in this time, and how many events of any kind it told of."""
        client = docker.APIClient(base_url=self._url, version=API_VERSION, timeout=30)
        try:
            events = list(client.events(since=since, until=until, decode=True))
        finally:
            client.close()
        felt = {"create", "start", "stop", "kill", "die", "destroy", "restart", "rename", "update", "pause", "oom"}
        ours = [
            f"{event['Action']} {event['Actor']['Attributes'].get('name')}"
            for event in events
            if event.get("Type") == "container"
            and event["Actor"]["Attributes"].get(OWNER) == self.owner
            and event["Action"] in felt
        ]
        return ours, len(events)

    def close(self) -> None:
        self._client.close()

    def _everything(self) -> list[Seen]:
        seen: list[Seen] = []
        for item in self._client.containers(all=True):
            try:
                told = self._client.inspect_container(item["Id"])
            except docker.errors.NotFound:
                continue
            seen.append(_seen(told, self._now()))  # not earlier: a fault that it shows has begun by now
        return seen

    # judging

    def _slots(self, ours: dict[str, Seen]) -> None:
        places: dict[str, list[Seen]] = {}
        for container in ours.values():
            if container.state in LIVE:
                places.setdefault(container.place, []).append(container)
        for place, live in places.items():
            self.checks["one live container a slot"] += 1
            if len(live) > 1 and not self._is_being_changed(live):
                self._violation(f"{len(live)} live containers in {place}: {'; '.join(map(str, live))}", place)

    def _is_being_changed(self, live: list[Seen]) -> bool:
        service = BY_NAME.get(live[0].service)
        now = live[0].at
        changed = any(f.kind is Kind.FILE_CHANGED and f.target == live[0].service for f in self._recent(now))
        return bool(service and service.start_first and changed and len({c.spec for c in live}) == len(live) == 2)

    def _fates(self, ours: dict[str, Seen]) -> None:
        """What became of each container that was there the last time."""
        with self._lock:
            before, self._ours = self._ours, ours
        for container_id, old in before.items():
            self.checks["the same container, started when it was"] += 1
            new = ours.get(container_id)
            if new is None:
                self._judge("gone", old, self._now())
            elif new.started != old.started and old.started:
                self._judge("started again", old, new.started)
            elif new.started != old.started:
                self._ledger.tell(f"seen: {new} runs now")
            elif (new.state, new.health) != (old.state, old.health):
                self._ledger.tell(f"seen: {new.place} {new.id[:12]} is {new.state} {new.health}")
        for container_id in ours.keys() - before.keys():
            self._ledger.tell(f"seen: {ours[container_id]} is new")

    def _judge(self, what: str, old: Seen, at: float) -> None:
        cause = self._cause(old, at, gone=what == "gone")
        self._ledger.tell(f"seen: {old} {what} at {clock(at)}: {cause or 'UNEXPLAINED'}")
        if cause:
            self.explained[f"{what}: {cause}"] += 1
        else:
            self._violation(f"{old} was {what} at {clock(at)}, and no fault explains it", old.place)

    def _cause(self, old: Seen, at: float, gone: bool) -> str:
        """The kind of a fault that explains what became of a container between `old` and `at`, or ""."""
        recent = self._recent(at)
        hurt = [f for f in recent if f.container_id == old.id or f.kind in ENGINE_RESTARTS]
        causes = [f.kind for f in hurt if f.within(old.since, at)]
        changes = [f for f in recent if f.kind is Kind.FILE_CHANGED and f.target == old.service]
        earlier = min(old.since, at - NOTICE_SECONDS)
        in_force = [f for f in changes if f.began >= earlier] + [f for f in changes if f.began < earlier][-1:]
        if any(f.edition != old.edition for f in in_force):
            # a change mostly removes, a fault mostly restarts: which of the two is named matters to the figures alone
            causes = [*causes, Kind.FILE_CHANGED] if gone else [Kind.FILE_CHANGED, *causes]
        if gone and not old.started:
            causes = causes or [f.kind for f in recent if f.kind in WIRE and f.within(old.since, at)]
        if not causes and gone and self._taken_back(old, changes, recent):
            return f"{Kind.FILE_CHANGED}, and taken back"
        return causes[-1] if causes else ""

    def _taken_back(self, old: Seen, changes: list[Fault], recent: list[Fault]) -> bool:
        hurt = [f for f in recent if f.target.startswith(f"{old.service}/") or f.kind in ENGINE_RESTARTS]
        return any(fault.ended >= change.began for change in changes for fault in hurt)

    def _recent(self, at: float) -> list[Fault]:
        return [f for f in self._ledger.faults() if f.within(at - WINDOW_SECONDS, at)]

    def _guests(self, others: dict[str, Seen], welcome: dict[str, float], began: float) -> None:
        for stranger_id, since in welcome.items():
            if since >= began:
                continue
            self.checks["strangers untouched"] += 1
            new = others.get(stranger_id)
            with self._lock:
                if stranger_id not in self._welcome:
                    continue
                old = self._strangers.get(stranger_id)
                if new is not None:
                    self._strangers[stranger_id] = new
            if new is None:
                self._violation(f"stranger {old.name if old else stranger_id[:12]} is gone", "")
            elif old is not None and new.started != old.started:
                self._violation(f"stranger {new.name} was started again at {clock(new.started)}", "")
            elif new.state != "running" and not any(
                f.kind in ENGINE_RESTARTS and f.within(new.started, new.at) for f in self._ledger.faults()
            ):
                self._violation(f"stranger {new.name} is {new.state}", "")

    def _violation(self, text: str, place: str) -> None:
        line = f"{clock(self._now())} {text}"
        if not any(known.endswith(text) for known in self.violations):
            self.violations.append(line)
        self._ledger.tell(f"VIOLATION {text}" + (f" [grep the story for {place}]" if place else ""))


def _seen(told: dict[str, Any], at: float) -> Seen:
    state, labels = told["State"], told["Config"]["Labels"] or {}
    environment = dict(pair.partition("=")[::2] for pair in told["Config"]["Env"] or ())
    return Seen(
        id=told["Id"],
        name=told["Name"].strip("/"),
        owner=labels.get(OWNER, ""),
        service=labels.get(SERVICE, ""),
        slot=labels.get(SLOT, ""),
        spec=labels.get(SPEC, ""),
        edition=environment.get(CHANGED, ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        pid=state["Pid"],
        created=_instant(told["Created"]),
        started=_instant(state["StartedAt"]),
        at=at,
    )


def _instant(text: str) -> float:
    """RFC 3339 as Unix seconds; the engine's year 1, which means never, as 0."""
    return 0.0 if text.startswith("0001") else datetime.fromisoformat(text).timestamp()
