"""What the program in an image does on the simulated host. By default: start, get healthy, run until told to end.

A tag says otherwise, in appliances that are made for simulation: `:crash1` ends with 1 after a second, `:sick1` never
gets healthy, `:dull1` is starting for ever, `:refuse1` cannot be started at all, `:long1` ends well after 100 seconds
and `:hang1` never. Of a one-shot and of a job the default is to end well after two seconds.
"""

from __future__ import annotations

from dataclasses import replace

from zpmd.engines.simulated_container import Behaviour
from zpmd.model.container import Container, Healthcheck
from zpmd.model.service import Desired

ONE_SHOT_SECONDS = 2.0
DULL_SECONDS = 30 * 86400.0
CHECK = Healthcheck(test=("CMD", "probe"), interval_seconds=1.0, retries=2)

BEHAVIOURS = {
    "crash": Behaviour(lives_for_seconds=1.0, exit_code=1),
    "oom": Behaviour(lives_for_seconds=1.5, exit_code=137, oom_killed=True),
    "sick": Behaviour(never_healthy=True, healthcheck=CHECK),
    "dull": Behaviour(never_healthy=True, healthcheck=replace(CHECK, start_period_seconds=DULL_SECONDS)),
    "refuse": Behaviour(fails_to_start="exec: /bin/main: no such file or directory"),
    "stubborn": Behaviour(ignores_term=True),
    "slow": Behaviour(healthy_after_seconds=1.5),
    "long": Behaviour(lives_for_seconds=100.0),
}


HANGS = "hang"
HOPELESS = frozenset({"crash", "oom", "sick", "dull", "refuse"})


def kind(container: Container) -> str:
    """The word in its image's tag."""
    return _word(container.image)


def _word(image: str) -> str:
    return image.rpartition(":")[2].rstrip("0123456789")


def hopeless(image: str) -> bool:
    """Whether it can never be well."""
    return _word(image) in HOPELESS


def untagged(container: Container) -> Container:
    return replace(container, image=container.image.rpartition(":")[0])


class Programs:
    """`Behave` of a SimulatedWorld. `said` are services whose program was told to behave otherwise."""

    def __init__(self) -> None:
        self.said: dict[str, Behaviour] = {}
        self._by_container: dict[Container, Behaviour] = {}
        """By what a container is whatever the tag of its image: a patch gives it another one."""

    def declare(self, desired: Desired) -> None:
        """Learn which containers are one-shots or runs of jobs, and of which service each is."""
        for service in desired.services:
            behaviour = self.said.get(service.name)
            if behaviour is None and (service.one_shot or service.job is not None):
                behaviour = Behaviour(lives_for_seconds=ONE_SHOT_SECONDS)
            if behaviour is not None:
                self._by_container[untagged(service.container)] = behaviour
            else:
                self._by_container.pop(untagged(service.container), None)

    def __call__(self, container: Container) -> Behaviour:
        if kind(container) == HANGS:
            return Behaviour()
        made_for = BEHAVIOURS.get(kind(container))
        declared = self._by_container.get(untagged(container))
        if made_for is None or declared is None or made_for.fails_to_start or made_for.lives_for_seconds is not None:
            return made_for or declared or Behaviour()
        return replace(made_for, lives_for_seconds=declared.lives_for_seconds)
