#!/usr/bin/env python3
"""round_trips.py PAGE: how often clients wait for the server before their first stanza.

run-roundtrips starts it beside our example server. Each client logs in through a relay, and its
first stanza is of 12,000 bytes, by which the relay recognises it under TLS. The relay takes all that
one side writes, until that is silent for a moment, and only then gives it to the other: as on a
network so slow that nothing else takes time. A round trip is the client's turn and the server's turn
after it, beginning with the client's first byte on an open TCP connection. So the handshake of TLS
counts and that of TCP does not. What the server writes without being asked (a session ticket of TLS)
makes no round trip, because the client does not wait for it. The table goes into PAGE.
"""

import os
import pathlib
import select
import socket
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
# Longer than either side pauses in the middle of what it writes, on a busy machine too.
QUIET = 0.3
# The first stanza is longer, and nothing before it is.
MARK = 10_000
SECONDS = 120
BEGIN = "<!-- counted by tests/interop/run-roundtrips -->"
END = "<!-- end of the count -->"

LOGINS = {
    "sasl": "SASL of RFC 6120 (SCRAM)",
    "sasl2": "SASL2 with Bind 2 (SCRAM)",
    "token": "SASL2 with Bind 2, by token (FAST)",
    "sasl-resume": "resumption after SASL of RFC 6120",
    "sasl2-resume": "resumption inside SASL2 (SCRAM)",
    "token-resume": "resumption inside SASL2, by token",
}
CONTENDERS = {
    "xmppwire": list(LOGINS),
    "slixmpp 1.17": ["sasl", "sasl-resume"],
    "@xmpp/client 0.14": ["sasl2", "token", "token-resume"],
}


class Relay:
    """Relays connections to one port of the server, turn by turn."""

    def __init__(self, port):
        self.server_port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        # The round trips before the first stanza, of each connection that had one.
        self.counts = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            threading.Thread(target=self.serve, args=(client, server), daemon=True).start()

    def serve(self, client, server):
        speaker, turns, marked = None, 0, False
        try:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                # The one who spoke last may not have been done.
                side = speaker if speaker in ready else ready[0]
                said, is_over = turn(side)
                if side is client and speaker is not client and said:
                    turns += 1
                if side is client and len(said) > MARK and not marked:
                    marked = True
                    self.counts.append(turns - 1)
                speaker = side
                (server if side is client else client).sendall(said)
                if is_over:
                    return
        except OSError:
            pass
        finally:
            client.close()
            server.close()


def turn(side):
    """All that a side says until it is silent, and whether its connection is over."""
    said = b""
    while True:
        piece = side.recv(65536)
        said += piece
        if not piece:
            return said, True
        if not select.select([side], [], [], QUIET)[0]:
            return said, False


def command(contender, mode, login):
    if contender == "xmppwire":
        return [
            "cargo", "test", "--quiet", "--locked", "-p", "xmppwire-interop", "--test", "round_trips",
            "--", "--ignored",
        ]
    if contender.startswith("slixmpp"):
        return [str(HERE / ".venv/bin/python"), str(HERE / "slixmpp/round_trips.py"), mode, login]
    return ["node", str(HERE / "xmppjs/round_trips.js"), mode, login]


def count(contender, mode, login, relays):
    """The round trips of the last connection of a client."""
    for relay in relays.values():
        relay.counts.clear()
    environment = {
        **os.environ,
        "XMPPWIRE_SERVER_PORT": str(relays["starttls"].port),
        "XMPPWIRE_SERVER_TLS_PORT": str(relays["direct"].port),
        "XMPPWIRE_ROUND_TRIPS": f"{mode} {login}",
        "NODE_EXTRA_CA_CERTS": os.environ["XMPPWIRE_SERVER_CA"],
    }
    done = subprocess.run(
        command(contender, mode, login), env=environment, capture_output=True, text=True,
        timeout=SECONDS, stdin=subprocess.DEVNULL,
    )
    counts = relays[mode].counts
    # A token and a session come from a connection before.
    connections = 1 if login in ("sasl", "sasl2") else 2
    if done.returncode != 0 or len(counts) != connections:
        raise SystemExit(f"FAILED {contender} {mode} {login}: {counts}\n{done.stdout}{done.stderr}")
    return counts[-1]


def main():
    (page,) = sys.argv[1:]
    port = lambda name: int(os.environ[f"XMPPWIRE_SERVER_{name}"])
    relays = {"direct": Relay(port("TLS_PORT")), "starttls": Relay(port("PORT"))}
    rows = [
        "| login | " + " | ".join(CONTENDERS) + " |",
        "|---|" + "---|" * len(CONTENDERS),
    ]
    for login, name in LOGINS.items():
        cells = []
        for contender, logins in CONTENDERS.items():
            if login in logins:
                both = [count(contender, mode, login, relays) for mode in ("direct", "starttls")]
                cells.append(" / ".join(map(str, both)))
            else:
                cells.append("–")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    path = pathlib.Path(page)
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text("\n".join([before + BEGIN, "", *rows, "", END]) + after)


if __name__ == "__main__":
    main()
