#!/usr/bin/env python3
"""with_ejabberd.py [--seconds N] COMMAND [ARGUMENT...]

Runs COMMAND beside an ejabberd of its own; README.md lists the environment COMMAND gets.
The exit status is COMMAND's, or 70 when the server could not be had.
"""

import os
import pathlib
import string

import harness
from harness import Failure

CONFIGURATION = pathlib.Path(__file__).with_name("ejabberd.yml")

# What Erlang does once ejabberd runs: makes the accounts that are not there yet, and says so.
MAKE_ACCOUNTS = """
    {ok, Accounts} = file:consult("accounts"),
    [case ejabberd_auth:try_register(User, Host, Password) of
        ok -> ok;
        {error, exists} -> ok
    end || {User, Host, Password} <- Accounts],
    ok = file:write_file("ready-" ++ os:getpid(), []).
"""


def binary(text):
    """An Erlang term of the UTF-8 bytes of `text`, whatever they are."""
    return f"<<{','.join(str(byte) for byte in text.encode())}>>"


def library_directory():
    """Where Debian keeps ejabberd, a directory called after the architecture."""
    found = next(pathlib.Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.app"), None)
    if found is None:
        raise Failure("ejabberd is not installed")
    return found.parents[2]


class Ejabberd(harness.Server):
    NAME = "ejabberd"
    HOSTS = harness.Server.HOSTS | {
        "SHA512": "sha512.localhost",
        "EXTERNAL": "external.localhost",
    }
    MECHANISMS = {
        "SHA1": ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"],
        "SHA256": ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"],
        "SHA512": ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-512", "PLAIN"],
        "PLAIN": ["PLAIN"],
        "EXTERNAL": ["EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"],
    }
    IDENTITIES = {
        "IDENTITY": "account",
        "OTHER_IDENTITY": "other-account",
        "STRANGER_IDENTITY": "stranger",
    }

    def write_server_files(self, template, **ports):
        """Writes what every ejabberd here reads: the configuration, and the accounts to make."""
        (self.state / "ejabberd.yml").write_text(template.substitute(
            state=self.state, starttls_port=self.starttls_port, tls_port=self.tls_port,
            component=self.COMPONENT, component_port=self.component_port,
            component_secret=harness.COMPONENT_SECRET,
            log_level=os.environ.get("EJABBERD_LOG_LEVEL", "info"), **ports,
        ))
        (self.state / "accounts").write_text("".join(
            f"{{{binary(user)}, {binary(host)}, {binary(password)}}}.\n"
            for host, user, password in self.accounts()
        ))

    def write_files(self):
        self.write_server_files(string.Template(CONFIGURATION.read_text()))
        external = self.HOSTS["EXTERNAL"]
        jid = f"{harness.USER}@{external}"
        self.authority.issue_account(self.state, "account", jid)
        self.authority.issue_account(self.state, "other-account", f"{harness.OTHER_USER}@{external}")
        self.stranger.issue_account(self.state, "stranger", jid)

    def command(self):
        # Not by ejabberdctl, which changes the user and makes a node that others can talk to: a
        # node without a name has no distribution, so it needs no port mapper (epmd) either.
        environment = {
            "ERL_LIBS": str(library_directory()),
            # A crash is told by the log; the dump of a whole machine is of no use here.
            "ERL_CRASH_DUMP_SECONDS": "0",
            # The log goes to the standard output as well, which is what is shown.
            "EJABBERD_LOG_PATH": str(self.state / "ejabberd.log"),
            "EJABBERD_CONFIG_PATH": str(self.state / "ejabberd.yml"),
            # Nor shall somebody's ~/.erlang be run.
            "HOME": str(self.state),
        }
        return [
            "erl", "-noinput",
            # One scheduler, so that its processes take turns: with two, a shutdown now and then kills
            # a session before that has said a word.
            "+S", "1:1",
            "-mnesia", "dir", f'"{self.state}/spool"',
            "-s", "ejabberd",
            "-eval", MAKE_ACCOUNTS,
        ], environment

    def is_ready(self):
        return (self.state / f"ready-{self.child.pid}").exists() and super().is_ready()


if __name__ == "__main__":
    harness.main(lambda: harness.run_beside_server(Ejabberd))
