"""The real minisign, with keys of its own: what it makes we have to take, and what we make it has to take."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Minisign:
    """Keys and files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def key(self, name: str, password: str = "") -> tuple[Path, Path]:
        """A new pair: the files of the secret and of the public key."""
        secret, public = self.folder / f"{name}.key", self.folder / f"{name}.pub"
        typed = f"{password}\n{password}\n" if password else ""
        self._run(typed, "-G", "-s", secret, "-p", public, *([] if password else ["-W"]))
        return secret, public

    def sign(self, secret: Path, message: bytes, *options: str, password: str = "", name: str = "patch.yaml") -> bytes:
        """The text of the signature file that it writes."""
        file = self.folder / name
        file.write_bytes(message)
        self._run(f"{password}\n", "-S", "-s", secret, "-m", file, *options)
        return file.with_name(f"{name}.minisig").read_bytes()

    def trusted_comment(self, public: Path, message: bytes, signature: bytes) -> str:
        """What it shows of a signature that it finds good. Raises CalledProcessError for a bad one."""
        file = self.folder / "received"
        file.write_bytes(message)
        file.with_name("received.minisig").write_bytes(signature)
        return self._run("", "-V", "-Q", "-p", public, "-m", file).removesuffix("\n")

    def _run(self, typed: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            ["minisign", *arguments], input=typed, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout
