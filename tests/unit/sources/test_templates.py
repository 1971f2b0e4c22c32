"""Templates: one service for each integration, by the values of its rows."""

from __future__ import annotations

import pytest

from tests.unit.sources.given import lines, together, understood
from zpmd.model.container import PortBinding
from zpmd.model.service import Dependency, Group, RestartCondition, ServiceData
from zpmd.model.watch import WatchRule
from zpmd.sources.compose.templates import Credentials, Each, Stamped, Template, template_for
from zpmd.sources.references import CLOSES, OPENS

ROW = {
    "tenant.tenantcode": "acme", "tenant.name": "Acme & Sons", "tenant.id": "3", "tenant.db.host": "db1:27017",
    "tenant.db.name": "acme", "tenant.db.username": "zona", "integration.port": "9107",
    "integration.executable": "splunk_app", "integration.executionDir": "/opt/splunk app",
    "integration.serviceName": "splunk", "integration.integration_id": "41", "integration.title": 'Splunk "EU"',
    "integration.action": "search", "params.MEM": "512m", "params.EMPTY": "",
}  # fmt: skip
HEAD = """
services:
  db: {image: "db:1"}
  app:
    image: a
    x-zpmd: {for_each: active-integration, ports: {range: 9100-9199}}
"""


def template(text: str, **more: object) -> Template:
    result = understood(text, **more)  # type: ignore[arg-type]
    assert lines(result.problems) == []
    (found,) = result.templates
    return found


def stamped(body: str, row: dict[str, str] | None = None, tail: str = "", **more: object) -> Stamped:
    """The template of HEAD with more keys, for one row."""
    indented = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return template(HEAD + indented + tail, **more).stamp("splunk-acme-41", ROW if row is None else row, "acme")


def service(body: str, row: dict[str, str] | None = None, tail: str = "", **more: object) -> ServiceData:
    result = stamped(body, row, tail, **more)
    assert lines(result.problems) == []
    assert result.service is not None
    return result.service


def refusal(body: str, **values: str) -> list[str]:
    row = ROW | {name.replace("__", "."): value for name, value in values.items()}
    result = stamped(body, row)
    assert result.service is None
    return lines(result.problems)


def test_a_template_says_what_it_is_for() -> None:
    found = template("""
        services:
          app:
            image: a
            x-zpmd: {for_each: active-integration, only: [splunk, qradar], ports: {range: 9100-9999}, credentials: none}
    """)
    assert (found.name, found.only, found.ports, found.credentials) == (
        "app", ("splunk", "qradar"), (9100, 9999), Credentials.NONE,
    )  # fmt: skip
    assert (found.group, found.origin, found.off) == (Group.APP, "c.yaml:3", "")


def test_a_template_says_little_and_has_defaults() -> None:
    found = template("services: {app: {image: a, x-zpmd: {for_each: active-integration}}}")
    assert (found.only, found.ports, found.credentials) == ((), None, Credentials.FILES)


def test_a_template_is_in_the_group_of_its_file_or_its_own() -> None:
    text = "x-zpmd: {group: batch}\nservices: {app: {image: a, x-zpmd: {for_each: active-integration%s}}}"
    assert template(text % "").group is Group.BATCH
    assert template(text % ", group: core").group is Group.CORE


def test_a_template_is_no_service() -> None:
    result = understood(HEAD)
    assert [s.name for s in result.desired.services] == ["db"]


def test_a_stamped_service_is_its_integration_s() -> None:
    found = service("depends_on: [db]")
    assert (found.name, found.tenant, found.group, found.origin) == ("splunk-acme-41", "acme", Group.APP, "c.yaml:4")
    assert found.depends_on == (Dependency(service="db"),)


@pytest.mark.parametrize("name", [n for n in ROW if not n.startswith("params.")])
def test_every_reference_has_its_value(name: str) -> None:
    assert service(f"environment: {{A: '<${{{name}}}>'}}").container.environment == (("A", f"<{ROW[name]}>"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${params.MEM}", "512m"), ("${params.NO}", ""), ("${params.EMPTY}", ""),
        ("${params.NO:-d}", "d"), ("${params.EMPTY:-d}", "d"), ("${params.EMPTY-d}", ""), ("${params.NO-d}", "d"),
        ("${params.MEM:+r}", "r"), ("${params.EMPTY:+r}", ""), ("${params.EMPTY+r}", "r"), ("${params.NO+r}", ""),
        ("${params.MEM:?needed}", "512m"), ("${params.EMPTY?needed}", ""),
        ("${params.NO:-${params.MEM}}", "512m"), ("${params.NO:-${params.NEITHER:-${TAG}}}", "v1"),
        ("${TAG}-${params.NO:-$TAG}-${UNSET:-${tenant.id}}", "v1-v1-3"), ("$${tenant.id}", "${tenant.id}"),
        ("${params.NO:-$${tenant.id}}", "${tenant.id}"), ("$tenant.id", ".id"), ("${params.a.b-x}", "x"),
    ],
)  # fmt: skip
def test_references_have_the_operators_of_variables(text: str, expected: str) -> None:
    found = service(f"environment: {{A: '{text}'}}", variables={"TAG": "v1"})
    assert dict(found.container.environment)["A"] == expected


def test_a_required_parameter_that_is_missing_is_a_problem_of_the_row() -> None:
    assert refusal("environment: {A: '${params.NO:?write it into app_params}'}") == [
        "c.yaml:7:22: services.app.environment.A: required variable params.NO is unset or empty: "
        "write it into app_params"
    ]


def test_a_parameter_that_is_missing_is_noted() -> None:
    assert lines(stamped("environment: {A: '${params.NO}'}").notes) == [
        "c.yaml:7:22: services.app.environment.A: params.NO is not set: an empty text stands in its place"
    ]


def test_a_secret_parameter_is_refused() -> None:
    made = template(HEAD + "    environment: {A: '${params.TOKEN:-x}'}\n")
    assert lines(made.stamp("a", ROW, "acme", secrets={"params.TOKEN"}).problems) == [
        "c.yaml:7:22: services.app.environment.A: params.TOKEN is secret and never put into a text: it is mounted as "
        "/run/secrets/TOKEN, or with `credentials: environment` the variable TOKEN"
    ]


def test_numbers_and_ports_are_read_after_the_values_are_in() -> None:
    found = service("mem_limit: ${params.MEM:-256m}\nports: ['${integration.port}:80']\ncpus: ${params.CPUS:-0.5}")
    assert (found.container.mem_limit_bytes, found.container.cpus) == (512 << 20, 0.5)
    assert found.container.ports == (PortBinding(target=80, published="9107"),)


def test_a_value_that_does_not_fit_is_a_problem_of_the_row_at_the_place_of_the_template() -> None:
    body = "mem_limit: ${params.MEM:-256m}\nimage: 'zona/${integration.executable}'"
    text = HEAD.replace("    image: a\n", "") + "".join(f"    {line}\n" for line in body.splitlines())
    made = template(text)
    assert lines(made.stamp("a", ROW | {"params.MEM": "lots"}, "acme").problems) == [
        "c.yaml:6:16: services.app.mem_limit: 'lots' is not a size: write bytes, or for example 512k, 64m, 1.5g"
    ]
    assert made.stamp("a", ROW, "acme").service is not None


def test_a_name_that_is_none_is_a_problem_of_the_row() -> None:
    problems = template(HEAD).stamp("splunk-a b-41", ROW, "a b").problems
    assert [p.path for p in problems] == ["services.app"]
    assert "'splunk-a b-41' is not a service name" in problems[0].message


# values are text


def test_a_value_in_a_command_is_one_word_or_part_of_one() -> None:
    found = service("command: run --dir=${integration.executionDir} ${params.NO:-two words} '${integration.title}'")
    assert found.container.command == ("run", "--dir=/opt/splunk app", "two words", 'Splunk "EU"')


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("ports: ['${params.X}:80']", "80-90"), ("ports: ['${params.X}:80']", "1.1.1.1:80"),
        ("ports: ['8000-8100:${params.X}']", "80/udp"), ("expose: ['${params.X}']", "1-65535"),
        ("volumes: ['/srv/${params.X}:/data']", "a:/etc"), ("volumes: ['/srv/${params.X}:/data']", "../etc"),
        ("volumes: ['/srv/.${params.X}:/data']", "./etc"),
        ("volumes: [{type: bind, source: '/srv/${params.X}', target: /d}]", "a/../../etc"),
        ("tmpfs: ['/run/${params.X}']", "a:exec"), ("devices: ['/dev/${params.X}']", "sda:/dev/sda:rwm"),
        ("extra_hosts: ['${params.X}:10.0.0.1']", "a=1.1.1.1"), ("network_mode: '${params.X}'", "container:db"),
        ("pid: '${params.X}'", "container:db"), ("healthcheck: {test: 'curl ${params.X}'}", "a; reboot"),
        ("healthcheck: {test: [CMD-SHELL, 'curl ${params.X}']}", "$(reboot)"),
    ],
)  # fmt: skip
def test_a_value_that_would_change_what_the_file_says_is_refused(body: str, value: str) -> None:
    (problem,) = refusal(body, params__X=value)
    assert problem.startswith("c.yaml:7:")
    assert "params.X is '" in problem


def test_a_list_of_pairs_keeps_its_names() -> None:
    found = service("environment: ['A=${params.X}', B=2]", ROW | {"params.X": "x=y\nB=3"})
    assert found.container.environment == (("A", "x=y\nB=3"), ("B", "2"))


def test_what_a_check_without_a_shell_gets_is_any_text() -> None:
    found = service("healthcheck: {test: [CMD, probe, '${params.X}']}", ROW | {"params.X": "a; reboot"})
    assert found.container.healthcheck is not None
    assert found.container.healthcheck.test == ("CMD", "probe", "a; reboot")


def test_a_variable_cannot_smuggle_in_a_reference() -> None:
    text = (
        HEAD
        + "    environment: {A: '${TITLE}', B: '${tenant.name}', C: '${NO:-${TITLE}}', D: '${params.X:-${TITLE}}'}\n"
    )
    problems = understood(text, variables={"TITLE": f"{OPENS}0{CLOSES}"}).problems
    assert [p.path for p in problems] == [f"services.app.environment.{name}" for name in "ACD"]
    assert {p.message for p in problems} == {
        "the value of a variable holds a character that zpmd keeps for its own use, U+10FFFC or U+10FFFD: remove it"
    }


def test_what_comes_from_the_environment_is_not_looked_at_for_references() -> None:
    forged = f"{OPENS}0{CLOSES}"
    found = service("environment: {A: '${tenant.name}', B: }", variables={"B": forged})
    assert dict(found.container.environment) == {"A": "Acme & Sons", "B": forged}


# what integrations use


TAIL = """
volumes:
  data: {name: "zpmd_${tenant.tenantcode}_${integration.integration_id}", labels: {t: "${tenant.name}"}}
  shared:
networks: {n: {name: "net-${tenant.tenantcode}"}}
configs:
  c: {content: "host=${tenant.db.host}\\n"}
  f: {file: f.txt}
"""


def test_volumes_networks_and_configs_are_made_for_each() -> None:
    more = "volumes: ['data:/data', 'shared:/s']\nnetworks: [n]\nconfigs: [c, f]"
    result = stamped(more, tail=TAIL, others={"f.txt": "file"})
    assert [(v.name, v.labels) for v in result.volumes] == [
        ("app_shared", ()), ("zpmd_acme_41", (("t", "Acme & Sons"),)),
    ]  # fmt: skip
    assert [n.name for n in result.networks] == ["net-acme"]
    assert sorted(result.contents.values()) == [b"file", b"host=db1:27017\n"]
    assert result.service is not None
    assert {f.digest for f in result.service.container.files} == set(result.contents)
    assert [m.source for m in result.service.container.mounts] == ["zpmd_acme_41", "app_shared"]


def test_one_stamp_leaves_nothing_for_the_next() -> None:
    made = template(HEAD + "    volumes: ['data:/data']\n" + 'volumes: {data: {name: "v-${tenant.tenantcode}"}}\n')
    names = [[v.name for v in made.stamp("a", ROW | {"tenant.tenantcode": code}, code).volumes] for code in "abab"]
    assert names == [["v-a"], ["v-b"], ["v-a"], ["v-b"]]


def test_what_a_template_waits_for_to_complete_runs_once() -> None:
    text = HEAD.replace('db: {image: "db:1"}', "init: {image: i}")
    result = understood(text + "    depends_on: {init: {condition: service_completed_successfully}}\n")
    assert lines(result.problems) == []
    assert result.desired.services[0].restart.condition is RestartCondition.ON_FAILURE


def test_a_template_extends_and_is_extended_and_takes_aliases() -> None:
    found = understood("""
        x-common: &common {TENANT: "${tenant.tenantcode}"}
        services:
          base: {image: "zona/base:1", labels: {a: "1"}}
          app:
            extends: base
            environment: {<<: *common, B: "2"}
            x-zpmd: {for_each: active-integration, only: [a]}
          more: {extends: app, x-zpmd: {only: !override [b]}, user: "${tenant.id}"}
    """)
    assert lines(found.problems) == []
    app, more = found.templates
    assert (app.only, more.only) == (("a",), ("b",))
    made = more.stamp("b-acme-1", ROW, "acme").service
    assert made is not None
    assert (made.container.image, made.container.user) == ("zona/base:1", "3")
    assert made.container.environment == (("B", "2"), ("TENANT", "acme"))


def test_a_built_image_has_the_name_of_the_template() -> None:
    found = template("services: {app: {build: ., x-zpmd: {for_each: active-integration}}}")
    made = found.stamp("splunk-acme-41", ROW, "acme").service
    assert made is not None
    assert made.container.image == "app-app"


def test_what_is_noted_of_a_template_is_noted_once() -> None:
    notes = understood(HEAD + "    attach: false\n    restart: '${params.R:-always}'\n").notes
    assert [n.path for n in notes] == ["services.app.attach"]


@pytest.mark.parametrize(
    "body",
    [
        "mem_limit: ${params.MEM}", "cpus: ${params.CPUS}", "restart: ${params.R}", "init: ${params.I}",
        "dns: ['${params.DNS}']", "ports: ['${params.IP}:8000-8100:80']", "cgroup: ${params.C}",
        "volumes: ['/a:${params.A}', '/b:${params.B}']", "user: ${params.U:?needed}", "working_dir: ${params.W}",
        "healthcheck: {test: [CMD, a], start_interval: 5s, start_period: '${params.P}'}",
        "mem_limit: 1g\ndeploy: {resources: {limits: {memory: '${params.MEM}'}}}", "logging: {driver: '${params.L}'}",
        "networks: {default: {ipv4_address: '${params.ADDRESS}'}}", "container_name: 'x-${integration.port}'",
        "stop_grace_period: ${params.S}s", "pull_policy: every_${params.E}", "deploy: {replicas: '${params.N}'}",
    ],
)  # fmt: skip
def test_what_only_a_made_up_value_makes_wrong_is_not_told(body: str) -> None:
    assert lines(understood(HEAD + "".join(f"    {line}\n" for line in body.splitlines())).problems) == []


# where they run


def test_a_template_that_is_off_is_known_with_its_reason() -> None:
    text = "services: {app: {image: a, env_file: no.env, x-zpmd: {for_each: active-integration, roles: [passive]}}}"
    by_role = template(text)
    assert (by_role.off, by_role.retired) == ("it runs on hosts with the role passive, and this one is active", True)
    by_profile = template("services: {app: {image: a, profiles: [p], x-zpmd: {for_each: active-integration}}}")
    assert (by_profile.off, by_profile.retired) == ("none of its profiles (p) is active", False)


def test_the_sides_of_a_site_may_have_templates_for_the_same() -> None:
    one = "services: {%s: {image: a, x-zpmd: {for_each: active-integration, roles: [%s]}}}"
    texts = {"1.yaml": one % ("here", "active"), "2.yaml": one % ("there", "passive")}
    for role, name in (("active", "here"), ("passive", "there")):
        result = together(texts, role=role)
        assert lines(result.problems) == []
        found = template_for(result.templates, "splunk")
        assert found is not None
        assert found.name == name


def test_the_template_that_names_an_integration_is_its_own() -> None:
    result = understood("""
        services:
          rest: {image: a, x-zpmd: {for_each: active-integration}}
          some: {image: a, x-zpmd: {for_each: active-integration, only: [splunk]}}
    """)
    found = {name: template_for(result.templates, name) for name in ("splunk", "jira")}
    assert {name: t.name if t else "" for name, t in found.items()} == {"splunk": "some", "jira": "rest"}
    assert template_for([], "splunk") is None


@pytest.mark.parametrize(
    ("roles", "host", "runs"),
    [
        ("[active]", {"role": "active"}, True), ("[passive]", {"role": "active"}, False),
        ("[service-vm]", {"vms": ("service",)}, True), ("[service-vm]", {"vms": ("database",)}, False),
        ("[service-vm, database-vm]", {"vms": ("database",)}, True), ("[database-vm]", {}, True),
        ("[active, database-vm]", {"role": "active", "vms": ("service",)}, False),
        ("[active, database-vm]", {"role": "passive", "vms": ("database",)}, False),
        ("[active, passive, database-vm]", {"role": "passive", "vms": ("database", "service")}, True),
        ("[active]", {"vms": ()}, True), ("[service-vm]", {"vms": ()}, False),
    ],
)  # fmt: skip
def test_roles_and_vms_decide_together(roles: str, host: dict[str, object], runs: bool) -> None:
    result = together({"c.yaml": f"services: {{web: {{image: a, x-zpmd: {{roles: {roles}}}}}}}"}, **host)
    assert lines(result.problems) == []
    assert [s.name for s in result.desired.services] == (["web"] if runs else [])
    assert [name for name, _ in result.desired.retired] == ([] if runs else ["web"])


def test_what_is_off_by_its_role_is_retired_with_the_reason() -> None:
    text = """
        services:
          a: {image: a, x-zpmd: {roles: [passive]}}
          b: {image: a, profiles: [p]}
          c: {image: a, profiles: [p], x-zpmd: {roles: [database-vm]}}
    """
    result = together({"c.yaml": text}, role="active", vms=("service",))
    assert result.desired.retired == (
        ("a", "it runs on hosts with the role passive, and this one is active"),
        ("c", "it runs on a database-vm, and this host is service-vm"),
    )


# what an integration watches

OWN = ("**/__pycache__", "**/*.pyc", "**/*.log", "**/*.pid")


@pytest.mark.parametrize(
    ("body", "watched"),
    [
        ('volumes: ["${integration.executionDir}:/app:ro"]', (WatchRule("/opt/splunk app", OWN),)),
        ('volumes: ["./all${integration.executionDir}:/app"]', (WatchRule("/srv/app/all/opt/splunk app", OWN),)),
        ("volumes: ['/opt:/opt']", ()),
        ("volumes: ['/x/opt/splunk apps:/app']", ()),
        ('working_dir: "${integration.executionDir}"', ()),
        ('volumes: ["${integration.executionDir}:/app"]\ndevelop: {watch: []}', ()),
        (
            'volumes: ["${integration.executionDir}:/app"]\n'
            'develop: {watch: [{path: "/etc/zona/${tenant.tenantcode}", action: restart, ignore: "*.md"}]}',
            (WatchRule("/etc/zona/acme", ("*.md",)),),
        ),
        (
            'develop: {watch: [{path: "${integration.executionDir}/rules", action: restart}]}',
            (WatchRule("/opt/splunk app/rules"),),
        ),
    ],
)
def test_an_integration_watches_what_its_template_says_or_its_mounted_folder(
    body: str, watched: tuple[WatchRule, ...]
) -> None:
    assert service(body).watch == watched


@pytest.mark.parametrize("folder", ["", "/", "//"])
def test_an_integration_without_a_folder_watches_nothing(folder: str) -> None:
    assert service("volumes: ['/:/host']", ROW | {"integration.executionDir": folder}).watch == ()


def test_what_is_watched_cannot_lead_out_of_its_folder() -> None:
    (problem,) = refusal(
        'develop: {watch: [{path: "/srv/${integration.executionDir}", action: restart}]}',
        integration__executionDir="../../etc",
    )
    assert "leads out of the folder" in problem


TENANT = """
services:
  db: {image: "db:1"}
  dump:
    image: a
    x-zpmd: {for_each: tenant}
"""


def test_a_template_of_tenants_says_what_it_is_for() -> None:
    found = template(TENANT)
    assert (found.name, found.each, found.only, found.ports, found.group) == ("dump", Each.TENANT, (), None, Group.APP)
    assert template(HEAD).each is Each.INTEGRATION


def test_a_template_of_tenants_is_for_no_integration() -> None:
    found = template(TENANT)
    assert template_for([found], "splunk") is None


def test_templates_of_tenants_stand_beside_one_for_all_integrations() -> None:
    text = (
        TENANT
        + "  load: {image: a, x-zpmd: {for_each: tenant}}\n  app: {image: a, x-zpmd: {for_each: active-integration}}"
    )
    result = understood(text)
    assert lines(result.problems) == []
    assert {t.name: t.each for t in result.templates} == {
        "dump": Each.TENANT, "load": Each.TENANT, "app": Each.INTEGRATION,
    }  # fmt: skip


def test_a_service_of_a_tenant_has_the_tenant_s_own_values() -> None:
    body = """
    environment: {T: "${tenant.tenantcode}", H: "${tenant.db.host}", P: "${params.DIR:-/backup}"}
    container_name: dump-${tenant.tenantcode}
    volumes: ["data:/data"]
volumes: {data: {name: "dump_${tenant.tenantcode}"}}
"""
    row = {"tenant.tenantcode": "acme", "tenant.db.host": "db1:27017"}
    made = template(TENANT + body).stamp("dump-acme", row, "acme")
    assert lines(made.problems) == []
    assert made.service is not None
    assert (made.service.name, made.service.tenant, made.service.watch) == ("dump-acme", "acme", ())
    assert dict(made.service.container.environment) == {"T": "acme", "H": "db1:27017", "P": "/backup"}
    assert [v.name for v in made.volumes] == ["dump_acme"]


@pytest.mark.parametrize("each", ["tenant", "active-integration"])
@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("'0 3 * * *'", 300), ("{every: 1h}", 300), ("{every: 4m}", 120), ("'*/2 * * * *'", 60),
        ("{cron: 0 3 * * *, deadline: 2m}", 60), ("['0 3 * * *', '2 3 * * *']", 60),
        ("{cron: 0 3 * * *, jitter: 0s}", 0), ("{cron: 0 3 * * *, jitter: 2h}", 7200),
    ],
)  # fmt: skip
def test_the_jobs_of_a_template_are_spread_over_time(each: str, schedule: str, seconds: float) -> None:
    found = template(f"services: {{dump: {{image: a, x-zpmd: {{for_each: {each}, schedule: {schedule}}}}}}}")
    made = found.stamp("dump-acme", ROW, "acme").service
    assert made is not None
    assert made.job is not None
    assert made.job.timetable.jitter_seconds == seconds


def test_a_job_of_an_integration_does_not_watch_what_it_runs() -> None:
    body = """
    volumes: ["${integration.executionDir}:/app:ro"]
"""
    text = HEAD.replace("ports: {range: 9100-9199}", "%s") + body
    watching = template(text % "credentials: files").stamp("s", ROW, "acme").service
    job = template(text % "schedule: '@daily'").stamp("s", ROW, "acme").service
    assert watching is not None
    assert job is not None
    assert watching.watch != ()
    assert job.watch == ()
