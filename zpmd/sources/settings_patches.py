"""The `patches` part of `zpmd.yaml` into `Patches`."""

from __future__ import annotations

from zpmd.settings import Patches
from zpmd.sources.reading import Cursor, Section, honoured
from zpmd.sources.settings_paths import path_of

PATCHES: Section = honoured(
    "dir", "keys_dir", "max_bytes", "quarantine_bytes", "quarantine_count", "quiet_seconds", "signatures",
)  # fmt: skip
POLICIES = ("required", "optional")
LARGEST = 10**15


def patches(cursor: Cursor) -> Patches:
    f = cursor.fields(PATCHES)
    default = Patches()
    return Patches(
        dir=path_of(f["dir"], default.dir),
        keys_dir=path_of(f["keys_dir"], default.keys_dir),
        signatures=f["signatures"].word({policy: policy for policy in POLICIES}, default.signatures),
        max_bytes=f["max_bytes"].integer(low=1, high=LARGEST, default=default.max_bytes),
        quiet_seconds=f["quiet_seconds"].number(low=0.1, high=3600, default=default.quiet_seconds),
        quarantine_count=f["quarantine_count"].integer(low=0, high=100_000, default=default.quarantine_count),
        quarantine_bytes=f["quarantine_bytes"].integer(low=0, high=LARGEST, default=default.quarantine_bytes),
    )
