"""Where a MongoDB is, as whom it is entered, and what went wrong with it, in words that hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, ConfigurationError, NetworkTimeout, OperationFailure
from pymongo.errors import ServerSelectionTimeoutError as NobodyThere

from zpmd.model.secret import Secret
from zpmd.model.tenant import Rows, Status, Tenant, TenantDB
from zpmd.settings import Mongo
from zpmd.sources.mongo.client import Deployment, Unusable, deployment, hosts_of, password, why
from zpmd.sources.mongo.direct import Access
from zpmd.sources.mongo.session import CORE, SessionStruct, own_sessions

PLANTED = "pl@nted/secret"
AT = Deployment(("db1:27017",), Access(username="zpmd", password=Secret(PLANTED), timeout_seconds=5.0))
CORE_SESSION = SessionStruct(CORE, AT, "zona")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NobodyThere("db1:27017: [Errno 111] Connection refused (configured timeouts: x), Timeout: 2s"),
         "does not answer at db1:27017: connection refused"),
        (NobodyThere("db1:27017: [Errno -2] Name or service not known (configured"),
         "does not answer at db1:27017: its host name is not known"),
        (NobodyThere("db1:27017: timed out"), "does not answer at db1:27017: no answer in time"),
        (NobodyThere("db1:27017: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
         "does not answer at db1:27017: its certificate is not trusted"),
        (NetworkTimeout("db1:27017: timed out"), "does not answer at db1:27017 within 5 s"),
        (AutoReconnect("db1:27017: connection closed"), "does not answer at db1:27017: it closed the connection"),
        (OperationFailure("Authentication failed.", 18),
         "refuses user zpmd at db1:27017: wrong user, password or auth_source"),
        (OperationFailure("not authorized on zona", 13),
         "does not let user zpmd do what is needed at db1:27017: not authorized on zona"),
        (ConfigurationError(f"bad {PLANTED}"), "cannot be asked as it is configured at db1:27017: bad ***"),
        (OperationFailure("password=abc123 is wrong", 2), "answers at db1:27017 with an error: password=*** is wrong"),
    ],
)  # fmt: skip
def test_what_went_wrong_is_said_in_one_line_without_secrets(error: Exception, said: str) -> None:
    assert why(error, AT) == said


def test_hosts_are_one_value_however_they_are_written() -> None:
    assert hosts_of("b:1, a") == hosts_of("a:27017,b:1") == ("a:27017", "b:1")
    assert hosts_of("[::1]") == ("[::1]:27017",)


@pytest.mark.parametrize("text", ["", "a,,b", f"mongodb://u:{PLANTED}@h", "h/x", "a b"])
def test_what_is_no_list_of_hosts_is_not_repeated(text: str) -> None:
    with pytest.raises(Unusable, match=r"^db_host is no list of host\[:port\]$"):
        hosts_of(text)


def test_the_password_is_that_of_the_file_or_of_the_systemd_credential(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(f"{PLANTED}\n")
    (tmp_path / "mongodb.password").write_text("credential")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert password(Mongo(username="zpmd", password_file=file), environ) == Secret(PLANTED)
    assert password(Mongo(username="zpmd"), environ) == Secret("credential")
    assert password(Mongo(), environ) == Secret()
    with pytest.raises(Unusable, match=r"set mongodb\.password_file"):
        password(Mongo(username="zpmd"), {})
    file.write_text("\n")
    with pytest.raises(Unusable, match="is empty"):
        password(Mongo(username="zpmd", password_file=file), environ)
    assert PLANTED not in repr(deployment(Mongo(username="zpmd"), environ))


def tenant(code: str, **fields: str) -> Tenant:
    known = {"id": len(code), "name": code, "tenantcode": code, "status": Status.ACTIVE}
    secret = {"db_password": Secret(fields.pop("db_password"))} if "db_password" in fields else {}
    return Tenant(**{**known, **fields, **secret})  # type: ignore[arg-type]


def test_a_tenant_has_the_session_that_its_rows_say() -> None:
    database = TenantDB(id=1, name="", tenantcode="listed", status=Status.ACTIVE, db_name="own")
    rows = Rows(
        tenants=(
            tenant("core"),
            tenant("here", db_name="own"),
            tenant("listed"),
            tenant("there", db_name="own", db_host="far"),
            tenant("known", db_name="own", db_host="far", db_username="u", db_password=PLANTED),
            tenant("vague", db_host="far"),
        ),
        databases=(database,),
    )
    found = own_sessions(rows, CORE_SESSION, "mssp")
    theirs = Access(username="u", password=Secret(PLANTED), timeout_seconds=5.0)
    assert found == {
        "here": SessionStruct("here", AT, "own"),
        "listed": SessionStruct("listed", AT, "own"),
        # the core's password goes to no other host
        "there": SessionStruct("there", Deployment(("far:27017",), AT.access.anonymous), "own"),
        "known": SessionStruct("known", Deployment(("far:27017",), theirs), "own"),
        "vague": "its row names a db_host, and no db_name",
    }
    assert own_sessions(rows, CORE_SESSION, "shared") == {}
