"""What the tests of sources are given: Compose files in memory, and short ways to ask what was understood."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent

from zpmd.model.container import Container
from zpmd.model.service import ServiceData
from zpmd.sources.compose.desired import Understood, understand
from zpmd.sources.compose.service import Host

FOLDER = "/srv/app"


@dataclass
class InMemory:
    """Implements `Files` over texts by their absolute path."""

    texts: Mapping[str, str | bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        if path not in self.texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        text = self.texts[path]
        return text if isinstance(text, bytes) else text.encode()


def understood(
    text: str | bytes,
    others: Mapping[str, str | bytes] | None = None,
    variables: Mapping[str, str] | None = None,
    role: str = "active",
    profiles: tuple[str, ...] = (),
    project: str = "app",
) -> Understood:
    """One file, `c.yaml` in messages, beside others that are named relative to its folder."""
    texts = {posixpath.join(FOLDER, name): content for name, content in (others or {}).items()}
    texts[f"{FOLDER}/c.yaml"] = dedent(text) if isinstance(text, str) else text
    return understand(
        [(f"{FOLDER}/c.yaml", "c.yaml")], InMemory(texts), variables or {}, project, Host(role=role, profiles=profiles)
    )


def together(texts: Mapping[str, str], **host: object) -> Understood:
    """Several files of one folder, in the order of their names."""
    files = InMemory({f"{FOLDER}/{name}": dedent(text) for name, text in texts.items()})
    return understand([(f"{FOLDER}/{name}", name) for name in sorted(texts)], files, {}, "app", Host(**host))  # type: ignore[arg-type]


def service(text: str, **more: object) -> ServiceData:
    """The service `web` of a body that is indented to stand under it."""
    body = "\n".join("    " + line for line in dedent(text).strip("\n").splitlines())
    result = understood(f"services:\n  web:\n{body}\n", **more)  # type: ignore[arg-type]
    assert result.problems == (), lines(result.problems)
    found = result.desired.service("web")
    assert found is not None
    return found


def container(text: str, **more: object) -> Container:
    """The container of a service with the image `nginx` and these keys."""
    return service("image: nginx\n" + dedent(text).strip("\n"), **more).container


def lines(found: tuple[object, ...]) -> list[str]:
    return [str(item) for item in found]
