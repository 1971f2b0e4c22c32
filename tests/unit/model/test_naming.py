"""What containers are called: a new zpmd finds the names of the one before."""

from __future__ import annotations

import pytest

from zpmd.model.container import Container
from zpmd.model.naming import container_name
from zpmd.model.service import Group, ServiceData

WEB = ServiceData(name="web", group=Group.CORE, container=Container(image="web:1"))
NEW = ServiceData(name="web", group=Group.CORE, container=Container(image="web:2"))
NAMED = ServiceData(name="web", group=Group.CORE, container=Container(image="web:1", container_name="the-web"))


@pytest.mark.parametrize(
    ("service", "slot", "generation", "name"),
    [
        (WEB, 1, 0, "zpmd-web-1-6cb011"),
        (WEB, 2, 0, "zpmd-web-2-6cb011"),
        (NEW, 1, 0, "zpmd-web-1-e9707a"),
        (WEB, 1, 1, "zpmd-web-1-046262"),
        (NAMED, 1, 3, "the-web"),
    ],
)
def test_a_name_says_all_that_a_replica_is_replaced_over(
    service: ServiceData, slot: int, generation: int, name: str
) -> None:
    """If this fails, an upgrade of zpmd looks for containers under other names than it made them."""
    assert container_name("zpmd", service, slot, generation) == name


def test_a_name_without_a_generation_is_that_of_the_first() -> None:
    assert container_name("zpmd", WEB, 1) == "zpmd-web-1-6cb011"
