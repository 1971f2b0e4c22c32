"""The log entries that have a name: what a program may watch for, and what `journalctl -x` explains.

A closed table. `id` is the entry's MESSAGE_ID and never changes, nor is it used again for something else; the texts
that explain it are in systemd/zpmd.catalog, one for each. `fields` are bound wherever the entry is logged: the
explanation may use them as @ZPMD_SERVICE@ and the like.

Levels, by what they ask of people:

    ERROR     somebody has to do something: it does not get right by itself, or zpmd cannot do its work
    WARNING   something went wrong; zpmd deals with it, or what runs goes on meanwhile
    NOTICE    what an operator did, and what is over
    INFO      one line for each decision
    DEBUG     tries like those before, which nobody has to read
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from loguru import Logger

ERROR, WARNING, NOTICE, INFO, DEBUG = "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"
NOTICE_NUMBER: Final = 25
"""Between loguru's INFO and WARNING; syslog's 5."""

with contextlib.suppress(ValueError, TypeError):  # it is there already: this module was loaded anew
    logger.level(NOTICE, no=NOTICE_NUMBER, color="<green>")


class Message(Enum):
    # services
    CRASH_LOOP = ("0c3ea6739e074909af561458f90d26b4", ERROR, "service")
    GAVE_UP = ("bc9d60aa89494b8aaa5be23daace9c72", ERROR, "service")
    IMAGE_UNAVAILABLE = ("36e15bab80e6495f822f44019d5fdd4a", ERROR, "service")
    REFUSED_BY_ENGINE = ("05eebff6f98a4fac9993397e3c036a4e", ERROR, "service")
    EXTERNAL_MISSING = ("362fb16e700740d898827d9ec41ac60f", ERROR, "service")
    WELL_AGAIN = ("b445556ec402456d8f6e40b4bb96820c", NOTICE, "service")
    OOM_KILLED = ("51276dfb460e4fe8b97463bf0f29cd02", WARNING, "service")
    UNHEALTHY = ("dd7b1f80685445b09eefa5b89123465a", WARNING, "service")
    ROLLOUT_FAILED = ("21b064ca3ea9480c8bbcb231c2c85e03", WARNING, "service")
    WATCH_SUSPENDED = ("a12b118797a54875ad4facc2d63addd1", WARNING, "service")
    # jobs
    JOB_FAILED = ("79f9cc56b3224c6bb1cf157772779661", ERROR, "service")
    JOB_TOO_LATE = ("67525843bb134a709b2e1f9b252e1ef8", ERROR, "service")
    JOB_TIMED_OUT = ("e7247b00e05149cba95cd9d2208b6c94", WARNING, "service")
    JOB_MISSED = ("167c9144f0274a9abfcc57a02b6ae131", WARNING, "service")
    JOB_SKIPPED = ("419d994f605b4d579dc713bedecb11c7", WARNING, "service")
    # the appliance
    WAITING_LONG = ("4788a3ca5b61401397153a641ef9b723", WARNING)
    GROUP_DEGRADED = ("e873166f363046ec9f70651d1500cbe5", WARNING, "group")
    REMOVAL_HELD = ("f0f72bafba3c42339743bbbb51dcce51", WARNING)
    STILL_WRONG = ("e7b1ba695c044cbf829b3bc61e8fb2f0", WARNING)
    ALL_UP = ("eda2daf3470b400e91f715afaf1de161", NOTICE)
    ASKED = ("f945c0ecea6b40afbe5a2c67b8d2368b", NOTICE, "action", "actor")
    # what zpmd reads and speaks to
    ENGINE_LOST = ("f34c604944fa492d9177477a0ddf4560", ERROR)
    ENGINE_FOUND = ("8b8b3ef37cef40b59bf877925a0fe074", NOTICE)
    SOURCE_WRONG = ("207e967a7d504a18a1eafbdefbd3990a", WARNING, "source")
    SOURCE_AWAY = ("47982e1f6ad14abd9f3197fd5eb8ca3c", WARNING, "source")
    SOURCE_GOOD = ("bb2c6c2cc6c144ee89f552ff99d32159", NOTICE, "source")
    ROW_WRONG = ("ed3bff133f574db78d9b032acf190c1a", WARNING)
    CLOCK_SET = ("bcc7aab900274bef9cbf2b23d4f2cd92", NOTICE)
    # patches
    PATCH_REFUSED = ("401ee3a246f44f8e9f632b3b6c273d5b", WARNING, "patch")
    PATCH_ROLLED_BACK = ("247798c83a704d8ca0589165d57bf95d", WARNING, "patch")
    PATCH_STUCK = ("6eab1259d88b45a7885a557f4768ff54", ERROR, "patch")
    DROPS_TROUBLE = ("43830128ad574f2b91d8e35c0fef9b7e", ERROR)
    # zpmd itself
    BEGAN = ("f7803fa71ef34ede9534bf744c0e0def", NOTICE)
    CANNOT_START = ("65719bd1602f496a8aabe45c4e17727d", ERROR)
    STORE_UNWRITABLE = ("216b3086316a4e3a9acfa885c5a323ab", ERROR)
    STORE_FOUND = ("e6d8cefb86a14bfea7ebab8b88193ddc", NOTICE)
    AUDIT_UNWRITTEN = ("0fdfed86e1774583ae5f704afcfc7aee", ERROR)
    WRONG_TOKENS = ("ed9b96a24f1d418187268bad8775e851", WARNING)
    CERTIFICATE_ENDS = ("b3738a6501094410a38fc1c2fbe28e97", WARNING)
    WATCHER_ENDED = ("1e2190e5802a4bbdae9d7c9a40b6f493", WARNING, "watcher")
    PLAN_REFUSED = ("892dea3312724ebca656fd5e012380de", ERROR)
    PASS_FAILED = ("09a19ed097a64e139ca5d1cfbfc25b04", ERROR)
    LOST_ENTRIES = ("19a437ec37b249fa9861a4f0da4c56ad", WARNING)

    def __init__(self, id: str, level: str, *fields: str) -> None:
        self.id: Final = id
        self.level: Final = level
        self.fields: Final = fields


def bind(fields: Mapping[str, str]) -> Logger:
    """A logger with these fields; those that are "" are left out."""
    return logger.bind(**{name: value for name, value in fields.items() if value})


def tell(message: Message, text: str, **bound: str) -> None:
    """Log one line under this name. `bound` has at least the message's fields; what is "" is left out."""
    bind(bound).bind(message_id=message.id).opt(depth=1).log(message.level, "{}", text)
