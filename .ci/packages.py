#!/usr/bin/env python3
"""Fails when a package that `cargo publish --dry-run` has made lacks what a reader of it needs.

    .ci/packages.py target/package
"""

import json
import subprocess
import sys
from pathlib import Path

# Each has to be a file with text in it: what is a link in the repository must not be one in the package.
NEEDED = ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"]
FIELDS = ["description", "license", "repository", "rust_version", "keywords", "categories"]


def faults(package, packages):
    found = [f"Cargo.toml has no {field}" for field in FIELDS if not package[field]]
    if "docs" not in (package["metadata"] or {}):
        found.append("Cargo.toml does not say which features docs.rs shows")
    unpacked = packages / f"{package['name']}-{package['version']}"
    for needed in NEEDED:
        path = unpacked / needed
        if path.is_symlink() or not path.is_file() or path.stat().st_size < 100:
            found.append(f"the package has no {needed}")
    return [f"{package['name']}: {fault}" for fault in found]


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    published = [package for package in metadata["packages"] if package["publish"] != []]
    packages = Path(sys.argv[1])
    found = [fault for package in published for fault in faults(package, packages)]
    print("\n".join(found + [f"{len(published)} packages, {len(found)} faults"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
