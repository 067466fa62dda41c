#!/usr/bin/env python3
"""Fails when a dependency's licence is not one that we may ship with. Standard library only."""

import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CDLA-Permissive-2.0",
    "ISC", "MIT", "MIT-0", "MPL-2.0", "Unicode-3.0", "Unlicense", "Zlib",
}


def allowed(expression):
    """Evaluates an SPDX expression; an exception (WITH) only ever adds permissions."""
    # `MIT/Apache-2.0` is how old manifests spell OR.
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        result = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            result = conjunction() or result
        return result

    def conjunction():
        result = term()
        while words and words[0] == "AND":
            words.pop(0)
            result = term() and result
        return result

    def term():
        word = words.pop(0)
        if word == "(":
            result = alternatives()
            words.pop(0)
        else:
            result = word.removesuffix("+") in ALLOWED
        if words and words[0] == "WITH":
            del words[:2]
        return result

    return alternatives()


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    refused = [
        f"{package['name']} {package['version']}: {package['license'] or 'no licence expression'}"
        for package in packages
        if not package["license"] or not allowed(package["license"])
    ]
    print("\n".join(refused + [f"{len(packages)} packages, {len(refused)} with a licence that is not allowed"]))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
