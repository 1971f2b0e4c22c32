"""How often somebody may ask: token buckets by address and by token, and failed attempts, which are told in the log.

Rules:
1. Memory is bounded: the newest `MOST` keys are remembered. One that was forgotten begins with a full bucket.
2. An IPv6 address counts by its /64, which is what one host is given.
3. The log has a line for an address at once, and then at most one a minute that counts the rest; of more than
   `TOLD_APART` addresses in a minute the others are counted together.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from zpmd.messages import Message, tell
from zpmd.settings import Api

MOST = 4096
TOLD_APART = 100
OTHERS = "other addresses"
MINUTE_SECONDS = 60.0


class Buckets:
    """One bucket a key, which holds `burst` and fills at `per_minute`. Thread-safe."""

    def __init__(
        self, per_minute: float, burst: float, most: int = MOST, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_minute / MINUTE_SECONDS
        self._burst = burst
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """(what was in it, at which instant), the one that was asked for last at the end."""

    def take(self, key: str) -> float:
        """0.0, and one less is in it; or in how many seconds there will be one."""
        now = self._now()
        with self._lock:
            level, at = self._levels.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - at) * self._per_second)
            missing = max(1.0 - level, 0.0)
            self._levels[key] = (level if missing else level - 1.0, now)
            if len(self._levels) > self._most:
                self._levels.popitem(last=False)
        return missing / self._per_second

    def __len__(self) -> int:
        return len(self._levels)


class Throttle:
    """The buckets of one server."""

    def __init__(self, api: Api, now: Callable[[], float] = time.monotonic) -> None:
        self.addresses = Buckets(api.address_requests_per_minute, api.address_requests_per_minute / 4, now=now)
        self.tokens = Buckets(api.token_requests_per_minute, api.token_requests_per_minute / 4, now=now)
        self._failures = Buckets(api.failures_per_minute, api.failures_per_minute, now=now)
        self._told = _Told(now)

    def failed(self, address: str) -> float:
        """Somebody came with a wrong token. 0.0, or for how many seconds this address has no more attempts."""
        self._told.add(address)
        return self._failures.take(address)


class _Told:
    """Lines about failed attempts."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._untold: dict[str, int] = {}
        """Attempts in this minute that no line has told of, by address; 0 for one whose only attempt was told."""
        self._since = now()

    def add(self, address: str) -> None:
        with self._lock:
            lines = self._over() if self._now() >= self._since + MINUTE_SECONDS else []
            name = address if address in self._untold or len(self._untold) < TOLD_APART else OTHERS
            if name in self._untold:
                self._untold[name] += 1
            else:
                self._untold[name] = 0
                lines.append(f"an attempt with a wrong token from {name}")
        for line in lines:
            tell(Message.WRONG_TOKENS, f"api: {line}")

    def _over(self) -> list[str]:
        """A minute has ended: what was counted in it."""
        counted = [
            f"{count} more attempts with a wrong token from {name}" for name, count in self._untold.items() if count
        ]
        self._untold, self._since = {}, self._now()
        return counted


def address_of(host: str) -> str:
    """The key of an address: of IPv6 its /64. "" for what is none, as the peer of a unix socket."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
