"""Child processes that end with the test that started them, however it ends; and free ports."""
from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from typing import Any, Callable, List, Optional, Tuple, TypeVar

PATIENCE = 60.0  # seconds; waited for in full only when something is broken
PR_SET_PDEATHSIG = 1

T = TypeVar("T")


class Broken(Exception):
    """The test cannot go on; str() says why."""


def wait_for(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Poll until the condition is true, and return its value. OSError counts as not yet."""
    end = time.monotonic() + patience
    reason = ""
    while True:
        try:
            value = condition()
            if value:
                return value
        except OSError as error:
            reason = f" ({error})"
        if time.monotonic() > end:
            raise Broken(f"waited {patience:g} s for {what}{reason}")
        time.sleep(0.02)


def _die_with_parent(parent: int, sig: int) -> Callable[[], None]:
    """To run in the child. Linux only; elsewhere a killed test leaves its children behind."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return lambda: None

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, sig)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def start(
    command: List[str], *, death: int = signal.SIGKILL, **how: Any
) -> "subprocess.Popen[bytes]":
    """Start a process that gets `death` when this one ends. Only from the main thread: the kernel
    takes the end of the thread that started it for the end of the parent."""
    return subprocess.Popen(command, preexec_fn=_die_with_parent(os.getpid(), death), **how)


# Ports. Below what the kernel gives to outgoing connections; with room for a Cluster's bus, which
# is 10,000 above. A name in the abstract namespace keeps two tests from choosing the same.
_taken: List[socket.socket] = []


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port that nobody uses, ours until this process ends."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(10500, 22000)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0gofer-test-port-{port}")
        except OSError:
            lock.close()
            continue
        _taken.append(lock)
        if _free(port) and _free(port + 10000):
            return port
    raise Broken("no free port on 127.0.0.1")


def run_openssl(folder: str, *words: str) -> None:
    done = subprocess.run(
        ["openssl", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode != 0:
        raise Broken(f"openssl {words[0]} failed: {done.stderr.decode('utf-8', 'replace')}")


def make_certificates(folder: str) -> Tuple[str, str, str]:
    """A CA and a certificate of it for localhost and 127.0.0.1, good for servers and clients: the
    paths of the CA's certificate, the certificate, and its key."""
    extensions = os.path.join(folder, "extensions")
    with open(extensions, "w") as file:
        file.write(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
            "authorityKeyIdentifier=keyid\n"
        )
    run_openssl(
        folder,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
        "-subj",
        "/CN=gofer test CA",
        # Python 3.13 takes no CA without.
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    run_openssl(
        folder,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        "/CN=localhost",
    )
    run_openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "server.crt", "-days", "2", "-extfile", "extensions")
    ca, cert, key = (os.path.join(folder, name) for name in ("ca.crt", "server.crt", "server.key"))
    return ca, cert, key


def end(process: Optional["subprocess.Popen[bytes]"], sig: int = signal.SIGKILL) -> None:
    """Stop a process we started, also one that is stopped by SIGSTOP, and wait for it."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(sig)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
