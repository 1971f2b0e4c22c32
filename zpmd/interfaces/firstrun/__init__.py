"""What a host lacks for zpmd to run on it, in the order in which it has to be done: a guide for the first run.

facts.py has the facts as values, checks.py what follows from them (pure); host.py and engine.py collect them, without
the daemon, with the rights of whoever asks. What these do not allow to be seen is told as such, and never as fine.
"""

from __future__ import annotations

from pathlib import Path

from zpmd.interfaces.firstrun import checks, engine, host
from zpmd.interfaces.views import CheckView
from zpmd.settings import Patches, Settings

__all__ = ["guide"]


def guide(*, answering: bool, folder: Path = host.FOLDER) -> tuple[list[CheckView], Settings]:
    """The checks, and the settings as far as other checks need them. `answering`: the daemon does."""
    seen = host.look(folder)
    places = seen.configured.settings
    default = Settings()
    found = engine.look(places.get("engine", default.engine_url), seen.configured.published)
    known = Settings(
        state_dir=Path(places.get("state_dir", str(default.state_dir))),
        patches=Patches(
            dir=Path(places.get("patches_dir", str(default.patches.dir))),
            keys_dir=Path(places.get("patch_keys_dir", str(default.patches.keys_dir))),
            signatures=places.get("patch_signatures", ""),
        ),
    )
    return checks.setup(seen, found, answering=answering), known
