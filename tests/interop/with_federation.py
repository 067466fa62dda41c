#!/usr/bin/env python3
"""with_federation.py prosody|ejabberd [--seconds N] COMMAND [ARGUMENT...]

Runs COMMAND beside a server that federates with the domains of COMMAND, which is the name server of
both; README.md lists the environment COMMAND gets.
The exit status is COMMAND's, or 70 when the server could not be had.
"""

import pathlib
import string
import sys

import harness
from with_ejabberd import Ejabberd
from with_prosody import Prosody

CONFIGURATION = pathlib.Path(__file__).with_name("federation")


class Federated:
    """What both servers have in common: two hosts, a port for servers, and the tests' domains."""

    HOSTS = {"SHA256": "theirs.rig", "MISNAMED": "misnamed.rig"}
    MECHANISMS = {
        "SHA256": ["SCRAM-SHA-256", "PLAIN"],
        "MISNAMED": ["SCRAM-SHA-256", "PLAIN"],
    }

    IDENTITIES = {
        "IDENTITY_TRUSTED": "trusted",
        "IDENTITY_SERVER_ONLY": "server-only",
        "IDENTITY_STRANGER": "stranger",
    }

    def write_files(self):
        self.s2s_port, self.s2s_tls_port, self.dns_port = harness.free_ports(3)
        for name, issuer, usage in [
            ("trusted", self.authority, "serverAuth,clientAuth"),
            ("server-only", self.authority, "serverAuth"),
            ("stranger", self.stranger, "serverAuth,clientAuth"),
        ]:
            issuer.issue(self.state, f"*.{name}.rig", name, usage)
        self.write_configuration()

    def ports(self):
        return [self.starttls_port, self.tls_port, self.s2s_port, self.s2s_tls_port]

    def environment(self):
        return super().environment() | {
            "XMPPWIRE_INTEROP_S2S_PORT": str(self.s2s_port),
            "XMPPWIRE_INTEROP_S2S_TLS_PORT": str(self.s2s_tls_port),
            "XMPPWIRE_INTEROP_DNS_PORT": str(self.dns_port),
        }


class FederatedProsody(Federated, Prosody):
    def write_configuration(self):
        Prosody.write_files(self)

    def command(self):
        _, environment = Prosody.command(self)
        environment |= {
            "PROSODY_S2S_PORT": str(self.s2s_port),
            "PROSODY_S2S_TLS_PORT": str(self.s2s_tls_port),
            "PROSODY_DNS_PORT": str(self.dns_port),
        }
        configuration = CONFIGURATION / "prosody.cfg.lua"
        return ["prosody", "-F", "--config", str(configuration)], environment


class FederatedEjabberd(Federated, Ejabberd):
    def write_configuration(self):
        template = string.Template((CONFIGURATION / "ejabberd.yml").read_text())
        self.write_server_files(
            template, s2s_port=self.s2s_port, s2s_tls_port=self.s2s_tls_port
        )
        # Erlang asks this name server for SRV records, and the C library for the addresses of
        # localhost, the host of every record.
        (self.state / "inetrc").write_text(
            '{resolv_conf, ""}. {hosts_file, ""}. {lookup, [native]}.\n'
            f"{{nameserver, {{127,0,0,1}}, {self.dns_port}}}.\n"
        )

    def command(self):
        command, environment = Ejabberd.command(self)
        inetrc = f'"{self.state / "inetrc"}"'
        return [*command, "-kernel", "inetrc", inetrc], environment


if __name__ == "__main__":
    SERVERS = {"prosody": FederatedProsody, "ejabberd": FederatedEjabberd}
    if len(sys.argv) < 3 or sys.argv[1] not in SERVERS:
        sys.exit(__doc__)
    server = SERVERS[sys.argv.pop(1)]
    harness.main(lambda: harness.run_beside_server(server))
