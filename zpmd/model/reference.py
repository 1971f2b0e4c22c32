"""Image references as text: taken apart and put together, never looked up."""

from __future__ import annotations


def split(name: str) -> tuple[str, str]:
    """(repository, tag) of a reference without digest; the colon of a registry's port is none of a tag."""
    head, slash, last = name.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{head}{slash}{base}", tag


def tag_of(reference: str) -> str:
    """Its tag; `latest` where it has neither tag nor digest, "" where it has a digest alone."""
    name, at, _ = reference.partition("@")
    return split(name)[1] or ("" if at else "latest")


def retagged(reference: str, tag: str) -> str:
    """The same repository under another tag; a digest, which would contradict it, is left out."""
    return f"{split(reference.partition('@')[0])[0]}:{tag}"
