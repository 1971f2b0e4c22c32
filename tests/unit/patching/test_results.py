"""What a result file says of the way of a patch."""

from __future__ import annotations

import json

from zpmd.model.patch import Patch, Stage
from zpmd.patching import results


def test_no_stage_lasts_less_than_no_time() -> None:
    times = ((Stage.SEEN, 10.0), (Stage.COPIED, 12.5), (Stage.VERIFIED, 12.499), (Stage.APPLIED, 13.0))
    row = Patch(number=1, name="a.patch.yaml", stage=Stage.APPLIED, times=times)
    told = json.loads(results.content(row, "applied/a.patch.yaml", [], []))
    assert [one["seconds"] for one in told["stages"]] == [2.5, 0.0, 0.501, None]
