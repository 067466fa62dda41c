"""Checks that every test that tests/conformance/requirements.txt names ran and passed.

usage: requirements.py LOG, with what `cargo test` printed
"""

import re
import sys
from pathlib import Path

TABLE = Path(__file__).parent.parent / "tests/conformance/requirements.txt"
PASSED = re.compile(r"^test (?:\[\w+\] +)?(\S+) +\.\.\. ok$", re.MULTILINE)


def named():
    """The tests that the table names, by the row."""
    for line in TABLE.read_text().splitlines():
        if line.startswith("#"):
            continue
        row, *_, evidence, _note = [field.strip() for field in line.split("|")]
        for name in filter(None, map(str.strip, evidence.split(";"))):
            if ": " not in name.replace("::", ""):
                yield row, name


def main():
    log = Path(sys.argv[1]).read_text(errors="replace")
    passed = {name.rpartition("::")[2] for name in PASSED.findall(log)}
    missing = [(row, name) for row, name in named() if name.rpartition("::")[2] not in passed]
    for row, name in missing:
        print(f"{row}: {name} did not run and pass")
    if missing:
        sys.exit(1)
    print("every test that the table of requirements names ran and passed")


main()
