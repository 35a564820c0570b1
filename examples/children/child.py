"""child.py - the child side of gofer's child protocol (docs/children.md), plain Python.

    gofer worker --child '=python3 child.py'

One task at a time: whoever wants several at once gives more processes, or runs each in a thread.
"""
import json
import os
import signal
import socket
import struct
import traceback

DONE, RETRY, SKIP_RETRY, REVOKE, REQUEUE, SNOOZE = range(6)
TASK = struct.Struct(">IIIqqBBBBII")  # what a task's frame begins with


class Outcome(Exception):
    """Raised by a handler that does not simply succeed or fail."""

    def __init__(self, outcome, text="", delay_ms=-1):
        super().__init__(text)
        self.outcome, self.text, self.delay_ms = outcome, text, delay_ms


class Task:
    def __init__(self, child, body):
        (self.ref, self.attempt, self.max_retry, self.timeout_ms, self.deadline_ms, has_checkpoint,
         id_size, type_size, queue_size, headers_size, checkpoint_size) = TASK.unpack_from(body)
        parts, at = [], TASK.size
        for size in (id_size, type_size, queue_size, headers_size, checkpoint_size, len(body)):
            parts.append(body[at:at + size])
            at += size
        self.id, self.type, self.queue = (part.decode() for part in parts[:3])
        words = parts[3].decode().split("\0")
        self.headers = dict(zip(words[::2], words[1::2]))
        self.checkpoint = parts[4] if has_checkpoint else None
        self.payload = parts[5]
        self.child = child

    def progress(self, done, total=0, text=""):
        body = struct.pack(">Iqq", self.ref, done, total) + text.encode()
        self.child.send(b"p", body, at_once=True)

    def log(self, text, level=1):
        self.child.send(b"l", struct.pack(">IB", self.ref, level) + text.encode(), at_once=True)

    def keep(self, checkpoint):
        """Bytes for the next start of this task."""
        self.child.send(b"c", struct.pack(">I", self.ref) + checkpoint, at_once=True)


class Child:
    def __init__(self, handlers):
        self.handlers = handlers
        self.socket = socket.socket(fileno=int(os.environ["GOFER_CHILD_FD"]))
        self.bytes, self.waiting, self.answer = b"", [], b""

    def send(self, kind, body, at_once=False):
        self.answer += struct.pack(">I", 1 + len(body)) + kind + body
        if at_once:
            self.flush()

    def flush(self):
        answer, self.answer = self.answer, b""
        if answer:
            self.socket.sendall(answer)

    def end(self, ref, outcome, text=b"", result=b"", delay_ms=-1):
        self.send(b"e", struct.pack(">IBqI", ref, outcome, delay_ms, len(text)) + text + result)

    def read(self, wait):
        """Take in all frames that are there; False at the end."""
        try:
            more = self.socket.recv(1 << 18, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        if not more:
            return False
        self.bytes += more
        at = 0
        while (room := len(self.bytes) - at) >= 5:
            size = int.from_bytes(self.bytes[at:at + 4], "big")
            if room < 4 + size:
                break
            self.heed(self.bytes[at + 4:at + 5], self.bytes[at + 5:at + 4 + size])
            at += 4 + size
        self.bytes = self.bytes[at:]
        return True

    def heed(self, kind, body):
        if kind == b"T":
            self.waiting.append(Task(self, body))
        elif kind == b"C":  # one that waits is not run; the one that runs is cancelled by TERM
            ref = int.from_bytes(body[:4], "big")
            self.give_back([task for task in self.waiting if task.ref == ref])
        elif kind in b"RS":
            self.give_back(list(self.waiting))

    def give_back(self, tasks):
        for task in tasks:
            self.waiting.remove(task)
            self.end(task.ref, REQUEUE)

    def run(self, task):
        """The answer to the task before goes out with this one's begin: that tells which ran."""
        self.send(b"b", struct.pack(">I", task.ref))
        self.flush()
        try:
            handler = next(self.handlers[p] for p in sorted(self.handlers, key=len, reverse=True)
                           if task.type == p or p.endswith("*") and task.type.startswith(p[:-1]))
            result = handler(task)
            self.end(task.ref, DONE, result=b"" if result is None else json.dumps(result).encode())
        except Outcome as o:
            self.end(task.ref, o.outcome, o.text.encode(), delay_ms=o.delay_ms)
        except Exception as e:
            text = f"{type(e).__name__}: {e}\n{traceback.format_exc(limit=-5)}"
            self.end(task.ref, RETRY, text.encode("utf-8", "replace"))

    def serve(self, name="python"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker says when it is time
        types = "".join(f"type {pattern}\n" for pattern in self.handlers)
        self.send(b"h", f"protocol 1\nname {name}\nwant 1\n{types}".encode())
        self.flush()
        while self.read(wait=not self.waiting):
            if self.waiting:
                self.run(self.waiting.pop(0))
            if not self.waiting:
                self.flush()


def add(task):
    return sum(json.loads(task.payload))


def count(task):
    """Goes on where an earlier start has stopped."""
    start = int(task.checkpoint or 0)
    for page in range(start, 5):
        task.progress(page + 1, 5, f"page {page + 1}")
        task.keep(str(page + 1).encode())
        if page == 2 and start == 0:
            raise Outcome(RETRY, "the third page is not there yet", delay_ms=0)
    task.log("all pages are in")
    return {"from": start}


if __name__ == "__main__":
    Child({"math:add": add, "pages": count}).serve("child.py")
