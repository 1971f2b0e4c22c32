"""A site with keys takes what its keys have signed, byte for byte, and nothing else; with the real minisign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.patches.bundles import build
from tests.integration.patches.drops import dropped, ended, images, ledger, put
from tests.integration.patches.witness import filed, lives, reason_of, small_appliance
from tests.lab.minisign import Minisign
from zpmd.patching import minisign


@pytest.fixture
def signer(tmp_path: Path) -> Minisign:
    folder = tmp_path / "minisign"
    folder.mkdir()
    return Minisign(folder)


def installed(daemon: Daemon, public: Path) -> str:
    """Copy a key to the site; its id."""
    folder = daemon.folder / "patch-keys"
    folder.mkdir(exist_ok=True)
    (folder / public.name).write_bytes(public.read_bytes())
    return minisign.parse_public_key(public.read_bytes()).id


def manifest(id: str, tag: str = "1.1") -> bytes:
    return json.dumps({"id": id, "tag": tag, "services": ["web"]}).encode()


def signed(daemon: Daemon, program: Minisign, secret: Path, id: str, **fields: str) -> None:
    """A manifest, and its signature after it."""
    content = manifest(id, **fields)
    put(daemon, f"{id}.patch.yaml", content)
    put(daemon, f"{id}.patch.yaml.minisig", program.sign(secret, content))


def refusal(daemon: Daemon, name: str) -> str:
    row = filed(daemon, [name])[name]
    assert row["stage"] == "quarantined", row
    assert reason_of(row)["reason"] == row["reason"]
    return str(row["reason"])


def test_a_key_that_is_installed_or_revoked_counts_at_once(daemon: Daemon, signer: Minisign) -> None:
    small_appliance(daemon)
    dropped(daemon, "first", services=["web"], restart_only=True)
    assert ended(daemon, "first") == "applied", "without keys nobody has to sign"
    before = lives(daemon)
    (old, old_public), (new, new_public), (strange, _) = (signer.key(name) for name in ("old", "new", "strange"))
    ids = installed(daemon, old_public), installed(daemon, new_public)

    dropped(daemon, "unsigned", services=["web"], restart_only=True)
    assert "it is not signed, and this site takes signed patches only" in refusal(daemon, "unsigned.patch.yaml")
    signed(daemon, signer, strange, "strange")
    assert "which is not installed; keys in" in refusal(daemon, "strange.patch.yaml")
    put(daemon, "altered.patch.yaml", manifest("altered"))
    put(daemon, "altered.patch.yaml.minisig", signer.sign(old, manifest("original")))
    assert "signature" in refusal(daemon, "altered.patch.yaml")
    (daemon.folder / "patch-keys" / "revoked.txt").write_text(f"{ids[0]}  # left the company\n")
    signed(daemon, signer, old, "revoked")
    assert f"it is signed by the key {ids[0]}, which is revoked" in refusal(daemon, "revoked.patch.yaml")
    assert lives(daemon) == before

    signed(daemon, signer, new, "good")
    assert ended(daemon, "good") == "applied"
    assert images(daemon)["web"] == ["appliance/service:1.1"]
    (row,) = (one for one in ledger(daemon) if one["id"] == "good")
    assert row["signer"] == ids[1]
    assert sorted(path.name for path in (daemon.spool / "applied").glob("good*")) == [
        "good.patch.yaml",
        "good.patch.yaml.minisig",
        "good.patch.yaml.result.json",
    ]


def test_of_a_signed_bundle_no_byte_may_be_another_one(daemon: Daemon, signer: Minisign, tmp_path: Path) -> None:
    """A byte of every part of it, with both ends of each; every byte in turn is flipped in the tests of its parts."""
    small_appliance(daemon)
    before = lives(daemon)
    secret, public = signer.key("vendor")
    installed(daemon, public)
    bundle = build(daemon, tmp_path, "signed", {"web": "vendor/web:2.0"}, key=secret)
    unsigned = build(daemon, tmp_path, "unsigned", {"web": "vendor/web:2.0"})
    put(daemon, "unsigned.zpatch", unsigned.read_bytes())
    assert "it is not signed" in refusal(daemon, "unsigned.zpatch")

    whole = bundle.read_bytes()
    central, end = whole.rindex(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")
    starts = [at for at in range(central) if whole[at : at + 4] == b"PK\x03\x04"][:3]
    comment = whole.index(b"untrusted comment")
    last = whole.index(b"\n", whole.index(b"trusted comment:", comment + 20)) + 1
    spots = {4, 10, 30, 60, *(start + 5 for start in starts), *(start - 1 for start in starts[1:])}
    spots |= {comment, comment + 25, comment + 90, last, last + 40, starts[-1] + 600, len(whole) // 2, central - 1}
    spots |= {central + 5, central + 38, end - 1, end + 8, end + 16}
    names = {at: f"byte-{at}.zpatch" for at in spots}
    for at, name in (names | {len(whole) - 1: (waiting := "last-byte.zpatch")}).items():
        put(daemon, name, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    rows = filed(daemon, names.values())
    assert {rows[name]["stage"] for name in names.values()} == {"quarantined"}
    assert lives(daemon) == before
    assert not daemon.engine.client().images(name="vendor/web")

    put(daemon, "signed.zpatch", whole)
    assert ended(daemon, "signed") == "applied"
    assert images(daemon)["web"] == ["vendor/web:2.0"]
    assert not [one for one in ledger(daemon) if one["name"] == waiting], "its end says that more is to come"
