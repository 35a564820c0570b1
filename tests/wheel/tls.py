"""tls.py - a TLS server on loopback, and the command as its client: refused while no system's list
of CA certificates knows it, spoken to once Fedora's does. Its certificate is beside this file."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
FEDORA = Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")

heard = []


def serve(listening: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / "cert.pem", HERE / "key.pem")
    while True:
        try:
            with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
                heard.append(connection.recv(4096))
        except OSError:
            pass


def ping(port: int) -> str:
    command = ["gofer", "ping", "--url", f"rediss://localhost:{port}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


listening = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listening,), daemon=True).start()
port = listening.getsockname()[1]
for place in ("/etc/ssl", "/usr/lib/ssl", "/etc/pki"):
    shutil.rmtree(place, ignore_errors=True)
refused = ping(port)
assert "certificate" in refused and not any(heard), (refused, heard)
FEDORA.parent.mkdir(parents=True)
shutil.copyfile(HERE / "cert.pem", FEDORA)
trusted = ping(port)
assert "certificate" not in trusted and any(heard), (trusted, heard)
