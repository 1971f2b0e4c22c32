"""What a service asks for is what its container has, on a real engine."""

from __future__ import annotations

import dataclasses

from tests.integration.docker_engine.conftest import CAUSE, OWNER, Rig, service
from tests.lab.eventually import eventually
from zpmd.engines import labels
from zpmd.model import container as c
from zpmd.model.action import CreateNetwork, CreateVolume, RemoveNetwork, RemoveVolume, StartReplica
from zpmd.model.events import Result
from zpmd.model.service import Desired, IpamPool, NetworkSpec, VolumeSpec

FRONT = NetworkSpec(name="front", ipam_pools=(IpamPool(subnet="10.88.1.0/24", aux_addresses=(("gw", "10.88.1.9"),)),))
DUE = 1774746000
BACK = NetworkSpec(name="back", internal=True, labels=(("team", "a"),))


def test_everything_that_one_container_can_have_at_once_is_accepted_and_kept(rig: Rig) -> None:
    rig.desired = Desired(networks=(FRONT, BACK), volumes=(VolumeSpec(name="data"),))
    (rig.materials_dir / ("ab" * 32)).write_text("content")
    full = service(
        command=("sh", "-c", "sleep 1000"),
        environment=(("A", "1"), ("PATH", "/bin")),
        working_dir="/tmp",
        user="1000:1000",
        group_add=("20",),
        hostname="full",
        domainname="example.test",
        labels=(("team", "a"),),
        init=True,
        stop_signal="SIGKILL",
        healthcheck=c.Healthcheck(test=("CMD", "true"), interval_seconds=1.5, retries=2),
        mounts=(
            c.Mount(kind=c.MountKind.VOLUME, source="data", target="/data"),
            c.Mount(kind=c.MountKind.BIND, source=f"{rig.materials_dir}/made", target="/made", read_only=True),
            c.Mount(kind=c.MountKind.TMPFS, target="/t1", tmpfs_size_bytes=1 << 20),
            c.Mount(kind=c.MountKind.TMPFS, target="/t2", tmpfs_options="noexec"),
        ),
        files=(c.FileMount(kind=c.FileKind.CONFIG, name="conf", digest="ab" * 32, target="/etc/conf", mode=0o440),),
        shm_size_bytes=1 << 20,
        networks=(
            c.NetworkAttachment(network="front", priority=1, ipv4_address="10.88.1.77", aliases=("www",)),
            c.NetworkAttachment(network="back", driver_opts=(("x", "y"),)),
        ),
        ports=(c.PortBinding(target=80, published="18080-18090", host_ip="127.0.0.1"),),
        expose=("81", "82/udp"),
        dns=("10.88.1.1",),
        dns_opt=("ndots:2",),
        dns_search=("example.test",),
        extra_hosts=(("other", "10.0.0.1"),),
        cap_add=("NET_ADMIN",),
        cap_drop=("MKNOD",),
        security_opt=("no-new-privileges:true", "seccomp:unconfined"),
        cgroup="private",
        ipc="private",
        sysctls=(("net.core.somaxconn", "256"),),
        ulimits=(c.Ulimit(name="nofile", soft=100, hard=200),),
        devices=(c.Device(source="/dev/null", target="/dev/nothing"),),
        device_cgroup_rules=("c 1:3 mr",),
        cpus=0.5,
        cpu_shares=100,
        mem_limit_bytes=64 << 20,
        mem_reservation_bytes=32 << 20,
        oom_score_adj=100,
        pids_limit=50,
        log_driver="json-file",
        log_options=(("max-size", "1m"),),
    )
    outcome = rig.run(full)
    assert outcome.ok, outcome.detail
    told = rig.host.inspect(outcome.container_id)
    host, config, networks = told["HostConfig"], told["Config"], told["NetworkSettings"]["Networks"]
    assert told["State"]["Running"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (500_000_000, 64 << 20, 50)
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080-18090"}]}
    assert config["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 1_500_000_000, "Retries": 2}
    assert config["StopTimeout"] == 10
    assert config["Labels"]["team"] == "a"
    assert networks["front"]["IPAddress"] == "10.88.1.77"
    assert {"web", "www"} <= set(networks["front"]["Aliases"])
    assert "web" in networks["back"]["Aliases"]
    assert (rig.materials_dir / "made").is_dir()


def test_a_missing_volume_is_made_from_its_spec_and_is_ours(rig: Rig) -> None:
    rig.desired = Desired(volumes=(VolumeSpec(name="data", driver_opts=(("type", "tmpfs"), ("device", "tmpfs"))),))
    mount = c.Mount(kind=c.MountKind.VOLUME, source="data", target="/data")
    rig.running(service(mounts=(mount,)))
    world = rig.engine.observe(())
    assert (world.volumes, world.own_volumes) == ({"data"}, {"data"})
    volume = rig.host.client().inspect_volume("data")
    assert volume["Options"] == {"type": "tmpfs", "device": "tmpfs"}


def test_an_external_volume_is_never_made(rig: Rig) -> None:
    rig.desired = Desired(volumes=(VolumeSpec(name="data", external=True),))
    outcome = rig.run(service(mounts=(c.Mount(kind=c.MountKind.VOLUME, source="data", target="/data"),)))
    assert (outcome.result, outcome.detail) == (
        Result.PERMANENT,
        "volume data is external and does not exist: create it by hand",
    )
    assert rig.engine.observe(()).volumes == frozenset()


def test_an_nfs_volume_has_its_options(rig: Rig) -> None:
    options = (("device", ":/export"), ("o", "addr=192.0.2.1,nfsvers=4"), ("type", "nfs"))
    assert rig.apply(CreateVolume(volume=VolumeSpec(name="nfs", driver_opts=options), cause=CAUSE)).ok
    assert rig.host.client().inspect_volume("nfs")["Options"] == dict(options)


def test_a_network_that_vanished_is_made_again_with_its_labels(rig: Rig) -> None:
    rig.desired = Desired(networks=(FRONT, BACK))
    web = service(networks=(c.NetworkAttachment(network="front"), c.NetworkAttachment(network="back")))
    assert rig.apply(CreateNetwork(network=FRONT, cause=CAUSE)).ok
    rig.running(web)
    assert rig.engine.observe(()).own_networks == {"front", "back"}
    back = rig.host.client().inspect_network("back")
    assert (back["Internal"], back["Labels"]["team"], back["Labels"][labels.OWNER]) == (True, "a", OWNER)


def test_making_twice_and_removing_twice_is_done_once(rig: Rig) -> None:
    for _ in range(2):
        assert rig.apply(CreateNetwork(network=FRONT, cause=CAUSE)).ok
        assert rig.apply(CreateVolume(volume=VolumeSpec(name="data"), cause=CAUSE)).ok
    world = rig.engine.observe(())
    assert (world.own_networks, world.own_volumes) == ({"front"}, {"data"})
    for _ in range(2):
        assert rig.apply(RemoveNetwork(name="front", cause=CAUSE)).ok
        assert rig.apply(RemoveVolume(name="data", cause=CAUSE)).ok
    world = rig.engine.observe(())
    assert (world.networks, world.volumes) == ({"bridge", "host", "none"}, set())


def test_a_network_and_a_volume_of_somebody_else_stay(rig: Rig) -> None:
    rig.host.client().create_volume("theirs")
    rig.host.client().create_network("theirs")
    for action in (RemoveVolume(name="theirs", cause=CAUSE), RemoveNetwork(name="theirs", cause=CAUSE)):
        outcome = rig.apply(action)
        assert (outcome.result, "is not ours" in outcome.detail) == (Result.PERMANENT, True)
    world = rig.engine.observe(())
    assert "theirs" in world.volumes & world.networks


def test_a_strangers_name_is_reported_and_the_stranger_left_alone(rig: Rig) -> None:
    stranger = rig.host.run_stranger("the-web")
    outcome = rig.run(service(container_name="the-web"))
    assert outcome.result is Result.PERMANENT
    assert outcome.detail == f"name the-web is taken by container {stranger[:12]} that is not ours"
    assert rig.host.inspect(stranger)["State"]["Running"]
    assert rig.engine.observe(()).replicas == ()


def test_what_a_lost_answer_left_behind_is_adopted_networks_and_all(rig: Rig) -> None:
    """zpmd died between the creation and the second network."""
    rig.desired = Desired(networks=(FRONT, BACK))
    for network in (FRONT, BACK):
        rig.apply(CreateNetwork(network=network, cause=CAUSE))
    web = service(networks=(c.NetworkAttachment(network="front"), c.NetworkAttachment(network="back")))
    first = rig.running(web)
    client = rig.host.client()
    client.stop(first.id, timeout=0)
    client.disconnect_container_from_network(first.id, "front")
    outcome = rig.run(web)
    assert (outcome.ok, outcome.container_id) == (True, first.id)
    assert set(rig.host.inspect(first.id)["NetworkSettings"]["Networks"]) == {"front", "back"}


def test_a_container_that_never_ran_joins_what_it_lacks_before_it_starts(rig: Rig) -> None:
    """zpmd died between the creation and the second network, and the start is all that is planned afterwards."""
    rig.desired = Desired(networks=(FRONT, BACK))
    for network in (FRONT, BACK):
        rig.apply(CreateNetwork(network=network, cause=CAUSE))
    taken = c.PortBinding(target=80, published="18080")
    networks = (c.NetworkAttachment(network="front"), c.NetworkAttachment(network="back", aliases=("b",)))
    first = rig.running(service("first", networks=networks, ports=(taken,)))
    assert rig.run(service("second", networks=networks, ports=(taken,))).result is Result.PERMANENT
    client = rig.host.client()
    client.stop(first.id, timeout=0)
    second = next(r for r in rig.engine.observe(()).replicas if r.service == "second")
    client.disconnect_container_from_network(second.id, "front")
    assert rig.apply(StartReplica(replica=second, cause=CAUSE)).ok
    joined = rig.host.inspect(second.id)["NetworkSettings"]["Networks"]
    assert set(joined) == {"front", "back"}
    assert "second" in joined["front"]["Aliases"]


def test_a_run_that_never_ran_joins_what_it_was_made_for_whatever_its_service_is_now(rig: Rig) -> None:
    """zpmd died between the creation and the second network, and the files were changed before it was back."""
    rig.desired = Desired(networks=(FRONT, BACK))
    for network in (FRONT, BACK):
        rig.apply(CreateNetwork(network=network, cause=CAUSE))
    taken = c.PortBinding(target=80, published="18080")
    holder = rig.running(service("holder", networks=(c.NetworkAttachment(network="front"),), ports=(taken,)))
    networks = (c.NetworkAttachment(network="front"), c.NetworkAttachment(network="back", aliases=("b",)))
    report = service("report", networks=networks, ports=(taken,))
    assert rig.run(report, DUE, due=DUE, attempt=1).result is Result.PERMANENT
    client = rig.host.client()
    client.stop(holder.id, timeout=0)
    left = next(r for r in rig.engine.observe(()).replicas if r.service == "report")
    client.disconnect_container_from_network(left.id, "front")
    outcome = rig.run(service("report", networks=(c.NetworkAttachment(network="gone"),)), DUE, due=DUE, attempt=1)
    assert (outcome.ok, outcome.container_id) == (True, left.id), outcome.detail
    assert set(rig.host.inspect(left.id)["NetworkSettings"]["Networks"]) == {"front", "back"}
    assert "gone" not in rig.engine.observe(()).networks


def test_two_replicas_of_a_start_first_update_do_not_collide(rig: Rig) -> None:
    web = service()
    newer = dataclasses.replace(web, container=dataclasses.replace(web.container, environment=(("V", "2"),)))
    ids = {rig.running(web).id, rig.running(newer).id}
    ids.add(rig.run(web, generation=1).container_id)
    assert len(ids) == 3
    assert [(r.slot, r.generation) for r in rig.engine.observe(()).replicas] == [(1, 0), (1, 0), (1, 1)]


def test_namespaces_and_volumes_of_another_service_are_its_containers(rig: Rig) -> None:
    guest = service("guest", network_mode="service:web", ipc="service:web", pid="service:web", volumes_from=("web:ro",))
    outcome = rig.run(guest)
    assert (outcome.result, outcome.detail) == (Result.TRANSIENT, "waits for a container of web")
    web = rig.running(service(ipc="shareable"))
    host = rig.host.inspect(rig.running(guest).id)["HostConfig"]
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"]) == (f"container:{web.id}",) * 3
    assert host["VolumesFrom"] == [f"{web.id}:ro"]
    rig.host.client().stop(web.id, timeout=0)
    outcome = rig.run(guest, slot=2)
    assert (outcome.result, outcome.detail) == (Result.TRANSIENT, "waits for web to run")


def test_a_config_is_read_by_a_user_who_is_not_root(rig: Rig) -> None:
    (rig.materials_dir / ("cd" * 32)).write_text("secret words")
    (rig.materials_dir / ("cd" * 32)).chmod(0o600)
    file = c.FileMount(kind=c.FileKind.SECRET, name="s", digest="cd" * 32, target="s", uid="1000", mode=0o400)
    reader = rig.running(service(user="1000", files=(file,), command=("cat", "/run/secrets/s"), entrypoint=()))
    eventually(lambda: [line.text for line in rig.engine.logs(reader.id, 10, False)] == [b"secret words"], 5)


def test_a_port_that_is_taken_is_told_and_the_container_stays_created(rig: Rig) -> None:
    ports = (c.PortBinding(target=80, published="18080"),)
    rig.desired = Desired(networks=(FRONT,))
    networks = (c.NetworkAttachment(network="front"),)
    rig.running(service("first", networks=networks, ports=ports))
    outcome = rig.run(service("second", networks=networks, ports=ports))
    assert (outcome.result, "port is already allocated" in outcome.detail) == (Result.PERMANENT, True)
    second = next(r for r in rig.engine.observe(()).replicas if r.service == "second")
    assert (second.phase, second.started_at) == ("created", None)
    assert "port is already allocated" in second.error


def test_a_command_that_does_not_exist_is_permanent(rig: Rig) -> None:
    outcome = rig.run(service(entrypoint=("/no/such/program",)))
    assert (outcome.result, "no such file" in outcome.detail) == (Result.PERMANENT, True)
