"""The daemon's own settings, frozen. `etc/zpmd/zpmd.yaml` is the annotated file of them: its manual and a test at once.

The field names are the keys of the file; a nested key `engine.url` is the field `engine_url`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zpmd.model.policy import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations are seconds. Paths are absolute once loaded (relative ones start at the settings file's folder)."""

    project: str = "zpmd"
    """Prefix of container, volume and network names, as Compose's project name."""
    services_dir: Path = Path("/etc/zpmd/services.d")
    state_dir: Path = Path("/var/lib/zpmd")
    socket: Path = Path("/run/zpmd/zpmd.sock")
    socket_group: str = "zpmd"
    """Members of this group may use zpmctl; where the group does not exist, root alone."""
    role: str = "active"
    """The host's server role: active, passive or secondary-active. Services that name other roles do not run here."""
    profiles: tuple[str, ...] = ()
    env_file: Path | None = None
    """Variables for `${...}` in service files, below those of the daemon's own environment."""
    engine_url: str = "unix:///var/run/docker.sock"
    engine_workers: int = 6
    engine_timeout_seconds: float = 60.0
    resync_seconds: float = 30.0
    limits: Limits = Limits()
    """Keys `limits.group_deadline_seconds`, `limits.removal_percent`, ..."""
    journal_entries: int = 50_000
    log_level: str = "info"

    @property
    def materials_dir(self) -> Path:
        """Where the content of configs and secrets lies, a file for each SHA-256."""
        return self.state_dir / "materials"

    @property
    def database(self) -> Path:
        return self.state_dir / "zpmd.db"
