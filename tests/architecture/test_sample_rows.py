"""The data files in etc/zpmd are manual and fixture: nothing is wrong with them, and they show every collection."""

from __future__ import annotations

from tests.architecture.checkout import ROOT
from zpmd.daemon.clock import SystemClock
from zpmd.planning.rows import running
from zpmd.sources import rows
from zpmd.sources.datafiles import DataFiles

FOLDER = ROOT / "etc" / "zpmd" / "data.d"


def test_the_sample_rows_are_two_tenants_with_five_integrations_that_run() -> None:
    registry = DataFiles(FOLDER, SystemClock())
    registry.load_once()
    reading = registry.reading()
    assert reading is not None
    assert reading.troubles == ()
    assert [t.tenantcode for t in reading.rows.tenants] == ["acme", "globex"]
    assert len(running(reading.rows)) == 5
    assert any(p.secrets for p in reading.rows.params)


def test_every_collection_is_in_the_sample_rows() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    assert [name for name in rows.COLLECTIONS if f"\n{name}:" not in text] == []
