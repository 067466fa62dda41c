"""What the wrappers around a server under test share: certificates, ports, children with an end.

Standard library only; OpenSSL's command line makes the certificates.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ADDRESS = "127.0.0.1"

# Characters that XML, base64, SASLprep or SCRAM's own syntax could trip over.
USER, PASSWORD = "juliet", "pässwörd, <&> = 'ok'"
OTHER_USER, OTHER_PASSWORD = "romeo", "r0m30"
ODD_USER, ODD_PASSWORD = "o,neil=jr", "comma, equals="
ACCOUNTS = {USER: PASSWORD, OTHER_USER: OTHER_PASSWORD, ODD_USER: ODD_PASSWORD}


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

    def issue(self, directory, host):
        """Makes HOST.crt and HOST.key in `directory`, for that one DNS name."""
        certificate, key = directory / f"{host}.crt", directory / f"{host}.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", "2",
            "-CA", self.certificate, "-CAkey", self._key, "-subj", f"/CN={host}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "keyUsage=critical,digitalSignature",
            "-addext", "extendedKeyUsage=serverAuth",
            "-addext", f"subjectAltName=DNS:{host}",
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


def wait_for_port(port, child, seconds):
    """Waits until something accepts on `port`; fails when `child` ends first."""
    deadline = time.monotonic() + seconds
    while True:
        if child.poll() is not None:
            raise Failure(f"the server ended with status {child.returncode} instead of listening")
        try:
            socket.create_connection((ADDRESS, port), 1).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise Failure(f"nothing listens on port {port} after {seconds} s: {error}")
            time.sleep(0.05)


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


def server_environment(port, domain, authority, stranger, mechanisms):
    """What a client program needs to log in to some server: README.md says what each is."""
    values = {
        "ADDRESS": ADDRESS,
        "PORT": port,
        "DOMAIN": domain,
        "CA": authority.certificate,
        "OTHER_CA": stranger.certificate,
        "MECHANISMS": " ".join(mechanisms),
        "USER": USER,
        "PASSWORD": PASSWORD,
        "OTHER_USER": OTHER_USER,
        "OTHER_PASSWORD": OTHER_PASSWORD,
        "ODD_USER": ODD_USER,
        "ODD_PASSWORD": ODD_PASSWORD,
    }
    return {f"XMPPWIRE_SERVER_{name}": str(value) for name, value in values.items()}


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
