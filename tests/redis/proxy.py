"""A TCP proxy on loopback that misbehaves when told to: swallows replies, cuts connections, delays,
answers for the server, shows another clock. Its threads end with the process."""
from __future__ import annotations

import re
import socket
import threading
import time
from typing import List, Optional, Tuple

from process import free_port

TIME = re.compile(rb"\*2\r\n\$10\r\n(\d{10})\r\n")

PASS, SWALLOW, CUT, DELAY, SAY = "pass", "swallow", "cut", "delay", "say"


class Proxy:
    """Forwards to a server. `mode` may be changed at any time and concerns what the server answers:

    SWALLOW: replies get lost, the connection stays; CUT: a reply ends the connection instead;
    DELAY: `delay_s` later; SAY: the server is not asked, every command is answered with `words`.
    In all modes the answer to TIME is `ahead_s` seconds ahead; the clock that scripts see is not.
    """

    def __init__(self, target: Tuple[str, int]) -> None:
        self.target = target
        self.mode = PASS
        self.delay_s = 0.0
        self.ahead_s = 0
        self.words = b""
        self.swallowed = 0
        self._open: List[socket.socket] = []
        self._lock = threading.Lock()
        self.port = free_port()
        self._listener: Optional[socket.socket] = None
        self.listen()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def listen(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """No new connections, and the old ones end."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        with self._lock:
            sockets, self._open = self._open, []
        for one in sockets:
            _hang_up(one)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                if self._listener is not listener:
                    return
                client.close()      # the server does not listen
                continue
            with self._lock:
                self._open += [client, server]
            for run in (self._up, self._down):
                threading.Thread(target=run, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        """Commands."""
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    break
                if self.mode == SAY:
                    # Every command begins with "*<count>", at the start or after a line.
                    client.sendall(self.words * (b"\n" + data).count(b"\n*"))
                else:
                    server.sendall(data)
        except OSError:
            pass
        _hang_up(client)
        _hang_up(server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        """Replies."""
        try:
            while True:
                data = server.recv(65536)
                if not data or self.mode == CUT:
                    break
                if self.mode == SWALLOW:
                    self.swallowed += 1
                    continue
                if self.mode == DELAY:
                    time.sleep(self.delay_s)
                client.sendall(self._moved(data) if self.ahead_s else data)
        except OSError:
            pass
        _hang_up(client)
        _hang_up(server)

    def _moved(self, data: bytes) -> bytes:
        """The answer to TIME, which comes in one piece: it is small and asked for by itself."""
        return TIME.sub(
            lambda found: b"*2\r\n$10\r\n%d\r\n" % (int(found.group(1)) + self.ahead_s), data
        )


def _hang_up(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
