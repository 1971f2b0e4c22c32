"""Cron expressions, read from text. Pure.

What is read is crontab(5) of Debian, as far as Kubernetes (robfig/cron) means the same by it: five fields of `*`,
values, ranges, steps of `*` or of a range, and lists; names of months and weekdays; the words `@hourly` to `@yearly`.
Sunday is 0, 7 and, at the end of a range, `sun`. Refused, at its column and with what to write instead, is what the two
read differently or not at all, what names less than it seems to (`*/90`), and what could never be due. All faults of an
expression are found at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from zpmd.model.schedule import Cron
from zpmd.sources.nodes import shortened
from zpmd.sources.reading import listing, suggestion

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
    }
)
LONGEST: Final = 1024
"""Characters; every minute of an hour, every hour of a day and so on, each written out, are fewer."""
NUMBER: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
A_FIELD: Final = re.compile(r"(?:[-0-9*/,?#l]|sun|mon|tue|wed|thu|fri|sat)+", re.ASCII | re.IGNORECASE)
"""Tells a sixth field from a command."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and what to write instead. `column` is the character of the text, from 1."""

    column: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of the five: its bounds, and the names that stand for its values."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Of `low` and what follows it."""

    @property
    def stars_to(self) -> int:
        """The last value of `*`: the Sunday that is 7 is there as 0."""
        return 6 if self.name == "weekday" else self.high


MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
LONGEST_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MINUTE, HOUR, DAY, MONTH, WEEKDAY = FIELDS = (
    Field(name="minute", low=0, high=59),
    Field(name="hour", low=0, high=23),
    Field(name="day", low=1, high=31),
    Field(name="month", low=1, high=12, names=tuple(month[:3].lower() for month in MONTHS)),
    Field(name="weekday", low=0, high=7, names=("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


def cron(text: str) -> Cron | tuple[Fault, ...]:
    """The expression, or all that is wrong with it, by column."""
    if len(text) > LONGEST:
        return (Fault(LONGEST + 1, f"is too long for a cron expression: it has more than {LONGEST} characters"),)
    found = _Reading(text)
    expression = found.expression()
    return tuple(sorted(found.faults, key=lambda fault: fault.column)) or expression


@dataclass
class _Reading:
    """One expression on its way, and what is wrong with it so far."""

    text: str
    faults: list[Fault] = field(default_factory=list)

    def wrong(self, index: int, message: str) -> None:
        self.faults.append(Fault(index + 1, message))

    def expression(self) -> Cron:
        text = self._without_words()
        places = [(part.start(), part.group()) for part in re.finditer(r"\S+", text)]
        if not self.faults:
            self._count(places)
        if self.faults:
            places = [(0, "*")] * len(FIELDS)
        values = [self._field(what, word, index) for what, (index, word) in zip(FIELDS, places, strict=True)]
        minutes, hours, days, months, weekdays = (tuple(sorted(found)) for found in values)
        starred = [word.startswith("*") for _, word in places]
        any_weekday = starred[4] and len(weekdays) == 7
        if not self.faults:
            self._same_to_all(places[2], places[4])
        if not self.faults and any_weekday:
            self._ever_due(days, months, places[2][0])
        return Cron(
            text=self.text.strip(),
            minutes=minutes,
            hours=hours,
            days=days,
            months=months,
            weekdays=weekdays,
            any_day=starred[2] and len(days) == 31,
            any_weekday=any_weekday,
            fixed=not starred[0] and not starred[1],
        )

    # the whole

    def _without_words(self) -> str:
        """What an @word stands for; anything else as it is."""
        word = self.text.strip()
        index = len(self.text) - len(self.text.lstrip())
        if word.lower() in WORDS:
            return WORDS[word.lower()]
        if word.startswith("@every"):
            self.wrong(index, f"is no cron expression here: write `every: {shortened(word[6:].strip()) or '15m'}`")
        elif word == "@reboot":
            self.wrong(index, 'names no time: leave the schedule out and write `restart: "no"`, for what runs once')
        elif word.startswith("@"):
            known = ", ".join(WORDS)
            self.wrong(index, f"{shortened(word)!r} is not known: write one of {known}{suggestion(word, WORDS)}")
        return self.text

    def _count(self, places: list[tuple[int, str]]) -> None:
        if places and "=" in places[0][1]:
            self.wrong(places[0][0], "sets a variable: the time zone has a key of its own, and so has the environment")
        elif len(places) == 6 and A_FIELD.fullmatch(places[5][1]):
            self.wrong(places[0][0], "has six fields: leave out the seconds, five are minute hour day month weekday")
        elif len(places) > 5:
            self.wrong(places[5][0], "follows the five fields: what is to run is the service's `command`")
        elif len(places) < 5:
            missing = ", ".join(what.name for what in FIELDS[len(places) :])
            self.wrong(len(self.text.rstrip()), f"ends before its {missing}: write five fields, `0 3 * * *` for 03:00")

    def _same_to_all(self, day: tuple[int, str], weekday: tuple[int, str]) -> None:
        """`*/2` beside a weekday: Debian's cron looks at the star and asks for both, Kubernetes does for either."""
        for (index, word), (_, other), what in ((day, weekday, DAY), (weekday, day, WEEKDAY)):
            if word.startswith("*/") and int(word[2:]) > 1 and other not in ("*", "*/1"):
                either = f"{what.low}-{what.stars_to}{word[1:]}"
                self.wrong(
                    index,
                    f"{word!r} beside {shortened(other)!r} asks for both in Debian's cron, for either in Kubernetes: "
                    f"write {either} for either; for both, * for one of them, and let the command look at it",
                )

    def _ever_due(self, days: tuple[int, ...], months: tuple[int, ...], index: int) -> None:
        longest = max(LONGEST_MONTH[month - 1] for month in months)
        if days[0] > longest:
            which = listing(MONTHS[month - 1] for month in months)
            self.wrong(index, f"is never due: there is no day {days[0]} in {which}, write {longest} or another month")

    # one field

    def _field(self, what: Field, word: str, index: int) -> set[int]:
        """All its values. A wrong part gives none."""
        found: set[int] = set()
        for at, part in _parts(word, index):
            if part.startswith("*") and part != word:
                self.wrong(at, f"'*' in a list is every {what.name} already: write one of both")
            else:
                found.update(self._part(what, part, at))
        return {value % 7 for value in found} if what is WEEKDAY else found

    def _part(self, what: Field, part: str, index: int) -> range:
        body, slash, step_text = part.partition("/")
        span = self._span(what, body, index)
        if not slash or not span:
            return span
        low, high = span[0], span[-1]
        at = index + len(body) + 1
        if not NUMBER.fullmatch(step_text) or not int(step_text):
            return self._nothing(at, f"{shortened(step_text)!r} is no step: write a number from 1, as in */15")
        step = int(step_text)
        if body != "*" and "-" not in body:
            return self._nothing(at - 1, f"a step needs a range: write {low}-{what.stars_to}/{step}")
        if step > 1 and step > high - low:
            return self._nothing(
                at, f"a step of {step} is the {what.name} {low} alone: write {low}{_longer(what, step)}"
            )
        return range(low, high + 1, step)

    def _span(self, what: Field, body: str, index: int) -> range:
        if body == "*":
            return range(what.low, what.stars_to + 1)
        first, dash, last = body.partition("-")
        low = self._value(what, first, index)
        high = self._value(what, last, index + len(first) + 1) if dash else low
        if low is None or high is None:
            return range(0)
        if what is WEEKDAY and dash and high == 0 < low:
            high = 7
        if low > high:
            from_low = f"{_span_text(low, what.stars_to)}," if low <= what.stars_to else ""
            around = from_low + _span_text(what.low, high)
            return self._nothing(index, f"{shortened(body)!r} runs backwards: write {around}")
        return range(low, high + 1)

    def _value(self, what: Field, word: str, index: int) -> int | None:
        bounds = f"{what.low} to {what.high}" + (f" or {what.names[0]} to {what.names[-1]}" if what.names else "")
        if NUMBER.fullmatch(word):
            if what.low <= int(word) <= what.high:
                return int(word)
            self.wrong(index, f"{int(word)} is no {what.name}: write {bounds}")
        elif word.lower() in what.names:
            return what.low + what.names.index(word.lower())
        else:
            self.wrong(index, _not_a_value(what, word, bounds))
        return None

    def _nothing(self, index: int, message: str) -> range:
        self.wrong(index, message)
        return range(0)


def _parts(word: str, index: int) -> Iterator[tuple[int, str]]:
    for part in word.split(","):
        yield index, part
        index += len(part) + 1


def _span_text(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _longer(what: Field, step: int) -> str:
    """What a step that leaves its field may have been meant as."""
    unit = {MINUTE: "m", HOUR: "h", DAY: "d"}.get(what)
    return f", or `every: {step}{unit}`" if unit else ""


def _not_a_value(what: Field, word: str, bounds: str) -> str:
    shown = shortened(word)
    if not word:
        return f"a {what.name} is missing here: write {bounds}"
    if word == "?":
        return "'?' is not read here: write *"
    if what is DAY and word.upper() in ("L", "LW"):
        return f"{shown!r} is not read here: write 1, early on the day after, or 28-31 and let the command look"
    if what is WEEKDAY and ("#" in word or word.upper().endswith("L")):
        return f"{shown!r} is not read here: write * for it, 1-7 or 8-14 as the day, and let the command look at it"
    full = next((name for name in what.names if len(word) > 3 and word.lower().startswith(name)), None)
    if full:
        return f"{shown!r} is no {what.name}: write {full}"
    return f"{shown!r} is no {what.name}: write {bounds}"
