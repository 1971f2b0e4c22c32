"""The settings file: its manual is true, and what is wrong is told with its place."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpmd.errors import ConfigError
from zpmd.model.policy import Limits
from zpmd.settings import Api, Jwt, Member, Mongo, Patches, ReplicaSet, Settings
from zpmd.sources import settingsfile
from zpmd.sources.nodes import Origin

ANNOTATED = Path(__file__).parents[3] / "etc/zpmd/zpmd.yaml"
ORIGIN = Origin("zpmd.yaml", PurePosixPath("/etc/zpmd"))


def parsed(text: str) -> Settings:
    settings, problems = settingsfile.parse(text.encode(), ORIGIN)
    assert problems == ()
    return settings


def test_the_annotated_file_is_all_defaults() -> None:
    assert settingsfile.load(ANNOTATED) == Settings()


def test_the_annotated_file_names_every_key_with_its_default() -> None:
    uncommented = re.sub(r"(?m)^( *)#([a-z_]+:)", r"\1\2", ANNOTATED.read_text())
    # What has no default stands there as an example; some of it makes sense only beside something else.
    meant = uncommented.replace('username: ""', "username: zpmd").replace("tls: false", "tls: true")
    mongo = Mongo(
        username="zpmd", password_file=Path("/etc/zpmd/mongodb.password"), tls=True,
        tls_ca_file=Path("/etc/zpmd/ca.pem"), replica_set=ReplicaSet(name="rs0"),
    )  # fmt: skip
    patches = Patches(signatures="required")
    key_file = Path("/etc/zpmd/jwt.key")
    jwt = Jwt(issuer="https://login.example.com", audience="zpmd", algorithm="EdDSA", key_file=key_file)
    tls = {"tls_cert": Path("/etc/zpmd/tls/cert.pem"), "tls_key": Path("/etc/zpmd/tls/key.pem")}
    api = Api(listen="127.0.0.1:8443", jwt=jwt, **tls)
    env_file = Path("/etc/zpmd/zpmd.env")
    assert parsed(meant) == replace(Settings(), env_file=env_file, mongodb=mongo, patches=patches, api=api)
    keys = set(re.findall(r"(?m)^ *([a-z_]+):", uncommented))
    flat = {f.name.removeprefix("engine_") if f.name.startswith("engine_") else f.name for f in fields(Settings)}
    inner = {f.name for kind in (Api, Jwt, Limits, Mongo, Patches, ReplicaSet) for f in fields(kind)}
    assert keys == flat | inner | {"engine"}


def test_what_is_set_is_taken() -> None:
    settings = parsed("""
project: siem
services_dir: ./services.d
state_dir: /data/../var/zpmd
role: passive
profiles: [debug]
env_file: zpmd.env
engine: {url: tcp://127.0.0.1:2375, workers: 4, timeout_seconds: 5}
resync_seconds: 12.5
limits: {removal_percent: 50, fresh_after: 5}
log_level: debug
""")
    assert settings == Settings(
        project="siem", services_dir=Path("/etc/zpmd/services.d"), state_dir=Path("/var/zpmd"), role="passive",
        profiles=("debug",), env_file=Path("/etc/zpmd/zpmd.env"), engine_url="tcp://127.0.0.1:2375", engine_workers=4,
        engine_timeout_seconds=5.0, resync_seconds=12.5, limits=Limits(removal_percent=50, fresh_after=5),
        log_level="debug",
    )  # fmt: skip


def test_a_mongodb_that_is_set_is_taken() -> None:
    settings = parsed("""
data_dir: data.d
vms: database
server_name: host-1
port_cooldown_seconds: 60
mongodb:
  hosts: [db1, "db2:27018"]
  database: core
  mode: mssp
  username: zpmd
  password_file: secret
  timeout_seconds: 2
  replica_set:
    name: rs1
    members: [db1, {host: "db2:27018", priority: 0.5}]
    priorities: {active: 20}
""")
    assert settings == Settings(
        data_dir=Path("/etc/zpmd/data.d"), vms=("database",), server_name="host-1", port_cooldown_seconds=60.0,
        mongodb=Mongo(
            hosts=("db1", "db2:27018"), database="core", mode="mssp", username="zpmd",
            password_file=Path("/etc/zpmd/secret"), timeout_seconds=2.0,
            replica_set=ReplicaSet(
                name="rs1", members=(Member(host="db1"), Member(host="db2:27018", priority=0.5)),
                priorities=(("active", 20.0), ("secondary-active", 5.0), ("passive", 1.0)),
            ),
        ),
    )  # fmt: skip


def test_a_password_in_the_file_is_refused_and_not_repeated() -> None:
    _, problems = settingsfile.parse(b"mongodb:\n  username: zpmd\n  password: planted\n", ORIGIN)
    assert [str(p).split(":")[:3] for p in problems] == [["zpmd.yaml", "3", "3"]]
    assert "password_file" in problems[0].message
    _, uris = settingsfile.parse(b"mongodb:\n  hosts: ['mongodb://zpmd:planted@db1']\n", ORIGIN)
    assert len(uris) == 1
    assert "planted" not in f"{problems}{uris}"


@pytest.mark.parametrize("text", ["", "# nothing\n\n", "{}"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    assert parsed(text) == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("servces_dir: /x", "1:1: servces_dir: unknown key 'servces_dir', did you mean 'services_dir'?"),
        ("engine: {ulr: x}", "1:10: engine.ulr: unknown key 'ulr', did you mean 'url'?"),
        ("engine_url: unix:///x", "1:1: engine_url: unknown key 'engine_url', did you mean 'engine'?"),
        ("resync_seconds: 30s", "1:17: resync_seconds: expected a number, found the text '30s'"),
        ("resync_seconds: 0", "1:17: resync_seconds: 0.0 is out of range: write a number from 1 to 3600"),
        ("engine:\n  workers: 0.5", "2:12: engine.workers: expected a whole number, found the number 0.5"),
        ("limits: {removal_percent: 120}",
         "1:27: limits.removal_percent: 120 is out of range: write a whole number from 0 to 100"),
        ("limits: {retry_delay_seconds: 90}",
         "1:31: limits.retry_delay_seconds: retry_max_seconds is below retry_delay_seconds: raise it"),
        ("role: primary", "1:7: role: 'primary' is not known here: write active, passive or secondary-active"),
        ("project: My App",
         "1:10: project: 'My App' is not a project name: use lower-case letters, digits, `_` and `-`"),
        ("profiles: debug", "1:11: profiles: expected a list, found the text 'debug'"),
        ("engine: {url: docker}",
         "1:15: engine.url: 'docker' is not an engine: write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST"),
        ("socket: ''", "1:9: socket: the path is empty: write one, or leave the key out"),
        ("log_level: loud", "1:12: log_level: 'loud' is not known here: write trace, debug, info, success, warning, "
         "error or critical"),
        ("mongodb: {mode: both}", "1:17: mongodb.mode: 'both' is not known here: write shared or mssp"),
        ("mongodb: {hosts: [a b]}", "1:19: mongodb.hosts[0]: 'a b' is not a host: write host[:port]"),
        ("mongodb: {replica_set: {members: [a]}}",
         "1:11: mongodb.replica_set: has no name: write the name that mongod has as --replSet"),
        ("vms: [disk]", "1:7: vms[0]: 'disk' is not known here: write service or database"),
        ("- a", "1:1: expected a mapping, found a list"),
        ("a: 1\n\tb: 2", "2:1: a tab indents this line: YAML takes spaces only"),
        ("role: active\nrole: passive", "2:1: role: duplicate key 'role', first at line 1: keep one of them"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, expected: str) -> None:
    _, problems = settingsfile.parse(text.encode(), ORIGIN)
    assert [str(p) for p in problems] == [f"zpmd.yaml:{expected}"]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the settings: No such file or directory"):
        settingsfile.load(tmp_path / "zpmd.yaml")


@given(st.binary(max_size=200))
def test_no_bytes_raise(content: bytes) -> None:
    settingsfile.parse(content, ORIGIN)
