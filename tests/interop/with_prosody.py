#!/usr/bin/env python3
"""with_prosody.py [--seconds N] COMMAND [ARGUMENT...]

Runs COMMAND beside a Prosody of its own; README.md lists the environment COMMAND gets.
The exit status is COMMAND's, or 70 when the server could not be had.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

import harness
from harness import Failure

CONFIGURATION = pathlib.Path(__file__).with_name("prosody.cfg.lua")
HOSTS = ["sha1.localhost", "sha256.localhost", "plain.localhost", "misnamed.localhost"]
RESTARTS = 50


def lua_string(text):
    """A Lua literal of the UTF-8 bytes of `text`, whatever they are."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def file_name(text):
    """A name as Prosody's file storage spells it."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02x}"
        for byte in text.encode()
    )


def write_accounts(data):
    """Stores each account in clear: Prosody hashes it when it is first used."""
    for host in HOSTS:
        directory = data / file_name(host) / "accounts"
        directory.mkdir(parents=True)
        for user, password in harness.ACCOUNTS.items():
            account = f'return {{ ["password"] = {lua_string(password)} }};\n'
            (directory / f"{file_name(user)}.dat").write_text(account)


class Prosody:
    """The server, which comes back on the same ports when a test ends it."""

    def __init__(self, state):
        self.state = state
        self.log = state / "prosody.log"
        self.starttls_port, self.tls_port = harness.free_ports(2)
        self.restarts = 0
        self.start()

    def start(self):
        environment = {
            **os.environ,
            "PROSODY_STATE": str(self.state),
            "PROSODY_STARTTLS_PORT": str(self.starttls_port),
            "PROSODY_TLS_PORT": str(self.tls_port),
        }
        with self.log.open("ab") as log:
            self.child = harness.spawn(
                ["prosody", "-F", "--config", str(CONFIGURATION)],
                env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=self.state,
            )

    def wait_until_ready(self):
        for port in (self.starttls_port, self.tls_port):
            harness.wait_for_port(port, self.child, 20)

    def tend(self):
        if self.child.poll() is None:
            return
        if self.restarts == RESTARTS:
            raise Failure(f"Prosody ended {RESTARTS} times")
        self.restarts += 1
        # Long enough down for a client to see a refused connection.
        time.sleep(0.5)
        self.start()


def environment_of(prosody, authority, stranger):
    address = harness.ADDRESS
    prosody_only = {
        "ADDRESS": address,
        "STARTTLS_PORT": prosody.starttls_port,
        "TLS_PORT": prosody.tls_port,
        "CA": authority.certificate,
        "OTHER_CA": stranger.certificate,
        "HOST_SHA1": "sha1.localhost",
        "HOST_SHA256": "sha256.localhost",
        "HOST_PLAIN": "plain.localhost",
        "HOST_MISNAMED": "misnamed.localhost",
        "USER": harness.USER,
        "PASSWORD": harness.PASSWORD,
        "OTHER_USER": harness.OTHER_USER,
        "OTHER_PASSWORD": harness.OTHER_PASSWORD,
        "ODD_USER": harness.ODD_USER,
        "ODD_PASSWORD": harness.ODD_PASSWORD,
        "PIDFILE": prosody.state / "prosody.pid",
        "LOG": prosody.log,
    }
    # The client programs can be tried against Prosody too.
    any_server = harness.server_environment(
        port=prosody.starttls_port, domain="sha256.localhost", authority=authority,
        stranger=stranger, mechanisms=["SCRAM-SHA-256", "PLAIN"],
    )
    return {f"XMPPWIRE_PROSODY_{name}": str(value) for name, value in prosody_only.items()} | any_server


def body():
    parser = argparse.ArgumentParser(description="Runs a command beside a Prosody of its own.")
    parser.add_argument("--seconds", type=int, default=900, help="the longest COMMAND may take")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no COMMAND")

    with tempfile.TemporaryDirectory(prefix="xmppwire-prosody-") as directory:
        state = pathlib.Path(directory)
        certificates = state / "certs"
        certificates.mkdir()
        write_accounts(state / "data")
        authority = harness.Authority(state, "ca")
        stranger = harness.Authority(state, "other-ca")
        for host in HOSTS[:-1] + ["other.example"]:
            authority.issue(certificates, host)

        prosody = Prosody(state)
        try:
            prosody.wait_until_ready()
            status = harness.run_beside(
                options.command, environment_of(prosody, authority, stranger),
                options.seconds, prosody.tend,
            )
        except Failure as failure:
            raise Failure(f"{failure}\n--- Prosody's log\n{harness.tail(prosody.log)}")
        finally:
            harness.end(prosody.child)
        if status != 0:
            print(f"--- the end of Prosody's log\n{harness.tail(prosody.log)}", flush=True)
        return status


if __name__ == "__main__":
    harness.main(body)
