"""MongoDB as a service container: the lab's mongod, the libraries it is linked with, and a busybox, as one image.

There is no registry to pull an official image from; this one is made on the spot in about a second.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.lab.engine import SEARCH_PATH, LabEngine
from tests.lab.mongod import binary

IMAGE = "appliance/mongod:6.0"
APPLETS = ("sh", "nc", "cat", "mkdir", "sleep")


def load_mongod(engine: LabEngine) -> str:
    """Make the image on this engine; its name. It runs `mongod --dbpath /data/db ...` as the command that it is given,
    and `nc 127.0.0.1 27017 < /dev/null` succeeds in it once mongod answers: it waits for its end of the connection."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "tmp", "data", "data/db", "etc", "proc", "sys", "dev", "run"):
            tar.addfile(_folder(folder))
        tar.add(binary(), "bin/mongod")
        for library in _libraries(binary()):
            tar.add(library.resolve(), str(library).lstrip("/"))
        tar.add(shutil.which("busybox", path=SEARCH_PATH) or "busybox", "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        passwd = b"root:x:0:0:root:/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(passwd)
        tar.addfile(entry, io.BytesIO(passwd))
    repository, _, tag = IMAGE.partition(":")
    engine.client().import_image_from_data(archive.getvalue(), repository=repository, tag=tag)  # type: ignore[no-untyped-call]
    return IMAGE


def _folder(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _libraries(program: Path) -> list[Path]:
    """What the loader would load, the loader included, under the paths by which it looks for them."""
    told = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    words = (word for line in told.splitlines() for word in line.split() if word.startswith("/"))
    return sorted({Path(word) for word in words})
