"""child_peer - the worker's side of the child protocol, as a test needs it: one child, its frames.

Written after docs/children.md and not after the child's own code, so that both sides cannot share a
mistake.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0


@dataclass
class End:
    """An `e` frame."""

    outcome: int
    text: str
    result: bytes
    delay_ms: int

    def json(self) -> Any:
        return json.loads(self.result)


class Peer:
    """A child and the frames that it has sent so far: `began`, `ends`, `others`."""

    def __init__(
        self, folder: Path, source: str, *options: str, python: tuple[str, ...] = (),
        wait: bool = True, app: str = "shop:app", **variables: str,
    ) -> None:  # fmt: skip
        (folder / "shop.py").write_text(source, "utf-8")
        here, there = socket.socketpair()
        self.socket = here
        self.errors = folder / "child.err"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-u", *python, "-m", "gofer.child", app, *options],
                cwd=folder, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, start_new_session=True,
                env={**os.environ, "GOFER_CHILD_FD": str(there.fileno()), **variables},
            )  # fmt: skip
        there.close()
        self._rest = b""
        self.hello: dict[str, list[str]] = {}
        self.want = 0
        self.began: list[int] = []
        self.ends: dict[int, End] = {}
        self.others: list[tuple[str, int, Any]] = []
        self.order: list[tuple[str, int]] = []
        self._next = 0
        if wait:
            self.until(lambda: bool(self.hello))

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    # ---- to the child -------------------------------------------------------------

    def send(self, kind: str, body: bytes = b"") -> None:
        self.socket.sendall(struct.pack(">I", 1 + len(body)) + kind.encode() + body)

    def task_frame(
        self, type: str, arguments: Any = None, *, attempt: int = 1, max_retry: int = 25,
        timeout_ms: int = 0, headers: bytes = b"", checkpoint: bytes | None = None,
        deadline_ms: int = 0,
    ) -> bytes:  # fmt: skip
        self._next += 1
        payload = (
            arguments if isinstance(arguments, bytes) else json.dumps(arguments or {}).encode()
        )
        names = [f"id-{self._next}".encode(), type.encode(), b"default"]
        kept = checkpoint or b""
        body = struct.pack(
            ">IIIqqBBBBII", self._next, attempt, max_retry, timeout_ms, deadline_ms,
            checkpoint is not None, *map(len, names), len(headers), len(kept),
        )  # fmt: skip
        body += b"".join(names) + headers + kept + payload
        return struct.pack(">I", 1 + len(body)) + b"T" + body

    def give(self, type: str, arguments: Any = None, **more: Any) -> int:
        """A task; its ref."""
        self.socket.sendall(self.task_frame(type, arguments, **more))
        return self._next

    def give_many(self, type: str, each: list[Any]) -> list[int]:
        """All in one write."""
        first = self._next + 1
        self.socket.sendall(b"".join(self.task_frame(type, arguments) for arguments in each))
        return list(range(first, self._next + 1))

    def give_group(
        self, group: str, payloads: list[Any], *, more: bool = False, ref: int = 0
    ) -> int:
        """Tasks of a group, of the type "part"; more: others of the same ref follow."""
        if not ref:
            self._next += 1
            ref = self._next
        body = struct.pack(">IBqIBB", ref, more, 60000, len(payloads), len(group), 1)
        body += group.encode() + b"q"
        for number, each in enumerate(payloads):
            payload, id = json.dumps(each).encode(), f"p{number}".encode()
            body += struct.pack(">BBII", len(id), 4, 4, len(payload)) + id + b"partk\0v\0" + payload
        self.send("G", body)
        return ref

    def cancel(self, ref: int, why: int) -> None:
        self.send("C", struct.pack(">IB", ref, why))

    # ---- from the child -------------------------------------------------------------

    def read(self, timeout_s: float) -> bool:
        """Take in what comes within this time; False: the child has closed."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return True
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:  # it died with unread frames
            return False
        if not data:
            return False
        self._rest += data
        at = 0
        while len(self._rest) - at >= 5:
            (size,) = struct.unpack_from(">I", self._rest, at)
            if len(self._rest) - at < 4 + size:
                break
            self._heed(chr(self._rest[at + 4]), self._rest[at + 5 : at + 4 + size])
            at += 4 + size
        self._rest = self._rest[at:]
        return True

    def _heed(self, kind: str, body: bytes) -> None:
        if kind == "h":
            assert not self.hello, "a second hello"
            for line in body.decode().splitlines():
                word, _, value = line.partition(" ")
                self.hello.setdefault(word, []).append(value)
            self.want = int(self.hello["want"][0])
            return
        if kind == "w":
            (self.want,) = struct.unpack(">I", body)
            return
        (ref,) = struct.unpack_from(">I", body)
        self.order.append((kind, ref))
        if kind in "pcl" and ref:
            assert ref in self.began and ref not in self.ends, f"{kind} of a task that does not run"
        if kind == "b":
            assert len(body) == 4 and ref not in self.began and ref not in self.ends
            self.began.append(ref)
        elif kind == "e":
            outcome, delay_ms, size = struct.unpack_from(">BqI", body, 4)
            assert ref not in self.ends and (ref in self.began or outcome == 4)
            self.ends[ref] = End(
                outcome, body[17 : 17 + size].decode(), body[17 + size :], delay_ms
            )
        elif kind == "p":
            self.others.append(
                ("p", ref, (*struct.unpack_from(">qq", body, 4), body[20:].decode()))
            )
        elif kind == "c":
            self.others.append(("c", ref, body[4:]))
        elif kind == "l":
            self.others.append(("l", ref, (body[4], body[5:].decode())))
        else:
            raise AssertionError(f"a frame of kind {kind!r}")

    def until(self, true: Any) -> None:
        """Read until this is so."""
        limit = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < limit, f"not in time; the child said: {self.said()}"
            assert self.read(0.2), f"the child has closed: {self.said()}"

    def end(self, ref: int) -> End:
        self.until(lambda: ref in self.ends)
        return self.ends[ref]

    def run(self, type: str, arguments: Any = None, **more: Any) -> End:
        return self.end(self.give(type, arguments, **more))

    def gone(self) -> int:
        """Wait until it has ended; its exit code, or minus the signal."""
        limit = time.monotonic() + PATIENCE_S
        while self.read(0.2):
            assert time.monotonic() < limit, "the child goes on"
        return self.process.wait(PATIENCE_S)

    def close(self) -> int:
        """What a worker does last; the child's exit code."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.gone()

    def said(self) -> str:
        return self.errors.read_text("utf-8", "replace")
