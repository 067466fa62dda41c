#!/usr/bin/env python3
"""Write src/saslprep/tables.rs from the RFC 3454 tables in Python's `stringprep` module.

Run it in the directory of the crate: python3 scripts/saslprep_tables.py

The script needs no network. `stringprep` is part of the standard library and always uses
Unicode 3.2, so the output does not depend on the version of Python.
"""

import stringprep
import sys
from pathlib import Path

SURROGATES = range(0xD800, 0xE000)


def ranges(belongs):
    """Return the inclusive ranges of the code points for which `belongs` returns true."""
    found = []
    for code in range(sys.maxunicode + 1):
        # A Rust string cannot hold surrogates, so table C.5 needs no row.
        if code in SURROGATES or not belongs(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def prohibited(c):
    """Return whether one of the tables that RFC 4013 §2.3 prohibits contains `c`."""
    return stringprep.in_table_c12(c) or any(
        table(c)
        for table in (
            stringprep.in_table_c21,
            stringprep.in_table_c22,
            stringprep.in_table_c3,
            stringprep.in_table_c4,
            stringprep.in_table_c6,
            stringprep.in_table_c7,
            stringprep.in_table_c8,
            stringprep.in_table_c9,
        )
    )


TABLES = [
    ("UNASSIGNED", "Table A.1: unassigned in Unicode 3.2.", stringprep.in_table_a1),
    ("MAPPED_TO_NOTHING", "Table B.1: commonly mapped to nothing.", stringprep.in_table_b1),
    ("NON_ASCII_SPACE", "Table C.1.2: spaces other than U+0020.", stringprep.in_table_c12),
    ("PROHIBITED", "Tables C.1.2, C.2.1, C.2.2, C.3, C.4 and C.6 to C.9.", prohibited),
    ("RAND_AL_CAT", "Table D.1: bidirectional property R or AL.", stringprep.in_table_d1),
    ("L_CAT", "Table D.2: bidirectional property L.", stringprep.in_table_d2),
]


def main():
    out = [
        "//! The tables of RFC 3454 that SASLprep uses. Written by `scripts/saslprep_tables.py`; do not edit.",
        "",
        "/// Inclusive ranges of code points, ascending and disjoint.",
        "pub(super) type Table = [(u32, u32)];",
    ]
    for name, text, belongs in TABLES:
        out += ["", f"/// {text}", f"pub(super) const {name}: &Table = &["]
        out += [f"    (0x{first:04X}, 0x{last:04X})," for first, last in ranges(belongs)]
        out += ["];"]
    Path("src/saslprep/tables.rs").write_text("\n".join(out) + "\n", encoding="ascii")


main()
