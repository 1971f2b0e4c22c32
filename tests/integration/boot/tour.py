"""The tour of the README, as its reader goes it: which commands stand there, in order."""

from __future__ import annotations

import re

from tests.lab.hostdisk import CHECKOUT


def commands() -> list[str]:
    """What stands in the README's `## A tour` before each `#`."""
    section = (CHECKOUT / "README.md").read_text().split("\n## A tour\n", 1)[1].split("\n## ", 1)[0]
    return [re.split(r"\s+#\s", line)[0].strip() for line in section.splitlines() if line.startswith("    ")]


PATCH = """\
id: hotfix-1042
description: Fixes the login loop
services:
  zona_siem: {image: "appliance/service:1.1"}
"""
"""What the README calls hotfix.patch.yaml; its images are on the host."""

EDITOR = "#!/bin/sh\necho '# looked at' >>\"$1\"\n"
"""What the README calls $EDITOR: one whose user changes nothing that means something."""

EXPECTED = {"zpmctl patch plan hotfix.patch.yaml": 3}
"""Exit codes that are not 0: it says that something would move."""
