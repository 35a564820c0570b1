#!/usr/bin/env python3
"""A mail server that keeps what it is sent: enough SMTP for smtplib, on the loopback only.

    smtp_sink.py FOLDER

Each mail becomes FOLDER/N.eml, written whole before it is acknowledged. The port, a free one, is
written to FOLDER/port. Ends on SIGTERM, or when the process that started it is gone.
"""

import os
import re
import signal
import socketserver
import sys
import threading
from pathlib import Path

LONGEST_LINE = 4096
LARGEST_MAIL = 1024 * 1024


class Session(socketserver.StreamRequestHandler):
    """One connection, from greeting to QUIT."""

    server: "Sink"
    timeout = 30

    def say(self, reply: str) -> None:
        self.wfile.write(reply.encode("ascii") + b"\r\n")

    def handle(self) -> None:
        self.sender, self.recipients = None, []
        self.say("220 localhost sink ready")
        while line := self.rfile.readline(LONGEST_LINE):
            text = line.decode("utf-8", "replace").strip()
            if text.upper() == "QUIT":
                self.say("221 bye")
                return
            self.command(text)

    def command(self, text: str) -> None:
        verb = text.upper()
        if verb.startswith(("EHLO", "HELO")):
            self.say("250 localhost")
        elif match := re.match(r"MAIL FROM:\s*<(.*?)>", text, re.I):
            self.sender, self.recipients = match.group(1), []
            self.say("250 ok")
        elif match := re.match(r"RCPT TO:\s*<(.+?)>", text, re.I):
            self.recipients.append(match.group(1))
            self.say("250 ok")
        elif verb == "DATA" and self.sender is not None and self.recipients:
            self.data()
        elif verb == "RSET":
            self.sender, self.recipients = None, []
            self.say("250 ok")
        elif verb == "NOOP":
            self.say("250 ok")
        else:
            self.say("503 not now" if verb == "DATA" else "500 not understood")

    def data(self) -> None:
        self.say("354 end with a dot")
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline(LONGEST_LINE)) not in (b".\r\n", b".\n"):
            if not line:
                return  # the connection broke: no mail
            size += len(line)
            if size <= LARGEST_MAIL:
                lines.append(line[1:] if line.startswith(b".") else line)
        if size > LARGEST_MAIL:
            self.say("552 too big")
            return
        number = self.server.keep(b"".join(lines))
        self.say(f"250 kept as {number}.eml")


class Sink(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.folder, self.count, self.lock = folder, 0, threading.Lock()
        self.parent = os.getppid()

    def keep(self, mail: bytes) -> int:
        with self.lock:
            self.count += 1
            unfinished = self.folder / "unfinished"
            unfinished.write_bytes(mail)
            unfinished.rename(self.folder / f"{self.count}.eml")
            return self.count

    def service_actions(self) -> None:  # twice a second
        if os.getppid() != self.parent:
            os._exit(0)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with Sink(folder) as sink:
        unfinished = folder / "port.new"
        unfinished.write_text(f"{sink.server_address[1]}\n")
        unfinished.rename(folder / "port")
        sink.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
