#!/usr/bin/env python3
"""with_prosody.py [--seconds N] COMMAND [ARGUMENT...]

Runs COMMAND beside a Prosody of its own; README.md lists the environment COMMAND gets.
The exit status is COMMAND's, or 70 when the server could not be had.
"""

import pathlib

import harness

CONFIGURATION = pathlib.Path(__file__).with_name("prosody.cfg.lua")


def lua_string(text):
    """A Lua literal of the UTF-8 bytes of `text`, whatever they are."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def file_name(text):
    """A name as Prosody's file storage spells it."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02x}"
        for byte in text.encode()
    )


class Prosody(harness.Server):
    NAME = "prosody"
    # It knows tls-unique alone, and offers -PLUS only below TLS 1.3.
    MECHANISMS = {
        "SHA1": ["SCRAM-SHA-1", "PLAIN"],
        "SHA256": ["SCRAM-SHA-256", "PLAIN"],
        "PLAIN": ["PLAIN"],
    }

    def write_files(self):
        """Stores each account in clear: Prosody hashes it when it is first used."""
        for host, user, password in self.accounts():
            directory = self.state / "data" / file_name(host) / "accounts"
            directory.mkdir(parents=True, exist_ok=True)
            account = f'return {{ ["password"] = {lua_string(password)} }};\n'
            (directory / f"{file_name(user)}.dat").write_text(account)

    def command(self):
        environment = {
            "PROSODY_STATE": str(self.state),
            "PROSODY_STARTTLS_PORT": str(self.starttls_port),
            "PROSODY_TLS_PORT": str(self.tls_port),
            "PROSODY_COMPONENT": self.COMPONENT,
            "PROSODY_COMPONENT_PORT": str(self.component_port),
            "PROSODY_COMPONENT_SECRET": harness.COMPONENT_SECRET,
        }
        return ["prosody", "-F", "--config", str(CONFIGURATION)], environment


if __name__ == "__main__":
    harness.main(lambda: harness.run_beside_server(Prosody))
