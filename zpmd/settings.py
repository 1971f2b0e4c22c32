"""The daemon's own settings, frozen. `etc/zpmd/zpmd.yaml` is the annotated file of them: its manual and a test at once.

The field names are the keys of the file; a nested key `engine.url` is the field `engine_url`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zpmd.model.policy import Limits

VMS = ("service", "database")
"""What a host may be, beside its role: it runs the product's services, its database, or both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the replica set that is wanted. `priority` None: by the role of its server, from `priorities`."""

    host: str
    priority: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSet:
    """The replica set that zpmd keeps. Without `members` they are the database VMs of the `servers` collection.

    `priorities` are pairs of a role and the priority of its members.
    """

    name: str
    members: tuple[Member, ...] = ()
    priorities: tuple[tuple[str, float], ...] = (("active", 10.0), ("secondary-active", 5.0), ("passive", 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mongo:
    """Where the product's core database is. Durations are seconds.

    `mode`: in `shared` all integrations are in the core database, in `mssp` each tenant's in that tenant's own.
    The password is the content of `password_file`, or of the systemd credential `mongodb.password`.
    """

    hosts: tuple[str, ...] = ("127.0.0.1:27017",)
    database: str = "zona"
    mode: str = "shared"
    username: str = ""
    password_file: Path | None = None
    auth_source: str = "admin"
    tls: bool = False
    tls_ca_file: Path | None = None
    timeout_seconds: float = 5.0
    """The deadline of every call."""
    poll_seconds: float = 5.0
    """How often everything is read where there are no change streams."""
    probe_seconds: float = 60.0
    """How often each tenant's databases are probed; 0: never."""
    replica_set: ReplicaSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """How patch files are taken. Sizes are bytes, durations seconds. Their patience is in `limits`.

    `signatures`: "required", "optional", or "" for required as soon as a key lies in `keys_dir`.
    """

    dir: Path = Path("/var/spool/zpmd")
    """With `incoming`, `applied`, `rolled-back` and `quarantine` below it."""
    keys_dir: Path = Path("/etc/zpmd/patch-keys")
    signatures: str = ""
    max_bytes: int = 20_000_000_000
    """Of one bundle."""
    quiet_seconds: float = 2.0
    """A file that nobody renamed or closed before our eyes is complete when it has not changed for so long."""
    quarantine_count: int = 200
    quarantine_bytes: int = 10_000_000_000
    """What is kept in `quarantine` at most; the oldest go first, and of too many bytes the reasons stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwt:
    """Whose JSON Web Tokens are believed. The key is the content of `key_file`, or of the systemd credential `api.jwt`:
    a secret for HS256, an Ed25519 public key in PEM for EdDSA. `algorithm` "": by the kind of key."""

    issuer: str
    audience: str
    algorithm: str = ""
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The REST API over TCP, beside the unix socket. `listen` "": not at all; otherwise `host:port`.

    Limits hold for TCP; those of a token also where it is used over the unix socket. Durations are seconds.
    """

    listen: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    jwt: Jwt | None = None
    max_connections: int = 256
    """One address has at most half of them."""
    header_seconds: float = 10.0
    """The head of a request is there by then, and before it the TLS handshake done."""
    body_seconds: float = 10.0
    """In each of these there are 16 KiB more of a body, or its end."""
    address_requests_per_minute: int = 6000
    token_requests_per_minute: int = 3000
    """A quarter of a minute's worth may come at once."""
    failures_per_minute: int = 10
    """Wrong tokens from one address that are answered at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations are seconds. Paths are absolute once loaded (relative ones start at the settings file's folder)."""

    project: str = "zpmd"
    """Prefix of container, volume and network names, as Compose's project name."""
    services_dir: Path = Path("/etc/zpmd/services.d")
    state_dir: Path = Path("/var/lib/zpmd")
    socket: Path = Path("/run/zpmd/zpmd.sock")
    socket_group: str = "zpmd"
    """Members of this group may use zpmctl; where it does not exist, or zpmd is not in it, root and zpmd alone."""
    api: Api = Api()
    """Keys `api.listen`, `api.tls_cert`, `api.jwt.issuer`, ..."""
    role: str = "active"
    """The host's server role: active, passive or secondary-active. Services that name other roles do not run here. A
    row of the `servers` collection with this server's name goes before it."""
    vms: tuple[str, ...] = VMS
    server_name: str = ""
    """This host's name in the `servers` collection; "" is its host name."""
    data_dir: Path = Path("/etc/zpmd/data.d")
    """Tenants, integrations and parameters as files, where there is no `mongodb`."""
    mongodb: Mongo | None = None
    port_cooldown_seconds: float = 86_400.0
    """For how long the port of an integration that is gone is given to no other."""
    patches: Patches = Patches()
    """Keys `patches.dir`, `patches.signatures`, ..."""
    profiles: tuple[str, ...] = ()
    env_file: Path | None = None
    """Variables for `${...}` in service files, below those of the daemon's own environment."""
    engine_url: str = "unix:///var/run/docker.sock"
    engine_workers: int = 6
    engine_timeout_seconds: float = 60.0
    resync_seconds: float = 30.0
    limits: Limits = Limits()
    """Keys `limits.group_deadline_seconds`, `limits.removal_percent`, ..."""
    journal_weeks: int = 8
    """For so long a line of the journal is kept, as far as `journal_entries` lines go."""
    journal_entries: int = 50_000
    """Above that, the service that has most lines gives its oldest."""
    log_level: str = "info"

    @property
    def materials_dir(self) -> Path:
        """Where the content of configs and secrets lies, a file for each SHA-256."""
        return self.state_dir / "materials"

    @property
    def database(self) -> Path:
        return self.state_dir / "zpmd.db"
