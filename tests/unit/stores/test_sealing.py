"""What lies in the SQLite file is read with the key alone, and a lost key costs what is remembered, nothing else."""

from __future__ import annotations

import secrets
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.full_disk import no_room
from zpmd.errors import StoreError
from zpmd.model.container import Container
from zpmd.model.memory import Revision
from zpmd.model.observed import Dossier
from zpmd.model.secret import Secret
from zpmd.model.service import Desired, Group, ServiceData
from zpmd.model.tenant import IntegrationKey, PortLease, Rows, Status, Tenant
from zpmd.stores import keys
from zpmd.stores.codec import Unreadable, encode
from zpmd.stores.embedded import EmbeddedStore
from zpmd.stores.schema import STEPS
from zpmd.stores.sealing import Seal

PASSWORD = "hunter2-hunter2"
WEB = ServiceData(
    name="web", group=Group.APP, container=Container(image="web:1", environment=(("DB_PASSWORD", PASSWORD),))
)
DESIRED = Desired(services=(WEB, replace(WEB, name="web2")))
REVISION = Revision(service="web", stable=WEB)
DOSSIER = Dossier(service="web", slot=1, container_id="c", at=1.0, log_tail=(f"connecting with {PASSWORD}",))
ROWS = Rows(tenants=(Tenant(id=1, name="Acme", tenantcode="acme", status=Status.ACTIVE, db_password=Secret(PASSWORD)),))
LEASE = PortLease(key=IntegrationKey("acme", 1), port=9100, leased_at=1.0)


class FixedClock:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "zpmd.db"


def opened(path: Path, credentials: Path | None = None) -> EmbeddedStore:
    return EmbeddedStore(path, journal_entries=1000, clock=FixedClock(), credentials=credentials)


def fill(path: Path, credentials: Path | None = None) -> None:
    store = opened(path, credentials)
    store.keep_good("files", DESIRED)
    store.judge(REVISION)
    store.keep_dossier(DOSSIER)
    store.keep_rows(ROWS)
    store.keep_leases([LEASE], [])
    store.set_stopped("web", True)
    store.close()


def remembered(store: EmbeddedStore) -> tuple[object, ...]:
    known = store.last_good("files"), store.memory().revisions.get("web"), store.dossiers("web"), store.last_rows()
    store.close()
    return known


ALL = (DESIRED, REVISION, (DOSSIER,), ROWS)
NOTHING = (None, None, (), None)


def bytes_beside(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.glob("zpmd.db*"))


def edit(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def notes(path: Path) -> list[str]:
    store = opened(path)
    texts = [e.text for e in store.journal()]
    store.close()
    return texts


def test_no_byte_of_the_file_or_its_log_gives_a_password_away(path: Path) -> None:
    fill(path)
    store = opened(path)
    store.keep_good("files", replace(DESIRED, services=()))
    assert PASSWORD.encode() not in bytes_beside(path)
    store.close()
    assert PASSWORD.encode() not in bytes_beside(path)


def test_what_an_older_zpmd_wrote_in_plain_text_is_read_and_nothing_of_it_is_left(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(f"{STEPS[0]}; PRAGMA user_version = 1")
    for _ in range(2):  # what was overwritten goes on lying in free pages
        connection.execute("INSERT OR REPLACE INTO good VALUES ('files', ?)", (encode(DESIRED) + " " * 9000,))
        connection.execute("INSERT OR REPLACE INTO revision VALUES ('web', ?)", (encode(REVISION),))
        connection.commit()
    connection.execute("INSERT INTO fact VALUES ('owner', '0123456789ab')")
    path.with_name("owner").write_text("0123456789ab\n")
    connection.execute("INSERT INTO dossier (service, body) VALUES ('web', ?)", (encode(DOSSIER),))
    connection.commit()
    connection.close()
    assert PASSWORD.encode() in bytes_beside(path)
    with no_room():
        assert remembered(opened(path)) == (DESIRED, REVISION, (DOSSIER,), None), "as it lies"
    assert remembered(opened(path)) == (DESIRED, REVISION, (DOSSIER,), None)
    assert PASSWORD.encode() not in bytes_beside(path)
    store = opened(path)
    store.keep_good("files", replace(DESIRED, services=(WEB,)))
    assert store.last_good("files") == replace(DESIRED, services=(WEB,))
    store.close()


def test_without_the_key_what_it_sealed_is_forgotten_and_the_rest_is_kept(path: Path) -> None:
    fill(path)
    path.with_name("key").unlink()
    store = opened(path)
    assert dict(store.leases()) == {LEASE.key: LEASE}
    assert store.memory().intent.stopped == {"web"}
    assert remembered(store) == NOTHING
    (note,) = set(notes(path))
    assert note.endswith("rows of the database could not be read, and are forgotten")
    fill(path)
    assert remembered(opened(path)) == ALL


def test_a_key_that_is_put_back_opens_what_was_not_overwritten(path: Path) -> None:
    fill(path)
    key = path.with_name("key")
    copy = key.read_text()
    key.unlink()
    opened(path).close()
    key.write_text(copy)
    assert remembered(opened(path)) == ALL


def test_a_key_file_with_something_else_in_it_is_moved_aside(path: Path) -> None:
    fill(path)
    path.with_name("key").write_text("\0" * 64)
    assert remembered(opened(path)) == NOTHING
    assert path.with_name("key.unusable").read_text() == "\0" * 64
    assert keys.FORM.fullmatch(path.with_name("key").read_text().strip())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_reach_is_refused_with_what_to_do(path: Path, mode: int) -> None:
    fill(path)
    path.with_name("key").chmod(mode)
    with pytest.raises(StoreError, match=rf"others than its owner can reach it \(mode 0{mode:o}\): `chmod 600 .*/key`"):
        opened(path)


def test_a_key_is_changed_without_forgetting_anything(path: Path) -> None:
    fill(path)
    store = opened(path)
    salt = store.salt()
    store.close()
    path.with_name("key").rename(path.with_name("key.old"))
    store = opened(path)
    assert store.salt() == salt, "or every service with a secret would be replaced"
    assert remembered(store) == ALL
    path.with_name("key.old").unlink()
    assert remembered(opened(path)) == ALL, "it was sealed with the new key"


def test_the_key_of_systemd_comes_first_and_the_file_is_its_former_one(path: Path, tmp_path: Path) -> None:
    fill(path)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "zpmd.key").write_text(f"{secrets.token_hex(32)}\n")
    assert remembered(opened(path, credentials)) == ALL
    path.with_name("key").unlink()
    assert remembered(opened(path, credentials)) == ALL
    assert not path.with_name("key").exists()
    assert remembered(opened(path)) == NOTHING


def test_a_credential_is_changed_without_forgetting_anything(path: Path, tmp_path: Path) -> None:
    (tmp_path / "zpmd.key").write_text(secrets.token_hex(32))
    fill(path, tmp_path)
    (tmp_path / "zpmd.key").rename(tmp_path / "zpmd.key.old")
    (tmp_path / "zpmd.key").write_text(secrets.token_hex(32))
    (tmp_path / "zpmd.key.old").chmod(0o440)
    assert remembered(opened(path, tmp_path)) == ALL
    (tmp_path / "zpmd.key.old").unlink()
    assert remembered(opened(path, tmp_path)) == ALL


def test_a_credential_that_is_no_key_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "zpmd.key").write_text("correct horse battery staple")
    with pytest.raises(StoreError, match="a key is 64 hex digits: make one with `openssl rand -hex 32`"):
        opened(path, tmp_path)


def test_the_salt_outlives_the_database(path: Path) -> None:
    store = opened(path)
    salt = store.salt()
    store.close()
    for file in path.parent.glob("zpmd.db*"):
        file.unlink()
    store = opened(path)
    assert store.salt() == salt
    store.close()


def test_a_new_key_on_a_full_disk_is_written_before_it_seals(path: Path) -> None:
    fill(path)
    path.with_name("key").unlink()
    with no_room():
        store = opened(path)
        with pytest.raises(StoreError, match="cannot write"):
            store.keep_rows(ROWS)
    store.keep_rows(ROWS)
    store.close()
    assert stat.S_IMODE(path.with_name("key").stat().st_mode) == 0o600
    store = opened(path)
    assert store.last_rows() == ROWS
    store.close()


def test_a_body_that_was_moved_to_another_row_is_unreadable(path: Path) -> None:
    fill(path)
    edit(path, "UPDATE good_service SET body = (SELECT body FROM good_service WHERE service = 'web2')")
    store = opened(path)
    assert store.last_good("files") is None
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM good_service WHERE service = 'web2'; DELETE FROM rows WHERE collection = 'servers'",
        "UPDATE good_service SET body = substr(body, 1, 20); UPDATE rows SET body = substr(body, 1, 9)",
        "UPDATE good SET body = x'7a7331'; UPDATE rows SET body = x''",
        "UPDATE good_service SET body = '{}'; UPDATE rows SET body = '['",
    ],
)
def test_a_part_that_is_damaged_or_missing_makes_the_whole_unknown(path: Path, damage: str) -> None:
    """A definition that lacks one service would have it removed."""
    fill(path)
    edit(path, damage)
    store = opened(path)
    assert (store.last_good("files"), store.last_rows()) == (None, None)
    store.keep_good("files", DESIRED)
    store.keep_rows(ROWS)
    store.close()
    assert remembered(opened(path)) == ALL


def test_what_did_not_change_is_not_written(path: Path) -> None:
    fill(path)
    store = opened(path)
    before = bytes_beside(path)
    store.keep_good("files", replace(DESIRED))
    store.keep_rows(replace(ROWS))
    store.keep_leases([LEASE], [])
    assert bytes_beside(path) == before
    store.keep_good("files", replace(DESIRED, services=(WEB, replace(WEB, name="web2", replicas=3))))
    assert bytes_beside(path) != before
    store.close()


def test_two_seals_of_one_text_differ_and_damage_is_noticed() -> None:
    seal = Seal(keys.Key(b"k" * 32))
    one, other = seal.seal(("t", "a"), "text"), seal.seal(("t", "a"), "text")
    assert one != other
    assert seal.open(("t", "a"), one) == seal.open(("t", "a"), other) == "text"
    for place, body in ((("t", "b"), one), (("u", "a"), one), (("t", "a"), one[:-1]), (("t", "a"), one[:8] + one[9:])):
        with pytest.raises(Unreadable):
            seal.open(place, body)


def test_a_key_is_not_shown() -> None:
    assert "6b6b" not in repr(keys.Key(b"k" * 32))
    assert "kkk" not in repr(keys.Key(b"k" * 32))
