"""The commands of `zpmctl patch` that make and check patch files. They work on files alone: no daemon is asked.

What they accept, zpmd accepts: the rules are the same code. Whether a patch fits a site, that site says.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich import filesize
from rich.text import Text

from zpmd.interfaces.ctl import keys as minting
from zpmd.interfaces.ctl import lines, saved
from zpmd.interfaces.ctl.client import Exit, Failure
from zpmd.interfaces.ctl.files import busy, told
from zpmd.interfaces.ctl.options import Json
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.patch_file_views import KeyPair, PatchFile, patch_file
from zpmd.interfaces.words import clean
from zpmd.model.patch import Manifest
from zpmd.patching import building, judging, keys, manifest, minisign, moments, secretkey, words
from zpmd.patching.bundle import Bundle
from zpmd.patching.keys import Keyring
from zpmd.patching.minisign import SecretKey
from zpmd.patching.refusal import BadPatch
from zpmd.settings import Patches

SUFFIXES = (*words.MANIFEST_SUFFIXES, words.BUNDLE_SUFFIX)
DEFAULT_KEY_NAME = Path("zpmd-patch")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle (.zpatch) or a manifest (.patch.yaml).")]
Key = Annotated[Path, typer.Option("--key", metavar="SECRET", help="Secret key, of minisign or `patch keygen`.")]
KeyIfAny = Annotated[Path | None, typer.Option("--key", metavar="SECRET", help="Sign it with this secret key at once.")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="The key's password is its first line.")
]


def build(
    manifest_file: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The patch, without its images.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT.zpatch", help="The bundle to write.")],
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="REF", help="Save this image of the local engine into it.")
    ] = None,
    archive: Annotated[
        list[Path] | None, typer.Option("--archive", metavar="FILE", help="An archive of `docker save`.")
    ] = None,
    key: KeyIfAny = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Make a bundle of a manifest and its images.

    \b
    Examples:
      zpmctl patch build hotfix.patch.yaml --image zona/user:v2.3.1 -o hotfix.zpatch
      zpmctl patch build hotfix.patch.yaml --archive images.tar --key vendor.key -o hotfix.zpatch
    """
    images, archives = image or [], archive or []
    _check_build(out, images, archives)
    with told():
        asked = _manifest(_text(manifest_file), manifest_file.name)
        secret = minting.opened(key, password_file) if key else None
        sign_it = _signing(secret, asked.id, words.MANIFEST) if secret else None
        # Beside the bundle, which needs as much room again; nobody takes a folder with a dot for a patch.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            if images:
                with busy("saving images"):
                    archives = [*archives, saved.save(images, Path(folder))]
            size = sum(file.stat().st_size for file in archives)
            with busy(f"building {out.name}", 2 * size) as progress:
                built = building.build(asked, archives, out, sign_it, progress)
    _show(patch_file(str(out), built, secret.id if secret else ""), as_json)


def sign(file: File, key: Key, password_file: PasswordFile = None, as_json: Json = False) -> None:
    """Sign a patch file, in the place of a signature that it has.

    A bundle gets its signature inside, a manifest gets FILE.minisig beside it.

    \b
    Examples:
      zpmctl patch sign hotfix.zpatch --key vendor.key
      zpmctl patch sign hotfix.patch.yaml --key vendor.key --password-file /run/secrets/vendor
    """
    _check_name(file)
    with told():
        signed = _sign_bundle if file.name.endswith(words.BUNDLE_SUFFIX) else _sign_manifest
        found, secret = signed(file, lambda: minting.opened(key, password_file))
    _show(patch_file(str(file), found, secret.id), as_json)


def verify(
    file: File,
    keys_dir: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="A key in this folder has to have signed it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a patch file as far as it can be known without a site.

    Structure, archives, signature and signer; without --keys the signature is held to the keys of this host, if it has
    any. It exits 0 when all is well, and 5 with the reason when the file would be
    refused. Whether it fits a site, `zpmctl patch plan` says there.

    \b
    Examples:
      zpmctl patch verify hotfix.zpatch
      zpmctl patch verify hotfix.patch.yaml --keys ./public-keys
    """
    _check_name(file)
    if keys_dir and not keys_dir.is_dir():
        raise Failure(Exit.NOT_FOUND, f"{keys_dir}: no such folder")
    ring = keys.read(keys_dir, keys.REQUIRED) if keys_dir else keys.read(Patches().keys_dir)
    with told():
        found, signer, signature = _judged(file, ring)
        given = minisign.parse_signature(signature) if signature is not None else None
    _show(patch_file(str(file), found, signer, given, ring.problems), as_json)


def keygen(
    out: Annotated[
        Path, typer.Option("--out", metavar="NAME", help="The files are NAME.key and NAME.pub.")
    ] = DEFAULT_KEY_NAME,
    no_password: Annotated[bool, typer.Option("--no-password", help="The file alone is enough to sign.")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Make a key pair: a secret one to sign with, a public one for sites.

    The files are minisign's. NAME.key stays with whoever signs; NAME.pub goes to /etc/zpmd/patch-keys of every site.

    \b
    Examples:
      zpmctl patch keygen --out vendor-2027
    """
    if no_password and password_file:
        raise typer.BadParameter("--no-password and --password-file exclude each other")
    secret_file, public_file = (out.with_name(out.name + suffix) for suffix in (".key", keys.SUFFIX))
    with told():
        for file in (secret_file, public_file):
            if file.exists():
                raise Failure(Exit.REFUSED, f"{file} is there already: a key is never written over")
        password = None if no_password else minting.new_password(password_file)
        with busy("making the key"):
            secret, public = secretkey.generate(password)
        minting.keep(secret_file, secret, public_file, public)
    made = KeyPair(key=minisign.parse_public_key(public).id, secret=str(secret_file), public=str(public_file))
    line = f"key {made.key}: {made.secret} signs, keep it secret; {made.public} goes to the sites"
    Screen().say(as_json, made, [Text(clean(line))])


def _check_build(out: Path, images: list[str], archives: list[Path]) -> None:
    if not out.name.endswith(words.BUNDLE_SUFFIX):
        raise typer.BadParameter(f"{str(out)!r} is no name of a bundle: it has to end in {words.BUNDLE_SUFFIX}")
    if not out.parent.is_dir():
        raise Failure(Exit.NOT_FOUND, f"{out.parent}: no such folder")
    for reference in images:
        if not words.is_reference(reference):
            raise typer.BadParameter(f"{reference!r} is no image with a tag, as zona/user:v2.3.1")
    called = [archive.name for archive in archives] + ([saved.ARCHIVE] if images else [])
    for name in called:
        if called.count(name) > 1:
            raise typer.BadParameter(f"two archives are called {name!r}: rename one of them")


def _check_name(file: Path) -> None:
    if not file.name.endswith(SUFFIXES):
        raise typer.BadParameter(f"{str(file)!r} is no patch file: its name has to end in {', '.join(SUFFIXES)}")


def _text(file: Path) -> bytes:
    """Of a plain manifest. A larger one is refused by every site."""
    with file.open("rb") as stream:
        content = stream.read(words.MAX_MANIFEST + 1)
    if len(content) > words.MAX_MANIFEST:
        raise BadPatch(f"{file.name} has more than {words.MAX_MANIFEST} bytes, which is the limit of a manifest")
    return content


def _manifest(content: bytes, name: str, bundled: bool = False) -> Manifest:
    found, problems = manifest.read(content, name, bundled)
    if found is None:
        raise BadPatch(judging.told(problems))
    return found


def _signing(secret: SecretKey, patch: str, file: str) -> Callable[[bytes], bytes]:
    return lambda text: minisign.sign(secret, text, *minisign.comments(patch, file, time.time()))


def _sign_bundle(file: Path, opened: Callable[[], SecretKey]) -> tuple[Manifest, SecretKey]:
    """Whatever is signed was read first: a signature vouches for all of it."""
    size = file.stat().st_size
    with Bundle(file) as bundle:
        found, text = _manifest(bundle.manifest, words.MANIFEST, bundled=True), bundle.manifest
        secret = opened()
        with busy(f"reading {file.name}", size) as progress:
            bundle.check(found, progress)
    with busy(f"writing {file.name}", size) as progress:
        building.with_signature(file, _signing(secret, found.id, words.MANIFEST)(text), file, progress)
    return found, secret


def _sign_manifest(file: Path, opened: Callable[[], SecretKey]) -> tuple[Manifest, SecretKey]:
    text = _text(file)
    found = _manifest(text, file.name)
    secret = opened()
    with building.replacing(_signature_of(file)) as target:
        target.write(_signing(secret, found.id, file.name)(text))
    return found, secret


def _judged(file: Path, ring: Keyring) -> tuple[Manifest, str, bytes | None]:
    """The manifest, who signed it as far as that could be checked, and the signature."""
    if not file.name.endswith(words.BUNDLE_SUFFIX):
        beside = _signature_of(file)
        signature = beside.read_bytes() if beside.exists() else None
        return *judging.judged_manifest(_text(file), file.name, signature, ring), signature
    with busy(f"reading {file.name}"):
        found, signer = judging.judged_bundle(file, ring, Patches().max_bytes, lambda: None)
    with Bundle(file) as bundle:
        return found, signer, bundle.signature


def _signature_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.minisig")


def _show(file: PatchFile, as_json: bool) -> None:
    rows = [((f"  {name}", ""), (what, "")) for name, what in _facts(file)]
    head = Text(clean(f"{file.id}  {file.description}".strip()))
    Screen().say(as_json, file, [head, *lines.table(rows)])


def _facts(file: PatchFile) -> Iterator[tuple[str, str]]:
    yield "file", file.file
    if file.signer:
        yield "signed by", f"{file.signer}  {file.comment}".strip() if file.comment else file.signer
    elif file.key:
        yield "signed by", f"{file.key}, which nobody checked: there are no keys here"
    else:
        yield "signed by", "nobody"
    for change in file.services:
        yield "service", f"{change.service}  {change.image or (f'tag {change.tag}' if change.tag else 'is restarted')}"
    for group in file.groups:
        yield "group", group
    for required in file.requires:
        yield "requires", required
    if file.min_version:
        yield "requires", f"zpmd {file.min_version}"
    if file.expires is not None:
        yield "expires", moments.text(file.expires)
    for trouble in file.troubles:
        yield "trouble", trouble
    for archive in file.images:
        yield "archive", f"{archive.file}  {filesize.decimal(archive.size)}  {' '.join(archive.references)}"
