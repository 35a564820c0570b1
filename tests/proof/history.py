"""The store's own order of events: which claims there were, from when to when and leased until
when, as the store itself did it one after the other. SQLite writes it down by triggers in the
transactions that take, extend and end claims; of a Redis server it is what MONITOR tells of the
queue's leases. All times are the store's, in Unix seconds: that of a take is the one by which it
was decided, of a Redis server the begin of the script, for it may be interrupted in the middle."""
from __future__ import annotations

import re
import sqlite3
import threading
import time
from typing import Dict, Iterator, List, NamedTuple, Tuple

from stage import Store

NOW = "(julianday('now') - 2440587.5) * 86400.0"
TRIGGERS = f"""
CREATE TABLE proof(n INTEGER PRIMARY KEY, at REAL, what TEXT, id TEXT, until INTEGER);
CREATE TRIGGER proof_take AFTER INSERT ON active BEGIN
  INSERT INTO proof(at, what, id, until)
  VALUES(NEW.started_ms / 1000.0, 'take', NEW.id, NEW.lease_until); END;
CREATE TRIGGER proof_lease AFTER UPDATE OF lease_until ON active BEGIN
  INSERT INTO proof(at, what, id, until) VALUES({NOW}, 'lease', NEW.id, NEW.lease_until); END;
CREATE TRIGGER proof_end AFTER DELETE ON active BEGIN
  INSERT INTO proof(at, what, id, until) VALUES({NOW}, 'end', OLD.id, 0); END;
"""
# What the scripts add and remove for a moment, so that a set has the form that large ones have.
LONG = "-" * 65
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')


class Event(NamedTuple):
    at: float
    what: str           # take, lease (put off), end
    id: str
    until: float        # of the lease


class Claims:
    """Those of the queue q, from now on. There must be a task in the store, for the tables."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._events: List[Event] = []
        if store.kind == "sqlite":
            self._sql(TRIGGERS)
            return
        self._connection = store.topology.data[0].connect(timeout=600)
        self._connection("MONITOR")
        self._leases: Dict[str, float] = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _sql(self, script: str) -> None:
        db = sqlite3.connect(self.store.db, timeout=60)
        db.executescript(script)
        db.close()

    def _listen(self) -> None:
        begun = 0.0
        while True:
            line = self._connection._file.readline()
            if not line or b"proof: over" in line:
                return
            if b'] "EVAL' in line[:100]:
                begun = float(line[1:line.index(b" ")])
            elif b'"asynq:{q}:lease"' in line and b' lua] "Z' in line:
                self._note(begun, line)

    def _note(self, at: float, line: bytes) -> None:
        name, _, *words = [word.decode() for word in WORD.findall(line)]
        if name.upper() == "ZADD":
            for until, id in zip(words[0::2], words[1::2]):
                if id == LONG:
                    continue
                what = "lease" if id in self._leases else "take"
                self._leases[id] = float(until)
                self._events.append(Event(at, what, id, float(until)))
        elif name.upper() == "ZREM":
            for id in words:
                if self._leases.pop(id, None) is not None:
                    self._events.append(Event(at, "end", id, 0))

    def end(self) -> List[Event]:
        """All there were."""
        if self.store.kind == "sqlite":
            offset = time.time() - time.monotonic()
            db = sqlite3.connect(self.store.db, timeout=60)
            rows = db.execute("SELECT at, what, id, until FROM proof ORDER BY n").fetchall()
            db.close()
            return [Event(at, what, id, until / 1000 + offset) for at, what, id, until in rows]
        self.store.topology.data[0].call("ECHO", "proof: over")
        self._thread.join(600)
        return self._events


def running(events: List[Event]) -> Iterator[Tuple[Event, int]]:
    """After each event: how many claims there are with a lease that has not run out."""
    claims: Dict[str, float] = {}
    for event in events:
        if event.what == "end":
            claims.pop(event.id, None)
        else:
            claims[event.id] = event.until
        yield event, sum(until > event.at for until in claims.values())
