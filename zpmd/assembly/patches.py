"""How patch files come in: the directory that they are dropped into, and the keys that they are signed with."""

from __future__ import annotations

from functools import partial

from zpmd.patching import keys
from zpmd.patching.dropbox import DropBox
from zpmd.ports import Clock, Store
from zpmd.settings import Settings


def drop_box(settings: Settings, store: Store, clock: Clock) -> DropBox:
    """Wired; nothing is looked at before its thread runs. The keys are read anew whenever a file is judged."""
    patches = settings.patches
    keyring = partial(keys.read, patches.keys_dir, patches.signatures)
    return DropBox(patches, settings.state_dir, settings.socket_group, store, clock, keyring)
