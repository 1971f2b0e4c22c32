"""The search for planted secrets finds them in every form, and where masking has been they are gone."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.lab.secrets import PLANTED, SecretFound, forms, scan
from zpmd.known import Known

VALUES = tuple(PLANTED.values())


@pytest.mark.parametrize("value", VALUES, ids=tuple(PLANTED))
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_planted_secret_is_found_however_it_is_written(value: str, before: str) -> None:
    whole = f"{before}{value}"
    for text in (
        whole,
        json.dumps({"a": whole}),
        f"mongodb://{quote(whole, safe='')}@host",
        base64.b64encode(f"{whole}:tail".encode()).decode(),
        whole.encode().hex(),
        repr(whole),
    ):
        with pytest.raises(SecretFound, match="text 2"):
            scan("nothing here", f"before {text} after")


def test_folders_are_searched_but_for_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "materials").mkdir()
    (tmp_path / "materials" / "x").write_text(PLANTED["api_token"])
    (tmp_path / "log").write_text("all is well")
    with pytest.raises(SecretFound, match=r"materials/x: api_token as plain"):
        scan(tmp_path)
    assert scan(tmp_path, but=(tmp_path / "materials",)) == len("log\nall is well")


@pytest.mark.parametrize("value", VALUES, ids=tuple(PLANTED))
def test_nothing_is_found_where_what_is_known_was_masked(value: str) -> None:
    known = Known()
    known.learn(VALUES)
    whole = [f.decode() for name, f in forms(value).items() if "base64" not in name and name != "UTF-16"]
    inside = [f"{before}{value}{after}".encode() for before in ("", "u", "us", "user:") for after in ("", "x", "xy")]
    encoded = [encode(text).decode() for text in inside for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    texts = [f"it said {text} there" for text in (*whole, *encoded)]
    with pytest.raises(SecretFound):
        scan(texts)
    assert scan(*(known.mask(text) for text in texts)) > 0
