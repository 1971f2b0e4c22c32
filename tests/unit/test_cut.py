"""A read that blocks is ended by somebody else, whenever he comes."""

from __future__ import annotations

from zpmd.cut import Cut


def test_a_cut_ends_what_reads_now_and_nothing_that_has_ended() -> None:
    cut, ended = Cut(), list[str]()
    with cut.by(lambda: ended.append("early")):
        pass
    with cut.by(lambda: ended.append("one")), cut.by(lambda: ended.append("other")):
        cut.now()
    assert ended == ["one", "other"]


def test_what_begins_after_the_cut_ends_at_once() -> None:
    cut, ended = Cut(), list[str]()
    cut.now()
    with cut.by(lambda: ended.append("late")):
        assert ended == ["late"]


def test_one_that_is_gone_already_keeps_nobody_else_from_being_ended() -> None:
    cut, ended = Cut(), list[str]()

    def gone() -> None:
        raise OSError("not connected")

    with cut.by(gone), cut.by(lambda: ended.append("other")):
        cut.now()
    assert cut.done
    assert ended == ["other"]
