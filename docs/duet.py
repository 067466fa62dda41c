#!/usr/bin/env python3
"""Draws docs/duet.svg, the picture in the README: the first lines of the example `duet` on a terminal.

    docs/duet.py

Runs the example on a pseudo terminal, so that it prints colours. Standard library only.
"""

import os
import pty
import re
import subprocess
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Up to this line of the output, which is the offer of SASL mechanisms.
LAST = "<mechanism>SCRAM-SHA-256</mechanism>"
COLUMNS, LINE, CHARACTER, MARGIN = 80, 17, 7.83, 16
CLASSES = {"1": "b", "2": "d", "33": "y", "35": "m", "36": "c"}
STYLE = """
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6dae2}
.b{font-weight:bold}.d{fill:#848c9b}.y{fill:#e3c078}.m{fill:#d59be6}.c{fill:#6cc7d6}
"""


def output():
    """What the example prints on a terminal."""
    main, side = pty.openpty()
    command = ["cargo", "run", "--quiet", "--example", "duet"]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    child = subprocess.Popen(command, cwd=ROOT, stdout=side, env=environment)
    os.close(side)
    text = b""
    while True:
        try:
            read = os.read(main, 65536)
        except OSError:  # The terminal is closed with its last writer.
            break
        if not read:
            break
        text += read
    if child.wait():
        raise SystemExit("the example failed")
    return text.decode().replace("\r\n", "\n").strip("\n").split("\n")


def spans(line):
    """A line with escape sequences as SVG."""
    result, code = "", "0"
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            code = piece[2:-1]
        elif piece:
            names = " ".join(CLASSES[part] for part in code.split(";") if part in CLASSES)
            text = escape(piece, quote=False)
            result += f'<tspan class="{names}">{text}</tspan>' if names else text
    return result


def main():
    lines = ["\x1b[2m$\x1b[0m cargo run --example duet", "", *output()]
    end = next(number for number, line in enumerate(lines) if LAST in re.sub(r"\x1b\[[0-9;]*m", "", line))
    lines = [*lines[: end + 1], "\x1b[2m      …\x1b[0m"]
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    rows = [
        f'<text x="{MARGIN}" y="{MARGIN + number * LINE + 12}">{spans(line)}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" xml:space="preserve" role="img" aria-label="The example duet on a terminal">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#16181d"/>',
        *rows,
        "</svg>",
    ]
    (ROOT / "docs" / "duet.svg").write_text("\n".join(svg) + "\n")


if __name__ == "__main__":
    main()
