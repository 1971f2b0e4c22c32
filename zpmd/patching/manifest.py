"""A patch file's text into a `Manifest`: every key known, every value checked, every problem with its place.

The text is YAML, of which JSON is a part, and is read by the reader of the service files: no tags, no surprises of
YAML 1.1, no bombs. What is merely loose elsewhere (`yes` for `true`) is wrong here: a patch is read once, and moves
services. Nothing here knows the site; whether the services exist is for admission to say.

The old form of the domain has `PatchTag` and `patchServiceLists` (a list, or names apart by commas) and nothing else;
the file's own name is its id.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Hashable, Iterable

from zpmd.model.patch import Archive, CarriedImage, Change, Manifest
from zpmd.model.service import GROUPS, Group, Problem
from zpmd.patching import moments, words
from zpmd.sources import yamltext
from zpmd.sources.nodes import Map, Origin, Scalar, Sequence, shortened
from zpmd.sources.reading import Cursor, Fields, Report, Section, honoured, in_order

PATCH: Section = honoured(
    "deadline", "description", "expires", "groups", "id", "images", "min_version", "parallelism", "requires",
    "restart_only", "services", "tag",
)  # fmt: skip
OLD: Section = honoured("PatchTag", "patchServiceLists")
CHANGE: Section = honoured("image", "tag")
ARCHIVE: Section = honoured("file", "references", "sha256", "size")

MAX_DESCRIPTION = 2000
SHORTEST_DEADLINE, LONGEST_DEADLINE = 1.0, 86_400.0
"""Seconds."""
MOST_AT_ONCE = 100
CONTROLS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that steer a terminal, or that nobody sees."""
QUOTED = '"\\'
"""What has a meaning of its own in a double-quoted scalar."""


def read(content: bytes, name: str, bundled: bool = True) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """The manifest of a file, None where anything is wrong with it; and everything that is.

    `name` is what problems call the file, and where the old form has its id from. `bundled`: it stands in a bundle, so
    it may list archives.
    """
    node, problems = yamltext.compose(content, Origin(name))
    report = Report(problems=list(problems))
    if node is None:
        return None, in_order(report.problems)
    found = _understood(Cursor(node, "", report), name, bundled)
    complaints = in_order([*report.problems, *report.notes])
    return (None, complaints) if complaints else (found, ())


def id_of(name: str) -> str:
    """What the old form of a file is called by: its name without folder and suffix."""
    base = posixpath.basename(name)
    for suffix in (*words.MANIFEST_SUFFIXES, words.BUNDLE_SUFFIX):
        if base.endswith(suffix):
            return base.removesuffix(suffix)
    return base.rpartition(".")[0] or base


def _understood(cursor: Cursor, name: str, bundled: bool) -> Manifest:
    if isinstance(cursor.node, Map) and any(key in cursor.node.entries for key in OLD):
        return _old(cursor, cursor.fields(OLD), id_of(name))
    fields = cursor.fields(PATCH)
    images = _archives(fields["images"])
    manifest = Manifest(
        id=_matching(fields.required("id", "write a name that no other patch has"), words.ID, ID_ADVICE),
        description=_description(fields["description"]),
        tag=_matching(fields["tag"], words.TAG, TAG_ADVICE),
        services=_changes(fields["services"]),
        groups=_groups(fields["groups"]),
        images=images,
        restart_only=fields["restart_only"].boolean(),
        expires=_moment(fields["expires"]),
        min_version=_matching(fields["min_version"], words.VERSION, "write a version of zpmd, for example 1.4"),
        requires=_requires(fields["requires"]),
        deadline_seconds=_deadline(fields["deadline"]),
        parallelism=fields["parallelism"].integer(low=1, high=MOST_AT_ONCE, default=5),
    )
    if images and not bundled:
        fields["images"].problem_at_key("only a bundle carries images: make one with `zpmctl patch build`")
    if manifest.id in manifest.requires:
        fields["requires"].problem("the patch requires itself: remove its own id")
    _check_work(cursor, fields, manifest)
    return manifest


ID_ADVICE = "write letters, digits, `.`, `_` and `-`, at most 100, the first a letter or a digit"
TAG_ADVICE = "write an image tag, for example v2.3.1"


def _old(cursor: Cursor, fields: Fields, patch_id: str) -> Manifest:
    """`PatchTag` and `patchServiceLists`."""
    if patch_id == id_of(words.MANIFEST):
        cursor.problem("the old form says no id, and all bundles call it the same: write id, tag and services")
    if not words.ID.fullmatch(patch_id):
        cursor.problem(f"{shortened(patch_id)!r}, the file's name, is not an id: rename the file, {ID_ADVICE}")
    tag = _matching(fields.required("PatchTag", "write the tag to move to"), words.TAG, TAG_ADVICE)
    listed = fields.required("patchServiceLists", "write the services that move")
    names: list[tuple[str, Cursor]]
    if isinstance(listed.node, Scalar) and listed.written:
        names = [(part.strip(), listed) for part in listed.text().split(",")]
    else:
        names = [(item.text().strip(), item) for item in listed.items() if _is_text(item)]
    if _is_empty(listed):
        listed.problem("the list is empty: write the services that move")
    changes = tuple(Change(service=_service(name, item)) for name, item in names)
    _no_more_than(words.MAX_SERVICES, len(changes), listed, "services")
    _once(((change.service, item) for change, (_, item) in zip(changes, names, strict=True)), "service")
    return Manifest(id=patch_id, tag=tag, services=changes)


def _check_work(cursor: Cursor, fields: Fields, manifest: Manifest) -> None:
    """There must be something to do, and one thing only, for all that is named."""
    if not manifest.services and not manifest.groups and "services" not in fields and "groups" not in fields:
        cursor.problem_at_key("services is missing: write the services that move, or groups")
    if manifest.restart_only:
        for key in ("tag", "images"):
            if key in fields:
                fields[key].problem_at_key(f"restart_only moves no image: remove {key}, or restart_only")
        for change in manifest.services:
            if change.image or change.tag:
                fields["services"].problem(f"restart_only moves no image: write {change.service} without one")
    elif not manifest.tag:
        for change in manifest.services:
            if not change.image and not change.tag:
                fields["services"].problem(
                    f"{shortened(change.service)} has nothing to move to: write `tag` (for all), an image or a tag of"
                    " its own, or restart_only: true"
                )
        if manifest.groups:
            fields["groups"].problem("groups have nothing to move to: write `tag`, or restart_only: true")


def _changes(cursor: Cursor) -> tuple[Change, ...]:
    """A list of names, or a mapping of names to what they move to."""
    if isinstance(cursor.node, Map):
        changes = tuple(_change(name, item) for name, item in cursor.all_entries())
    elif isinstance(cursor.node, Scalar):
        if cursor.written:
            cursor.problem("write a list of services, also where it is only one: [NAME]")
        return ()
    else:
        items = [item for item in cursor.items() if _is_text(item)]
        changes = tuple(Change(service=_service(item.text(), item)) for item in items)
        _once(((change.service, item) for change, item in zip(changes, items, strict=True)), "service")
    if _is_empty(cursor):
        cursor.problem("the list is empty: write the services that move, or leave the key out")
    _no_more_than(words.MAX_SERVICES, len(changes), cursor, "services")
    return changes


def _change(name: str, cursor: Cursor) -> Change:
    fields = cursor.fields(CHANGE)
    image = fields["image"].text()
    if isinstance(fields["image"].node, Scalar) and "image" in fields and not words.is_image(image):
        fields["image"].problem(
            f"{shortened(image)!r} names no version of an image: write [registry/]name:tag or name@sha256:..."
        )
    tag = _matching(fields["tag"], words.TAG, TAG_ADVICE)
    if image and tag:
        fields["tag"].problem_at_key("there is an image already: write one of the two")
    return Change(service=_service(name, cursor), image=image, tag=tag)


def _is_empty(cursor: Cursor) -> bool:
    """Whether it is written, and a list or mapping of nothing."""
    match cursor.node:
        case Sequence(items=content) | Map(entries=content):
            return not content
    return False


def _is_text(cursor: Cursor) -> bool:
    if not isinstance(cursor.node, Scalar):
        cursor.expected("the name of a service")
    return isinstance(cursor.node, Scalar)


def _service(name: str, cursor: Cursor) -> str:
    if not words.SERVICE.fullmatch(name):
        cursor.problem_at_key(f"{shortened(name)!r} is not a service: write its name as in the service files")
    return name


def _groups(cursor: Cursor) -> tuple[Group, ...]:
    items = cursor.items()
    found = tuple(item.word({group.value: group for group in Group}, Group.CORE) for item in items)
    if _is_empty(cursor):
        cursor.problem("the list is empty: write groups, or leave the key out")
    _once(zip(found, items, strict=True), "group")
    return tuple(group for group in GROUPS if group in found)


def _requires(cursor: Cursor) -> tuple[str, ...]:
    items = cursor.items()
    found = tuple(_matching(item, words.ID, "write the id of a patch") for item in items)
    _no_more_than(words.MAX_REQUIRES, len(found), cursor, "ids")
    _once(zip(found, items, strict=True), "id")
    return found


def _archives(cursor: Cursor) -> tuple[Archive, ...]:
    items = cursor.items()
    _no_more_than(words.MAX_ARCHIVES, len(items), cursor, "archives")
    found = [(_archive(item), item) for item in items]
    _once(((archive.file.casefold(), item) for archive, item in found), "file")
    _once(((image.reference, item) for archive, item in found for image in archive.images), "reference")
    return tuple(archive for archive, _ in found)


def _archive(cursor: Cursor) -> Archive:
    advice = "let `zpmctl patch build` write it"
    fields = cursor.fields(ARCHIVE)
    carried = fields.required("references", advice).all_entries()
    _no_more_than(words.MAX_REFERENCES, len(carried), fields["references"], "references")
    if not carried and "references" in fields:
        fields["references"].problem(f"there are none: {advice}")
    return Archive(
        file=_matching(fields.required("file", advice), words.MEMBER, "write images/ and a plain name"),
        size=fields.required("size", advice).integer(low=1, high=2**53),
        sha256=_matching(fields.required("sha256", advice), words.SHA256, "write 64 hexadecimal digits"),
        images=tuple(sorted((_carried(*entry) for entry in carried), key=lambda image: image.reference)),
    )


def _carried(reference: str, cursor: Cursor) -> CarriedImage:
    if not words.is_reference(reference):
        cursor.problem_at_key(f"{shortened(reference)!r} is not a reference: write name:tag")
    items = cursor.items()
    ids = tuple(sorted(_matching(item, words.DIGEST, "write sha256: and 64 hexadecimal digits") for item in items))
    if not ids:
        cursor.problem("the image has no id: write those that engines may know it by")
    _no_more_than(8, len(ids), cursor, "ids")
    _once(zip((item.text() for item in items), items, strict=True), "id")
    return CarriedImage(reference=reference, ids=ids)


def _matching(cursor: Cursor, form: re.Pattern[str], advice: str) -> str:
    """A text of a form; "" where it is not written, or is no scalar."""
    text = cursor.text()
    if cursor.written and isinstance(cursor.node, Scalar) and not form.fullmatch(text):
        cursor.problem(f"{shortened(text)!r} will not do: {advice}")
    return text


def _description(cursor: Cursor) -> str:
    text = cursor.text()
    if len(text) > MAX_DESCRIPTION:
        cursor.problem(f"{len(text)} characters are too many: write up to {MAX_DESCRIPTION}")
    if bad := next((c for c in text if c != "\n" and unicodedata.category(c) in CONTROLS), ""):
        cursor.problem(f"character U+{ord(bad):04X} is not for people to read: remove it")
    return text


def _deadline(cursor: Cursor) -> float | None:
    if not cursor.written:
        return None
    complaints = len(cursor.report.problems)
    seconds = cursor.duration()
    if len(cursor.report.problems) == complaints and not SHORTEST_DEADLINE <= seconds <= LONGEST_DEADLINE:
        cursor.problem("a deadline is from 1s to 24h")
    return seconds


def _moment(cursor: Cursor) -> float | None:
    return cursor.converted(moments.seconds, None) if cursor.written else None


def _once(named: Iterable[tuple[Hashable, Cursor]], what: str) -> None:
    seen: set[Hashable] = set()
    for name, cursor in named:
        if name in seen:
            cursor.problem(f"the {what} is there twice: remove one")
        seen.add(name)


def _no_more_than(limit: int, count: int, cursor: Cursor, what: str) -> None:
    if count > limit:
        cursor.problem(f"{count} {what} are too many: {limit} is the limit")


# the text


def text(manifest: Manifest) -> bytes:
    """The one way of writing a manifest: `read(text(m)) == m` for whatever `read` answers."""
    lines = [f"id: {_quoted(manifest.id)}"]
    for key, value in (("description", manifest.description), ("tag", manifest.tag)):
        lines += [f"{key}: {_quoted(value)}"] if value else []
    lines += _services_text(manifest.services)
    if manifest.groups:
        lines.append(f"groups: {_flow(group.value for group in manifest.groups)}")
    if manifest.restart_only:
        lines.append("restart_only: true")
    if manifest.expires is not None:
        lines.append(f"expires: {_quoted(moments.text(manifest.expires))}")
    if manifest.min_version:
        lines.append(f"min_version: {_quoted(manifest.min_version)}")
    if manifest.requires:
        lines.append(f"requires: {_flow(manifest.requires)}")
    if manifest.deadline_seconds is not None:
        lines.append(f"deadline: {manifest.deadline_seconds!r}s")
    lines.append(f"parallelism: {manifest.parallelism}")
    lines += _archives_text(manifest.images)
    return ("\n".join(lines) + "\n").encode()


def _services_text(changes: tuple[Change, ...]) -> list[str]:
    if not changes:
        return []
    return ["services:", *(f"  {_quoted(change.service)}: {_change_text(change)}" for change in changes)]


def _change_text(change: Change) -> str:
    if change.image:
        return f"{{image: {_quoted(change.image)}}}"
    return f"{{tag: {_quoted(change.tag)}}}" if change.tag else "{}"


def _archives_text(archives: tuple[Archive, ...]) -> list[str]:
    lines = ["images:"] if archives else []
    for archive in archives:
        lines += [
            f"  - file: {_quoted(archive.file)}",
            f"    size: {archive.size}",
            f"    sha256: {_quoted(archive.sha256)}",
            "    references:",
            *(f"      {_quoted(image.reference)}: {_flow(image.ids)}" for image in archive.images),
        ]
    return lines


def _flow(items: Iterable[str]) -> str:
    return f"[{', '.join(_quoted(item) for item in items)}]"


def _quoted(value: str) -> str:
    """A double-quoted scalar. All but plain characters is escaped: YAML folds line breaks even in quotes."""
    return f'"{"".join(c if " " <= c <= "~" and c not in QUOTED else _escaped(c) for c in value)}"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
