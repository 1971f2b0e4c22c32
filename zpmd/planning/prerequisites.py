"""What a container needs before it can be made: a name that is free, its image, volumes and networks."""

from __future__ import annotations

from zpmd.model import naming
from zpmd.model.action import CreateNetwork, CreateVolume, PullImage
from zpmd.model.cause import Cause, Code
from zpmd.model.container import MountKind
from zpmd.model.observed import Slot
from zpmd.model.service import NetworkSpec, PullWhen, ServiceData, VolumeSpec
from zpmd.planning import backoff
from zpmd.planning.view import Draft, View


def met(view: View, service: ServiceData, slot: Slot, draft: Draft, name: str = "") -> bool:
    """Whether all is there. What is not is asked for in `draft`, or said to be waited for. `name` is the container's,
    where that is not the name of a replica."""
    name = name or naming.container_name(
        view.desired.project, service, slot.number, view.targets[service.name].generation
    )
    found = [_name(view, name, slot, draft), _image(view, service, slot, draft)]
    found += [_volume(view, name, slot, draft) for name in _volumes(service)]
    found += [_network(view, a.network, slot, draft) for a in service.container.networks]
    return all(found)


def asks_registry(view: View, service: ServiceData) -> bool:
    """Whether a new container of this service begins with a look for a newer image."""
    match service.pull.when:
        case PullWhen.ALWAYS:
            return True
        case PullWhen.EVERY:
            last = view.memory.pulls.get(service.container.image, 0.0)
            return view.now - last >= service.pull.every_seconds
        case PullWhen.MISSING | PullWhen.NEVER:
            return False


def _volumes(service: ServiceData) -> list[str]:
    return [m.source for m in service.container.mounts if m.kind is MountKind.VOLUME and m.source]


def _name(view: View, name: str, slot: Slot, draft: Draft) -> bool:
    holder = view.strangers.get(name)
    if holder is None:
        return True
    text = f"waits for the name {name}, which container {holder.id[:12]} has, and that is not ours: rename or remove it"
    draft.wait(slot, Cause(Code.NAME_TAKEN, text))
    return False


def _image(view: View, service: ServiceData, slot: Slot, draft: Draft) -> bool:
    image = service.container.image
    if image in view.world.images:
        return True
    if service.pull.built:
        text = f"waits for image {image}: zpmd does not build, `docker compose build` makes it"
        draft.wait(slot, Cause(Code.IMAGE_MISSING, text, (f"image:{image}",)))
    elif service.pull.when is PullWhen.NEVER:
        text = f"waits for image {image}: it is not here, and pull_policy is never"
        draft.wait(slot, Cause(Code.IMAGE_MISSING, text, (f"image:{image}",)))
    elif _just_pulled(view, image):
        text = f"waits for image {image}: it was pulled, and the engine does not list it"
        until = view.memory.pulls[image] + view.limits.retry_max_seconds
        draft.wait(slot, Cause(Code.IMAGE_MISSING, text, (f"image:{image}",)), until=until)
    else:
        cause = Cause(Code.NEEDED, f"{service.name} needs it")
        action = PullImage(image=image, platform=service.container.platform, cause=cause)
        _ask(view, action, f"image {image}", Code.IMAGE_MISSING, slot, draft)
    return False


def _just_pulled(view: View, image: str) -> bool:
    """A pull that succeeds and changes nothing must not be repeated at the speed of the loop."""
    pulled_at = view.memory.pulls.get(image)
    return pulled_at is not None and pulled_at <= view.now < pulled_at + view.limits.retry_max_seconds


def _volume(view: View, name: str, slot: Slot, draft: Draft) -> bool:
    if name in view.world.volumes:
        return True
    spec = next((v for v in view.desired.volumes if v.name == name), VolumeSpec(name=name))
    if spec.external:
        text = f"waits for external volume {name}: create it on this engine"
        draft.wait(slot, Cause(Code.EXTERNAL_MISSING, text, (f"volume:{name}",)))
    else:
        cause = Cause(Code.NEEDED, f"{slot.service} needs it")
        _ask(view, CreateVolume(volume=spec, cause=cause), f"volume {name}", Code.PREREQUISITE, slot, draft)
    return False


def _network(view: View, name: str, slot: Slot, draft: Draft) -> bool:
    if name in view.world.networks:
        return True
    spec = next((n for n in view.desired.networks if n.name == name), NetworkSpec(name=name))
    if spec.external:
        text = f"waits for external network {name}: create it on this engine"
        draft.wait(slot, Cause(Code.EXTERNAL_MISSING, text, (f"network:{name}",)))
    else:
        cause = Cause(Code.NEEDED, f"{slot.service} needs it")
        _ask(view, CreateNetwork(network=spec, cause=cause), f"network {name}", Code.PREREQUISITE, slot, draft)
    return False


def _ask(
    view: View,
    action: PullImage | CreateVolume | CreateNetwork,
    what: str,
    code: Code,
    slot: Slot,
    draft: Draft,
) -> None:
    """Have it made, unless that is under way or has just failed; the slot waits for it in any case."""
    flight = view.busy.get(action.subject)
    retry = view.memory.retries.get(action.subject)
    due = backoff.retry_due(view, action.subject)
    on = (action.subject,)
    if flight:
        progress = f" ({flight.progress})" if flight.progress else ""
        draft.wait(slot, Cause(Code.PREREQUISITE, f"waits for {what}, which is on its way{progress}", on))
    elif retry and due > view.now:
        draft.wait(slot, Cause(code, f"waits for {what}: {retry.error}", on), until=due)
    else:
        draft.act(action)
        draft.wait(slot, Cause(Code.PREREQUISITE, f"waits for {what}", on))
