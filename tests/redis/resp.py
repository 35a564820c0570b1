"""A connection to a Redis server, as small as tests need: commands, replies, nothing clever."""
from __future__ import annotations

import socket
import ssl
from typing import Any, List, Optional, Union

Word = Union[bytes, str, int, float]


class ReplyError(Exception):
    """The server answered with an error; str() is its text."""


class Connection:
    """One connection, signed on. Raises OSError when it breaks, ReplyError for error replies."""

    def __init__(self, address: Union[str, "tuple[str, int]"], *, user: Optional[str] = None,
                 password: Optional[str] = None, tls: Optional[ssl.SSLContext] = None,
                 timeout: float = 10) -> None:
        if isinstance(address, str):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(timeout)
            self._socket.connect(address)
        else:
            self._socket = socket.create_connection(address, timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
        self._file = self._socket.makefile("rb")
        if password is not None:
            self("AUTH", *([user] if user else []), password)

    def __call__(self, *words: Word) -> Any:
        """Send one command and wait for its reply: bytes, int, list or None."""
        self.send(*words)
        return self.reply()

    def send(self, *words: Word) -> None:
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self._socket.sendall(b"".join(parts))

    def reply(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise ReplyError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._file.read(size + 2)[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else self._items(count)
        raise ConnectionError(f"not a reply: {line!r}")

    def _items(self, count: int) -> List[Any]:
        items: List[Any] = []
        for _ in range(count):
            try:
                items.append(self.reply())
            except ReplyError as error:  # of one command in a transaction
                items.append(error)
        return items

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
