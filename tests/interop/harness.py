"""What the wrappers around a server under test share: certificates, ports, children with an end.

Standard library only; OpenSSL's command line makes the certificates.
"""

import argparse
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ADDRESS = "127.0.0.1"

# Characters that XML, base64, SASLprep or SCRAM's own syntax could trip over.
USER, PASSWORD = "juliet", "pässwörd, <&> = 'ok'"
OTHER_USER, OTHER_PASSWORD = "romeo", "r0m30"
ODD_USER, ODD_PASSWORD = "o,neil=jr", "comma, equals="
COMPONENT_SECRET = "correct horse <&> battery"
ACCOUNTS = {USER: PASSWORD, OTHER_USER: OTHER_PASSWORD, ODD_USER: ODD_PASSWORD}
# For client programs that need many accounts.
MORE_PASSWORD = "s3cr3t"
MORE_ACCOUNTS = {
    f"user{number}": MORE_PASSWORD
    for number in range(int(os.environ.get("XMPPWIRE_MORE_ACCOUNTS", "0")))
}
LOGINS = {
    "USER": USER,
    "PASSWORD": PASSWORD,
    "OTHER_USER": OTHER_USER,
    "OTHER_PASSWORD": OTHER_PASSWORD,
    "ODD_USER": ODD_USER,
    "ODD_PASSWORD": ODD_PASSWORD,
}


class Failure(Exception):
    """Something the reader of the output can act on; shown without a traceback."""


def free_ports(count):
    """Ports that were free a moment ago, each different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((ADDRESS, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def openssl(*arguments):
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}\n{done.stderr}")


class Authority:
    """A certificate authority that lives as long as its temporary directory."""

    def __init__(self, directory, name):
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", self._key, "-out", self.certificate, "-days", "2",
            "-subj", f"/CN=xmppwire test authority {name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )

    def issue(self, directory, host, name=None, usage="serverAuth"):
        """Makes NAME.crt and NAME.key in `directory`, for that one DNS name."""
        return self._issue(directory, name or host, f"DNS:{host}", usage)

    def issue_account(self, directory, name, jid):
        """Makes NAME.crt and NAME.key in `directory`, for an account (RFC 6120 §13.7.1.3)."""
        id_on_xmpp_addr = "1.3.6.1.5.5.7.8.5"
        return self._issue(directory, name, f"otherName:{id_on_xmpp_addr};UTF8:{jid}", "clientAuth")

    def _issue(self, directory, name, subject, usage):
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", "2",
            "-CA", self.certificate, "-CAkey", self._key, "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "keyUsage=critical,digitalSignature",
            "-addext", f"extendedKeyUsage={usage}",
            "-addext", f"subjectAltName={subject}",
        )
        return certificate, key


def _end_with_parent():
    """In the child: asks Linux for SIGTERM when the wrapper dies, even by SIGKILL."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def spawn(command, **options):
    """Starts `command` as the leader of its own process group, so that all of it can be ended."""
    if shutil.which(command[0]) is None:
        raise Failure(f"{command[0]}: command not found")
    return subprocess.Popen(
        command, start_new_session=True, preexec_fn=_end_with_parent,
        stdin=subprocess.DEVNULL, **options,
    )


def end(child, patience=5):
    """Ends a child and its descendants: first asked, then forced."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            try:
                os.killpg(child.pid, number)
                child.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
    # The leader may be gone while members of its group are not.
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def accepts(port):
    """Whether something accepts connections on `port`."""
    try:
        socket.create_connection((ADDRESS, port), 1).close()
        return True
    except OSError:
        return False


def run_beside(command, environment, seconds, tend):
    """Runs `command` to its end and returns its exit status, calling `tend` all the while."""
    child = spawn(command, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + seconds
        while child.poll() is None:
            if time.monotonic() > deadline:
                raise Failure(f"ended after {seconds} s without a result: {' '.join(command)}")
            tend()
            time.sleep(0.05)
        return child.returncode if child.returncode >= 0 else 128 - child.returncode
    finally:
        end(child)


class Server:
    """A server of others, which comes back on the same ports when a test ends it.

    A subclass says what it is called, which mechanisms its hosts offer, what it has to be given and
    how it is started. README.md says what each of the hosts is for.
    """

    NAME = ""
    HOSTS = {
        "SHA1": "sha1.localhost",
        "SHA256": "sha256.localhost",
        "PLAIN": "plain.localhost",
        "ANONYMOUS": "anonymous.localhost",
        "MISNAMED": "misnamed.localhost",
    }
    COMPONENT = "echo.localhost"
    # By the key of each host that has accounts.
    MECHANISMS = {}
    # The certificates that the tests may show: the end of the variable's name, and of the files'.
    IDENTITIES = {}
    RESTARTS = 50

    def __init__(self, state):
        self.state = state
        self.log = state / "log"
        self.pidfile = state / "pid"
        self.starttls_port, self.tls_port, self.component_port = free_ports(3)
        self.restarts = 0
        certificates = state / "certs"
        certificates.mkdir()
        self.authority = Authority(state, "ca")
        self.stranger = Authority(state, "other-ca")
        named = [host for key, host in self.HOSTS.items() if key != "MISNAMED"]
        for host in [*named, "other.example"]:
            self.authority.issue(certificates, host)
        self.write_files()
        self.start()

    def accounts(self):
        """Each account that has to be there: host, user, password."""
        for key in self.MECHANISMS:
            for user, password in ACCOUNTS.items():
                yield self.HOSTS[key], user, password
        # Client programs log in to this host.
        for user, password in MORE_ACCOUNTS.items():
            yield self.HOSTS["SHA256"], user, password

    def write_files(self):
        """Writes what the server reads: accounts, configuration."""
        raise NotImplementedError

    def command(self):
        """How it is started in the foreground, and what is added to its environment."""
        raise NotImplementedError

    def is_ready(self):
        """Whether clients can log in. Asked again and again while it starts."""
        return all(map(accepts, self.ports()))

    def ports(self):
        """Where it listens."""
        return [self.starttls_port, self.tls_port, self.component_port]

    def start(self):
        self.pidfile.unlink(missing_ok=True)
        command, environment = self.command()
        with self.log.open("ab") as log:
            self.child = spawn(
                command, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.state,
            )
        self.deadline = time.monotonic() + 60

    def tend(self):
        """Tells when it is ready, and starts it again when a test has ended it."""
        if self.child.poll() is not None:
            if not self.pidfile.exists():
                raise Failure(f"{self.NAME} ended with status {self.child.returncode} as it started")
            if self.restarts == self.RESTARTS:
                raise Failure(f"{self.NAME} ended {self.RESTARTS} times")
            self.restarts += 1
            # Members of its group may outlive it, and hold what the next one needs.
            end(self.child)
            # Long enough down for a client to see a refused connection.
            time.sleep(0.5)
            self.start()
        elif not self.pidfile.exists():
            if self.is_ready():
                # The name appears with its content, because a test may be waiting for it.
                new = self.pidfile.with_suffix(".new")
                new.write_text(f"{self.child.pid}\n")
                new.rename(self.pidfile)
            elif time.monotonic() > self.deadline:
                raise Failure(f"{self.NAME} is not ready after 60 s")

    def wait_until_ready(self):
        while not self.pidfile.exists():
            self.tend()
            time.sleep(0.05)

    def environment(self):
        """What the tests are told."""
        values = {
            "SERVER": self.NAME,
            "ADDRESS": ADDRESS,
            "STARTTLS_PORT": self.starttls_port,
            "TLS_PORT": self.tls_port,
            "COMPONENT": self.COMPONENT,
            "COMPONENT_PORT": self.component_port,
            "COMPONENT_SECRET": COMPONENT_SECRET,
            "CA": self.authority.certificate,
            "OTHER_CA": self.stranger.certificate,
            "PIDFILE": self.pidfile,
            "LOG": self.log,
        }
        values |= {"HOSTS": " ".join(self.MECHANISMS)}
        values |= {f"HOST_{key}": host for key, host in self.HOSTS.items()}
        values |= {key: self.state / name for key, name in self.IDENTITIES.items()}
        values |= {f"OFFER_{key}": " ".join(offer) for key, offer in self.MECHANISMS.items()}
        interop = {f"XMPPWIRE_INTEROP_{name}": str(each) for name, each in (values | LOGINS).items()}
        # The client programs can be tried against it too.
        return interop | client_environment(
            port=self.starttls_port, tls_port=self.tls_port, domain=self.HOSTS["SHA256"],
            authority=self.authority, stranger=self.stranger, mechanisms=["SCRAM-SHA-256", "PLAIN"],
            component=self.COMPONENT, component_port=self.component_port,
        )


def run_beside_server(server_class):
    """The program of a wrapper around such a server: runs the command of its command line."""
    parser = argparse.ArgumentParser(
        description=f"Runs a command beside a server of its own: {server_class.NAME}."
    )
    parser.add_argument("--seconds", type=int, default=900, help="the longest COMMAND may take")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no COMMAND")

    with tempfile.TemporaryDirectory(prefix=f"xmppwire-{server_class.NAME}-") as directory:
        server = server_class(pathlib.Path(directory))
        try:
            server.wait_until_ready()
            status = run_beside(
                options.command, server.environment(), options.seconds, server.tend
            )
        except Failure as failure:
            raise Failure(f"{failure}\n--- {server.NAME}'s log\n{tail(server.log)}")
        finally:
            end(server.child)
        if status != 0:
            print(f"--- the end of {server.NAME}'s log\n{tail(server.log)}", flush=True)
        return status


def client_environment(
    port, tls_port, domain, authority, stranger, mechanisms, component, component_port
):
    """What a client or component needs to know of some server: README.md says what each is."""
    values = {
        "ADDRESS": ADDRESS,
        "PORT": port,
        "TLS_PORT": tls_port,
        "DOMAIN": domain,
        "CA": authority.certificate,
        "OTHER_CA": stranger.certificate,
        "MECHANISMS": " ".join(mechanisms),
        "COMPONENT": component,
        "COMPONENT_PORT": component_port,
        "COMPONENT_SECRET": COMPONENT_SECRET,
        "MORE_PASSWORD": MORE_PASSWORD,
    }
    return {f"XMPPWIRE_SERVER_{name}": str(each) for name, each in (values | LOGINS).items()}


def tail(path, lines=60):
    """The last lines of a log, for an error message."""
    path = pathlib.Path(path)
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def main(body):
    """Runs `body`, with signals turned into an orderly end and failures into one clear text."""
    def interrupted(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        sys.exit(body())
    except Failure as failure:
        print(f"{pathlib.Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(70)
