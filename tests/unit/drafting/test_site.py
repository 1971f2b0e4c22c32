"""Projects, replicas, groups, secrets and what is said aloud: from inspections to files, as literal text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.unit.drafting.inspected import IMAGE_ID, id_of, image, inspection, survey
from tests.unit.sources.given import FOLDER, InMemory
from zpmd.drafting import groups, report, settings, skeleton
from zpmd.drafting.report import Outcome
from zpmd.drafting.site import SiteDraft, Wanted, site
from zpmd.drafting.words import duration, size
from zpmd.drafting.yamltext import comment
from zpmd.model.survey import Survey
from zpmd.sources import settingsfile
from zpmd.sources.compose.desired import understand
from zpmd.sources.compose.service import Host
from zpmd.sources.nodes import Origin

PLAIN: Mapping[str, Any] = {}
BODY: Mapping[str, Any] = {"Image": "nginx", "HostConfig": {}, "NetworkingConfig": {"EndpointsConfig": {}}}


def container(name: str, project: str = "", service: str = "", **more: Any) -> dict[str, Any]:
    """A running one. `labels`, `host`, `config`, `state` and `networks` are laid over what is plain."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service} if project else {}
    labels |= {f"com.docker.compose.{key}": value for key, value in more.get("labels", {}).items()}
    networks = more.get("networks", {f"{project}_default": {}} if project else {"bridge": {}})
    mode = next(iter(networks), "none") if project else "default"
    body = {
        "Image": "nginx",
        **more.get("config", {}),
        "Labels": more.get("own_labels", {}),
        "HostConfig": {"NetworkMode": mode, **more.get("host", {})},
        "NetworkingConfig": {"EndpointsConfig": networks},
    }
    made = inspection(body, name, PLAIN, labels, more.get("state"))
    return made | ({"Mounts": more["mounts"]} if "mounts" in more else {})


def engine(*containers: Mapping[str, Any], **more: Any) -> Survey:
    projects = {c["Config"]["Labels"].get("com.docker.compose.project") for c in containers} - {None}
    networks = {
        f"{p}_default": {
            "Name": f"{p}_default",
            "Driver": "bridge",
            "Labels": {"com.docker.compose.project": p, "com.docker.compose.network": "default"},
            "IPAM": {"Driver": "default", "Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]},
        }
        for p in projects
    }
    return survey(*containers, base=PLAIN, networks=networks | more.pop("networks", {}), **more)


def drafted(*containers: Mapping[str, Any], wanted: Wanted | None = None, **more: Any) -> SiteDraft:
    return site(engine(*containers, **more), wanted or Wanted())


def services(draft: SiteDraft) -> dict[str, Any]:
    """All services of all files, as YAML has them."""
    found: dict[str, Any] = {}
    for file in draft.files:
        if file.path.endswith(".yaml"):
            found |= yaml.safe_load(file.text)["services"]
    return found


def told(draft: SiteDraft) -> list[str]:
    return [f"{t.service}: {t.text}" for t in draft.told]


ALWAYS = {"RestartPolicy": {"Name": "always"}}


def test_a_file_says_what_it_is_and_by_which_rules_it_was_made() -> None:
    volumes = {"shop_data": {"Name": "shop_data", "Labels": {"com.docker.compose.project": "shop",
                                                            "com.docker.compose.volume": "data"}}}  # fmt: skip
    draft = drafted(
        container(
            "shop-db-1", "shop", "db", config={"Image": "postgres:16", "Env": ["PGDATA=/d", "POSTGRES_PASSWORD=a$b"]},
            host={**ALWAYS, "Binds": ["shop_data:/d:rw"]},
        ),
        container("shop-web-1", "shop", "web", host=ALWAYS, labels={"depends_on": "db:service_started:false"}),
        volumes=volumes,
    )  # fmt: skip
    assert [(f.path, f.mode) for f in draft.files] == [
        ("services.d/10-shop.yaml", 0o644),
        ("services.d/10-shop.db.env", 0o640),
    ]
    assert draft.files[0].text == dedent(
        """\
        # Written by `zpmd init` from the Compose project shop as it ran. It says what differs from the
        # images and from the engine's own defaults. Read it, correct it, then `zpmd check`.
        #
        # Services are kept running unless they say otherwise, whatever their old restart policy was.
        # Volumes are external: they keep their data, and nothing that zpmd does removes them.

        name: shop

        # Groups start in the order system, core, batch, app. Databases, brokers and caches, known by the
        # names of their images, and what these wait for, were put into system, everything else into app:
        # correct that where it is wrong.
        x-zpmd:
          group: app

        services:
          # what looks like a secret is in 10-shop.db.env
          db:
            image: postgres:16
            env_file:
              - '10-shop.db.env'
            environment:
              PGDATA: /d
            volumes:
              - data:/d
            x-zpmd:
              group: system

          web:
            image: nginx
            depends_on:
              db:
                condition: service_started

        volumes:
          data:
            name: shop_data
            external: true
        """
    )
    assert draft.files[1].text.splitlines()[1] == 'POSTGRES_PASSWORD="a\\$b"'
    assert "a$b" not in draft.files[0].text


@pytest.mark.parametrize(
    ("host", "state", "deploy", "said"),
    [
        (ALWAYS, {}, None, ""),
        ({"RestartPolicy": {"Name": "unless-stopped"}}, {}, None, ""),
        ({}, {}, None, "it had no restart policy"),
        (
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
            {},
            {"restart_policy": {"condition": "on-failure", "max_attempts": 3}},
            "",
        ),
        (
            {},
            {"Status": "exited", "ExitCode": 0},
            {"restart_policy": {"condition": "on-failure"}},
            "under zpmd it runs once more",
        ),
        (ALWAYS, {"Status": "exited", "ExitCode": 0}, {"replicas": 0}, "it did not run when this was written"),
        (ALWAYS, {"Status": "exited", "ExitCode": 137}, {"replicas": 0}, "it did not run when this was written"),
        (ALWAYS, {"Status": "restarting", "ExitCode": 1}, None, ""),
        (ALWAYS, {"Status": "paused"}, None, "it was paused"),
    ],
    ids=lambda value: str(value),
)
def test_how_it_was_restarted_and_whether_it_ran(
    host: dict[str, Any], state: dict[str, Any], deploy: dict[str, Any] | None, said: str
) -> None:
    beside = container("shop-b-1", "shop", "b", host=ALWAYS)
    draft = drafted(container("shop-a-1", "shop", "a", host=host, state=state), beside)
    assert services(draft)["a"].get("deploy") == deploy
    assert [line for line in told(draft) if said not in line] == []
    assert bool(told(draft)) == bool(said)


def test_replicas_are_counted_and_what_differs_is_told() -> None:
    same = [container(f"shop-a-{n}", "shop", "a", host=ALWAYS, labels={"container-number": str(n)}) for n in (1, 2, 3)]
    draft = drafted(*same)
    assert services(draft)["a"]["deploy"] == {"replicas": 3}
    assert told(draft) == []
    other = container("shop-a-4", "shop", "a", config={"User": "5"}, labels={"container-number": "4"}, host=ALWAYS)
    assert told(drafted(*same, other)) == ["a: shop-a-4: made in another way than shop-a-1"]


def test_a_volume_without_a_name_is_kept_by_its_name_unless_each_replica_has_one_of_its_own() -> None:
    mounts = [{"Type": "volume", "Name": id_of("v"), "Destination": "/var/lib/db"}]
    one = container("shop-a-1", "shop", "a", host=ALWAYS, mounts=mounts)
    draft = drafted(one)
    assert services(draft)["a"]["volumes"] == ["a_var_lib_db:/var/lib/db"]
    assert yaml.safe_load(draft.files[0].text)["volumes"]["a_var_lib_db"] == {"name": id_of("v"), "external": True}
    assert told(draft) == ["a: /var/lib/db is a volume without a name; it is kept by the one that the engine gave it"]
    two = container("shop-a-2", "shop", "a", host=ALWAYS, mounts=mounts)
    draft = drafted(one, two)
    assert services(draft)["a"]["volumes"] == ["/var/lib/db"]
    assert [t.text for t in draft.told if t.lost] == [
        "what is in the volume without a name at /var/lib/db: each replica gets a new, empty one"
    ]


def test_two_projects_with_a_service_of_one_name_both_run_and_answer_to_it() -> None:
    draft = drafted(container("a-web-1", "a", "web", host=ALWAYS), container("b-web-1", "b", "web", host=ALWAYS))
    assert [f.path for f in draft.files] == ["services.d/10-a.yaml", "services.d/20-b.yaml"]
    assert services(draft)["b-web"]["networks"] == {"default": {"aliases": ["web"]}}
    texts = {f"{FOLDER}/{f.path}": f.text for f in draft.files}
    read = understand([(p, p) for p in texts], InMemory(texts), {}, "zpmd", Host())
    assert read.problems == ()
    assert {s.name: s.container.networks[0].network for s in read.desired.services} == {
        "web": "a_default",
        "b-web": "b_default",
    }


@pytest.mark.parametrize(
    ("network", "fixed", "declared"),
    [
        ({}, False, None),
        ({"Internal": True}, False, {"internal": True}),
        ({}, True, {"ipam": {"config": [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.1"}]}}),
        (
            {"IPAM": {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24"}]}},
            False,
            {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}},
        ),
        ({"Labels": {}}, False, {"name": "shop_default", "external": True}),
    ],
    ids=lambda value: str(value),
)
def test_a_network_is_declared_as_far_as_somebody_relies_on_it(
    network: dict[str, Any], fixed: bool, declared: dict[str, Any] | None
) -> None:
    endpoint = {"IPAMConfig": {"IPv4Address": "172.18.0.9"}} if fixed else {}
    one = container("shop-a-1", "shop", "a", host=ALWAYS, networks={"shop_default": endpoint})
    there = engine(one)
    networks = {"shop_default": {**there.networks["shop_default"], **network}}
    draft = site(replace(there, networks=networks), Wanted())
    key = "shop_default" if network == {"Labels": {}} else "default"
    assert yaml.safe_load(draft.files[0].text).get("networks", {}).get(key) == declared


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({"host": {"CpusetMems": "0"}}, "CpusetMems = 0"),
        ({"host": {"KernelMemory": 5}}, "KernelMemory = 5"),
        ({"config": {"NetworkDisabled": True}}, "NetworkDisabled = True"),
        ({"host": {"SomethingOfTomorrow": [1]}}, "SomethingOfTomorrow = [1]"),
        ({"host": {"Binds": ["/a:/b:odd"]}}, "mount options odd of /b"),
        ({"host": {"Mounts": [{"Type": "image", "Target": "/i", "Source": "x"}]}}, "the mount of type image at /i"),
        ({"host": {"AutoRemove": True}}, "--rm: zpmd starts it again when it ends; its volumes without a name go when"
         " it is stopped"),
        ({"labels": {"depends_on": "gone:service_healthy:false"}}, "a depended on gone, which has no container"),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_what_cannot_be_carried_over_stands_in_the_file_and_is_said(one: dict[str, Any], said: str) -> None:
    one = {**one, "host": {**ALWAYS, **one.get("host", {})}}
    draft = drafted(container("shop-a-1", "shop", "a", **one))
    assert [t.text for t in draft.told if t.lost] == [said]
    assert said in " ".join(draft.files[0].text.replace("#", " ").split())


def test_what_is_not_taken_is_said_with_its_reason() -> None:
    ours = container("zpmd-x-1", own_labels={"io.zpmd.owner": "me"})
    task = container("s.1.x", own_labels={"com.docker.swarm.service.name": "s"})
    down = container("old-a-1", "old", "a", state={"Status": "exited", "ExitCode": 0})
    once = container("shop-a-run-1", "shop", "a", labels={"oneoff": "True"})
    draft = drafted(ours, task, down, once, container("loose"), container("shop-a-1", "shop", "a", host=ALWAYS))
    assert dict(draft.left) == {
        "zpmd-x-1": "zpmd made it",
        "s.1.x": "a task of the Swarm service s",
        "old-a-1": "nothing of the project old runs: `--project old` takes it",
        "loose": "not of a Compose project: `--all` or `--container loose` takes it",
    }
    assert told(draft) == [": shop-a-run-1: made by `docker compose run`, so it is not one of the services"]


def test_what_was_asked_for_by_a_wrong_name_is_missing() -> None:
    draft = drafted(container("a"), wanted=Wanted(projects=("shop",), containers=("b",)))
    assert draft.missing == ("there is no project shop", "there is no container b without a project")


def test_namespaces_links_and_volumes_of_another_service_are_named_by_it() -> None:
    db = container("db", host=ALWAYS, mounts=[{"Type": "bind", "Source": "/s", "Destination": "/t"}])
    side = container(
        "side",
        host={
            **ALWAYS,
            "NetworkMode": f"container:{id_of('db')}",
            "PidMode": f"container:{id_of('elsewhere')}",
            "VolumesFrom": [f"{id_of('db')}:ro"],
            "Links": ["/db:/side/database"],
        },
        networks={},
        mounts=[{"Type": "volume", "Name": "x", "Destination": "/t"}],
    )
    written = services(drafted(db, side, wanted=Wanted(loose=True)))["side"]
    assert {k: written.get(k) for k in ("network_mode", "pid", "volumes_from", "links", "volumes")} == {
        "network_mode": "service:db",
        "pid": f"container:{id_of('elsewhere')}",
        "volumes_from": ["db:ro"],
        "links": ["db:database"],
        "volumes": None,
    }


def test_a_secret_in_a_command_stays_and_the_file_is_not_for_everybody() -> None:
    command = ["serve", "--password=geheim-0815"]
    draft = drafted(container("shop-a-1", "shop", "a", host=ALWAYS, config={"Cmd": command}))
    assert [(f.path, f.mode) for f in draft.files] == [("services.d/10-shop.yaml", 0o640)]
    assert services(draft)["a"]["command"] == command
    (line,) = told(draft)
    assert line.startswith("a: something of it looks like a secret and is no variable")
    shown = report.document(Outcome(folder=Path("/x"), draft=draft, written=draft.files, dry=True))
    assert "geheim" not in str(shown)


def test_an_image_whose_name_means_another_one_now_is_told() -> None:
    there = engine(container("shop-a-1", "shop", "a", host=ALWAYS))
    newer = f"sha256:{'b' * 64}"
    images = {IMAGE_ID: image(PLAIN) | {"RepoTags": []}, newer: image(PLAIN, image_id=newer)}
    (line,) = told(site(replace(there, images=images), Wanted()))
    assert line.startswith("a: the container runs sha256:aaaaaaaaaaaa, an image that nginx meant earlier")


def test_without_the_label_dependencies_are_those_of_the_files() -> None:
    labels = {"version": "1.29.2", "project.working_dir": "/srv", "project.config_files": "c.yml"}
    both = [container(f"shop_{n}_1", "shop", n, host=ALWAYS, labels=labels) for n in ("db", "web")]
    written = {"/srv/c.yml": {"services": {"web": {"depends_on": ["db"]}, "db": "nonsense"}}}
    draft = site(engine(*both), Wanted(), written)
    assert services(draft)["web"]["depends_on"] == {"db": {"condition": "service_started"}}
    assert [t.text for t in draft.told if t.lost] == []
    draft = site(engine(*both), Wanted())
    assert ["its files cannot be read" in t.text for t in draft.told] == [True]
    assert report.stopping(draft.projects[0]) == ["docker-compose -p shop --project-directory /srv -f /srv/c.yml down"]


@pytest.mark.parametrize(
    ("name", "is_store"),
    [
        ("postgres:16", True), ("registry:5000/lib/mongo@sha256:ab", True), ("bitnami/kafka", True),
        ("confluentinc/cp-kafka:7", True), ("redis-exporter", True), ("nginx", False), ("acme/mongoose-app", False),
    ],
)  # fmt: skip
def test_a_store_is_known_by_a_word_of_its_image(name: str, is_store: bool) -> None:
    assert groups.is_store(name) is is_store


def test_nobody_waits_for_a_later_group() -> None:
    needs = {"db": frozenset({"volumes-ready"}), "volumes-ready": frozenset({"net"}), "web": frozenset({"db"})}
    images = {"db": "mysql", "volumes-ready": "busybox", "net": "busybox", "web": "nginx"}
    assert groups.system(images, needs) == {"db", "volumes-ready", "net"}


@pytest.mark.parametrize(("ns", "text"), [(90_000_000_000, "1m30s"), (0, "0s"), (1_500_000_000, "1s500ms"), (7, "7ns")])
def test_durations_are_written_as_compose_reads_them(ns: int, text: str) -> None:
    assert duration(ns) == text


@pytest.mark.parametrize(("count", "text"), [(64 << 20, "64m"), (3 << 30, "3g"), (1000, 1000), (0, 0)])
def test_sizes_are_exact(count: int, text: object) -> None:
    assert size(count) == text


def test_foreign_text_cannot_end_a_comment() -> None:
    assert comment("a\nimage: evil\u2028x\x85y") == ["# a image: evil x y"]


def test_the_settings_are_the_sample_with_what_was_found() -> None:
    text = settings.filled(settings.sample(), "shop", "tcp://h:2375", folders_beside=True)
    read, problems = settingsfile.parse(text.encode(), Origin("/x/zpmd.yaml", Path("/x")))  # type: ignore[arg-type]
    assert problems == ()
    assert (read.project, read.engine_url, str(read.services_dir)) == ("shop", "tcp://h:2375", "/x/services.d")
    with pytest.raises(ValueError, match="has no line"):
        settings.filled("", "shop")


def test_the_skeleton_is_good_once_its_example_is_taken_in() -> None:
    before, _, example = skeleton.TEXT.partition("services:\n")
    taken_in = before + "services:\n" + "\n".join(line.removeprefix("#") for line in example.splitlines())
    texts = {f"{FOLDER}/c.yaml": taken_in, f"{FOLDER}/web.env": "TOKEN=x"}
    read = understand([(f"{FOLDER}/c.yaml", "c.yaml")], InMemory(texts), {}, "app", Host())
    assert read.problems == ()
    assert [s.name for s in read.desired.services] == ["web"]


def test_what_is_next_begins_with_reading_and_ends_with_the_way_back() -> None:
    labels = {"version": "2.24.0", "project.working_dir": "/srv/a b", "project.config_files": "/srv/a b/compose.yaml"}
    draft = drafted(container("shop-a-1", "shop", "a", host=ALWAYS, labels=labels))
    lines = report.lines(Outcome(folder=Path("/etc/zpmd"), draft=draft, written=draft.files))
    assert lines == [
        "wrote /etc/zpmd/services.d/10-shop.yaml",
        "",
        "next:",
        "  1. read the files and correct them: the groups are a guess",
        "  2. zpmd check",
        "  3. stop what runs now: zpmd adopts no container that it did not make, and names and host ports are",
        "     taken until then. Volumes stay and are used again; what a container wrote elsewhere goes with it:",
        "       docker compose -p shop --project-directory '/srv/a b' -f '/srv/a b/compose.yaml' down",
        "  4. systemctl enable --now zpmd, and then `zpmctl status`",
        "to go back:",
        "       zpmctl down --yes --wait && systemctl disable --now zpmd",
        "       docker compose -p shop --project-directory '/srv/a b' -f '/srv/a b/compose.yaml' up -d",
    ]
