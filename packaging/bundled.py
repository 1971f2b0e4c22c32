"""Names, versions and licenses of what is installed in a folder of Python packages, as lines of a Debian copyright
file's field. Part of scripts/package.

    python3 packaging/bundled.py SITE-PACKAGES
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions


def license_of(package: Distribution) -> str:
    """An SPDX expression where the package has one; else what it says in its older fields, in a line."""
    metadata = package.metadata
    said = metadata.get("License-Expression") or metadata.get("License") or ""
    classified = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier") or () if c.startswith("License ::")]
    # Some put the whole text there.
    return said if said and "\n" not in said else ", ".join(classified) or "see its dist-info folder"


def main() -> None:
    packages = sorted(distributions(path=[sys.argv[1]]), key=lambda p: p.metadata["Name"].lower())
    for package in packages:
        if package.metadata["Name"] != "zpmd":
            print(f"  {package.metadata['Name']} {package.version}: {license_of(package)}")


if __name__ == "__main__":
    main()
