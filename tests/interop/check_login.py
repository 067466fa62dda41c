#!/usr/bin/env python3
"""Logs in to the server of with_prosody.py or with_ejabberd.py, every way it offers.

It says whether the *environment* works, before the library is tested in it: each host with each
mechanism over STARTTLS and over direct TLS, and what must be refused. The client is one of its own,
of the standard library only.
"""

import base64
import hashlib
import hmac
import os
import secrets
import socket
import ssl
import sys
import xml.etree.ElementTree as etree
from xml.sax.saxutils import escape, quoteattr

STREAMS = "{http://etherx.jabber.org/streams}"
TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
CLIENT = "{jabber:client}"
SECONDS = 10


def get(name):
    return os.environ[f"XMPPWIRE_INTEROP_{name}"]


class Unexpected(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Unexpected(what)


class Session:
    """One connection: blocking, and no cleverer than it has to be."""

    def __init__(self, domain, direct_tls, authority="CA"):
        self.domain = domain
        self.context = ssl.create_default_context(cafile=get(authority))
        port = int(get("TLS_PORT" if direct_tls else "STARTTLS_PORT"))
        self.socket = socket.create_connection((get("ADDRESS"), port), SECONDS)
        if direct_tls:
            self.start_tls()
            self.features = self.open()
        else:
            features = self.open()
            expect([child.tag for child in features] == [f"{TLS}starttls"], "more than STARTTLS is offered")
            expect(features.find(f"{TLS}starttls/{TLS}required") is not None, "STARTTLS is not required")
            self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            expect(self.receive().tag == f"{TLS}proceed", "no <proceed/>")
            self.start_tls()
            self.features = self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def start_tls(self):
        self.socket = self.context.wrap_socket(self.socket, server_hostname=self.domain)

    def send(self, text):
        self.socket.sendall(text.encode())

    def open(self):
        self.parser = etree.XMLPullParser(["start", "end"])
        self.depth = 0
        self.send(
            f"<?xml version='1.0'?><stream:stream to={quoteattr(self.domain)} version='1.0' "
            "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        features = self.receive()
        expect(features.tag == f"{STREAMS}features", f"{features.tag} instead of features")
        return features

    def receive(self):
        """The next child of the stream; None is its end."""
        while True:
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    return element
                if event == "end" and self.depth == 0:
                    return None
            data = self.socket.recv(4096)
            expect(data, "the connection ended")
            self.parser.feed(data)

    def mechanisms(self):
        return {each.text for each in self.features.iter(f"{SASL}mechanism")}

    def auth(self, mechanism, initial):
        data = base64.b64encode(initial).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{data}</auth>")
        return self.receive()

    def login(self, mechanism, user, password):
        """Returns the name of the failure, or None after success and a checked signature."""
        if mechanism == "PLAIN":
            reply = self.auth(mechanism, b"\0".join([b"", user.encode(), password.encode()]))
            signature = None
        else:
            reply, signature = self.scram(mechanism, user, password)
        if reply.tag == f"{SASL}failure":
            return reply[0].tag.removeprefix(SASL)
        expect(reply.tag == f"{SASL}success", f"{reply.tag} instead of success")
        if signature is not None:
            expect(base64.b64decode(reply.text) == b"v=" + signature, "wrong server signature")
        self.features = self.open()
        return None

    def scram(self, mechanism, user, password):
        name = mechanism.removeprefix("SCRAM-").removesuffix("-PLUS").replace("-", "").lower()
        if mechanism.endswith("-PLUS"):
            header, binding = b"p=tls-unique,,", self.socket.get_channel_binding("tls-unique")
        else:
            header, binding = b"n,,", b""

        def mac(key, data):
            return hmac.digest(key, data, name)

        quoted = user.replace("=", "=3D").replace(",", "=2C")
        bare = f"n={quoted},r={secrets.token_hex(12)}".encode()
        challenge = self.auth(mechanism, header + bare)
        if challenge.tag == f"{SASL}failure":
            return challenge, None
        first = base64.b64decode(challenge.text)
        fields = dict(field.split(b"=", 1) for field in first.split(b","))
        salted = hashlib.pbkdf2_hmac(
            name, password.encode(), base64.b64decode(fields[b"s"]), int(fields[b"i"])
        )
        final = b"c=" + base64.b64encode(header + binding) + b",r=" + fields[b"r"]
        signed = b",".join([bare, first, final])
        client_key = mac(salted, b"Client Key")
        client_signature = mac(hashlib.new(name, client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, client_signature))
        response = base64.b64encode(final + b",p=" + base64.b64encode(proof)).decode()
        self.send(f"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>")
        return self.receive(), base64.b64encode(mac(mac(salted, b"Server Key"), signed))

    def iq(self, kind, payload):
        self.send(f"<iq id='q1' type='{kind}' to={quoteattr(self.domain)}>{payload}</iq>")
        reply = self.receive()
        expect(reply.tag == f"{CLIENT}iq" and reply.get("id") == "q1", f"{reply.tag} instead of the reply")
        expect(reply.get("type") == "result", f"the reply is of type {reply.get('type')}")
        return reply

    def use(self, user):
        """What any session does: bind, ping, a message to oneself, the closing tags."""
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        self.send(f"<iq id='b' type='set'>{bind}</iq>")
        jid = self.receive().findtext(f"{BIND}bind/{BIND}jid") or ""
        expect(jid.startswith(f"{user}@{self.domain}/"), f"bound to {jid!r}")
        self.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
        body = "a < b & c, ünïcödé \N{CAT FACE}"
        self.send(f"<message to={quoteattr(jid)}><body>{escape(body)}</body></message>")
        expect(self.receive().findtext(f"{CLIENT}body") == body, "the message came back changed")
        self.send("</stream:stream>")
        expect(self.receive() is None, "no closing tag")


def logs_in(domain, direct_tls, mechanism, offered, user="USER", password="PASSWORD"):
    with Session(domain, direct_tls) as session:
        expect(session.mechanisms() == offered, f"offers {session.mechanisms()}")
        failure = session.login(mechanism, get(user), get(password))
        expect(failure is None, f"refused: {failure}")
        session.use(get(user))


def refuses(domain, mechanism, user, password):
    with Session(domain, False) as session:
        failure = session.login(mechanism, user, password)
        expect(failure == "not-authorized", f"answered {failure}")


def does_not_verify(domain, direct_tls, authority="CA"):
    try:
        Session(domain, direct_tls, authority)
    except ssl.SSLCertVerificationError:
        return
    raise Unexpected("the certificate was accepted")


def cases():
    for host in get("HOSTS").split():
        domain, offered = get(f"HOST_{host}"), set(get(f"OFFER_{host}").split())
        # This client has no certificate.
        for mechanism in sorted(offered - {"EXTERNAL"}):
            for direct_tls in (False, True):
                way = "direct TLS" if direct_tls else "STARTTLS"
                yield f"{domain} {mechanism} {way}", logs_in, (domain, direct_tls, mechanism, offered)
            yield f"{domain} {mechanism} wrong password", refuses, (domain, mechanism, get("USER"), "wrong")
            yield f"{domain} {mechanism} unknown user", refuses, (domain, mechanism, "nobody", "wrong")
        best = max(offered - {"EXTERNAL"})
        for account in ("OTHER", "ODD"):
            names = (f"{account}_USER", f"{account}_PASSWORD")
            yield f"{domain} {best} as {get(names[0])}", logs_in, (domain, False, best, offered, *names)
    for direct_tls in (False, True):
        way = "direct TLS" if direct_tls else "STARTTLS"
        yield f"misnamed certificate, {way}", does_not_verify, (get("HOST_MISNAMED"), direct_tls)
        yield f"untrusted authority, {way}", does_not_verify, (get("HOST_SHA1"), direct_tls, "OTHER_CA")


def main():
    passed = failed = 0
    for name, check, arguments in cases():
        try:
            check(*arguments)
            passed += 1
        except (Unexpected, OSError, etree.ParseError) as error:
            failed += 1
            print(f"FAILED {name}: {error}")
    print(f"{get('SERVER')}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
