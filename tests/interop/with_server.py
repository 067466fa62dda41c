#!/usr/bin/env python3
"""with_server.py [--seconds N] --server 'PROGRAM [ARGUMENT...]' COMMAND [ARGUMENT...]

Runs COMMAND beside our example server; README.md lists how the server is called and the
environment COMMAND gets. The exit status is COMMAND's, or 70 when the server could not be had
or did not outlive its clients.
"""

import argparse
import pathlib
import re
import shlex
import subprocess
import tempfile
import time

import harness
from harness import Failure

DOMAIN = "localhost"
COMPONENT = f"echo.{DOMAIN}"
MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)( .*)?$", re.MULTILINE)


def bound_ports(child, output, seconds=20):
    """The ports that the server says it listens on: for clients, for those that begin with TLS, and
    for components."""
    deadline = time.monotonic() + seconds
    while True:
        ports = [int(port) for port, _ in LISTENING.findall(output.read_text(errors="replace"))]
        if len(ports) == 3:
            return ports
        if child.poll() is not None:
            raise Failure(f"the server ended with status {child.returncode} instead of listening")
        if time.monotonic() > deadline:
            raise Failure(f"no three lines 'listening on 127.0.0.1:PORT' after {seconds} s")
        time.sleep(0.05)


def body():
    parser = argparse.ArgumentParser(description="Runs a command beside our example server.")
    parser.add_argument("--seconds", type=int, default=300, help="the longest COMMAND may take")
    parser.add_argument("--server", required=True, type=shlex.split, help="how to start the server")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no COMMAND")

    with tempfile.TemporaryDirectory(prefix="xmppwire-server-") as directory:
        state = pathlib.Path(directory)
        authority = harness.Authority(state, "ca")
        stranger = harness.Authority(state, "other-ca")
        certificate, key = authority.issue(state, DOMAIN)
        accounts = state / "accounts"
        everybody = harness.ACCOUNTS | harness.MORE_ACCOUNTS
        accounts.write_text("".join(f"{user}:{word}\n" for user, word in everybody.items()))

        output, log = state / "stdout", state / "stderr"
        with output.open("wb") as stdout, log.open("wb") as stderr:
            child = harness.spawn(
                [
                    *options.server, "--listen", f"{harness.ADDRESS}:0", "--domain", DOMAIN,
                    "--accounts", str(accounts), "--cert", str(certificate), "--key", str(key),
                    "--tls-listen", f"{harness.ADDRESS}:0",
                    "--component-listen", f"{harness.ADDRESS}:0",
                    "--component", f"{COMPONENT}={harness.COMPONENT_SECRET}",
                ],
                stdout=stdout, stderr=stderr,
            )

        def tend():
            if child.poll() is not None:
                raise Failure(f"the server ended with status {child.returncode}")

        try:
            port, tls_port, component_port = bound_ports(child, output)
            environment = harness.client_environment(
                port=port, tls_port=tls_port, domain=DOMAIN, authority=authority, stranger=stranger,
                mechanisms=MECHANISMS, component=COMPONENT, component_port=component_port,
            )
            status = harness.run_beside(options.command, environment, options.seconds, tend)
            tend()
        except Failure as failure:
            raise Failure(f"{failure}\n--- the server's log\n{harness.tail(log)}")
        finally:
            harness.end(child)
        if status != 0:
            print(f"--- the end of the server's log\n{harness.tail(log)}", flush=True)
        return status


if __name__ == "__main__":
    harness.main(body)
