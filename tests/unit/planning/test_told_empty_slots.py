"""What is told of a slot in hand, refused or empty, and of how a replica ended."""

from __future__ import annotations

from tests.unit.planning.build import NOW, attempt, dead, memory, planned, service, slot
from tests.unit.planning.telling import text, told
from zpmd.model.memory import Intent, Retry, Tried
from zpmd.model.observed import InFlight, Phase
from zpmd.model.service import RestartPolicy

WEB = service("web", tenant="acme")


def test_a_slot_in_hand_says_what_is_under_way() -> None:
    flight = InFlight(subject="web/1", verb="run", since=NOW, progress="pulling")
    answer = planned((WEB,), (), in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: run is under way (pulling)
        in-flight, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because run is under way (pulling)
        look again at +300
    """)


def test_a_slot_in_hand_without_progress_says_just_what_is_under_way() -> None:
    flight = InFlight(subject="web/1", verb="start", since=NOW)
    answer = planned((WEB,), [dead(WEB)], in_flight=(flight,))
    assert told(answer) == text("""
        waiting web/1: start is under way
        in-flight, of web
        web (core) is starting: 0 of 1, image web:1, tenant acme
        because start is under way
        look again at +300
    """)


def test_a_slot_is_left_alone_only_for_itself() -> None:
    pair = service("web", replicas=2)
    flight = InFlight(subject="web/1", verb="start", since=NOW)
    answer = planned((pair,), [dead(pair, 1), dead(pair, 2)], in_flight=(flight,))
    assert told(answer) == text("""
        start web/2: exited with 137
        died, replica=web-2-ae64, attempt=1, evidence=True
        waiting web/1: start is under way
        in-flight, of web
        web (core) is starting: 0 of 2, image web:1
        because start is under way
        look again at +300
    """)


def test_an_action_that_the_engine_could_not_do_is_tried_again_after_its_delay() -> None:
    retries = {"web/1": Retry(count=3, at=NOW - 3, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        waiting web/1: the engine could not do it: timed out
        retry, until +1, of web
        web (core) is backoff: 0 of 1, image web:1, tenant acme
        because the engine could not do it: timed out
        look again at +1
    """)


def test_an_action_that_the_engine_could_not_do_is_due_at_the_very_end_of_its_delay() -> None:
    retries = {"web/1": Retry(count=2, at=NOW - 2, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_the_delay_between_retries_ends_at_a_minute() -> None:
    retries = {"web/1": Retry(count=40, at=NOW, error="timed out")}
    answer = planned((WEB,), (), memory(WEB, retries=retries))
    assert told(answer) == text("""
        waiting web/1: the engine could not do it: timed out
        retry, until +60, of web
        web (core) is backoff: 0 of 1, image web:1, tenant acme
        because the engine could not do it: timed out
        look again at +60
    """)


def test_what_vanished_comes_back_with_a_count_that_its_window_ends() -> None:
    gone = memory(WEB, attempts={slot(WEB): attempt(WEB, 4, ago=601, tried=Tried.RUN)})
    answer = planned((WEB,), (), gone)
    assert told(answer) == text("""
        run web/1: was removed by somebody else
        vanished, image=web:1, attempt=1
        web (core) is crash-loop: 0 of 1, 4 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_vanished_comes_back_at_once_the_first_time() -> None:
    gone = memory(WEB, attempts={slot(WEB): attempt(WEB, 0, ago=1, tried=Tried.RUN)})
    answer = planned((WEB,), (), gone)
    assert told(answer) == text("""
        run web/1: was removed by somebody else
        vanished, image=web:1, attempt=1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_a_second_time_waits_and_then_proves_itself_by_time() -> None:
    quick = service("web", restart=RestartPolicy(delay_seconds=200, window_seconds=30))
    gone = memory(quick, attempts={slot(quick): attempt(quick, 3, ago=20, tried=Tried.RUN)})
    answer = planned((quick,), (), gone)
    assert told(answer) == text("""
        waiting web/1: was removed by somebody else; try 4 in a row comes after its backoff
        crash-loop, until +10, of web
        web (core) is crash-loop: 0 of 1, 3 restarts, image web:1
        because was removed by somebody else; try 4 in a row comes after its backoff
        look again at +10
    """)


def test_what_could_not_be_made_long_ago_is_still_counted() -> None:
    refused = attempt(WEB, 3, ago=900, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        run web/1: could not be made: no such option
        failed-start, image=web:1, attempt=4
        web (core) is blocked: 0 of 1, 3 restarts, image web:1, tenant acme
        because no such option
        look again at +300
    """)


def test_what_was_removed_after_failures_is_made_with_their_count() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 3, tried=Tried.REMOVE)}))
    assert told(answer) == text("""
        run web/1: takes the place of one that failed 3 times in a row
        died, image=web:1, attempt=3
        web (core) is crash-loop: 0 of 1, 3 restarts, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_without_a_failure_is_made_without_a_count() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 0, tried=Tried.REMOVE)}))
    assert told(answer) == text("""
        run web/1: takes the place of one that was removed
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_was_removed_under_another_definition_is_made_without_its_count() -> None:
    other = attempt(WEB, 3, tried=Tried.REMOVE, spec="1:old")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): other}))
    assert told(answer) == text("""
        run web/1: takes the place of one that was removed
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_is_empty_after_a_stop_is_declared_and_not_there() -> None:
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): attempt(WEB, 0, tried=Tried.STOP)}))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_what_could_not_be_made_once_is_tried_again_at_once() -> None:
    refused = attempt(WEB, 0, ago=1, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}))
    assert told(answer) == text("""
        run web/1: could not be made: no such option
        failed-start, image=web:1, attempt=1
        web (core) is blocked: 0 of 1, image web:1, tenant acme
        because no such option
        look again at +300
    """)


def test_a_raised_generation_forgets_what_could_not_be_made_before_it() -> None:
    refused = attempt(WEB, 9, ago=1, tried=Tried.RUN, failed=True, error="no such option")
    answer = planned((WEB,), (), memory(WEB, attempts={slot(WEB): refused}, intent=Intent(generations={"web": 2})))
    assert told(answer) == text("""
        run web/1: is declared and not there
        missing, image=web:1, generation=2
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_out_of_memory_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, oom_killed=True)])
    assert told(answer) == text("""
        start web/1: was killed for lack of memory
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_an_end_without_a_code_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, exit_code=None)])
    assert told(answer) == text("""
        start web/1: ended
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_an_engines_error_of_an_end_is_told() -> None:
    answer = planned((WEB,), [dead(WEB, error="exec format error")])
    assert told(answer) == text("""
        start web/1: could not start: exec format error
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)


def test_the_dead_to_the_engine_are_replaced_at_once_with_evidence() -> None:
    answer = planned((WEB,), [dead(WEB, phase=Phase.DEAD)])
    assert told(answer) == text("""
        remove web/1: is dead to the engine and cannot be started again: a fresh one takes its place
        died, replica=web-1-ae64, attempt=1, evidence=True
        web (core) is starting: 0 of 1, image web:1, tenant acme
        look again at +300
    """)
