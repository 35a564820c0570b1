"""gofer web, live: what comes, who may see what, going on after a cut, slow readers, many."""
import json
import socket
import time

import pytest
from conftest import needs_redis, wait_for
from topology import Running
from webserver import PATIENCE, Web

pytestmark = pytest.mark.usefixtures("has_web")
STREAMS, EACH = 64, 4


class Stream:
    """One reader; next() gives messages as (event, id, data), without comments. It waits for each
    no longer than PATIENCE, whatever else comes meanwhile."""

    def __init__(self, web, token=None, last=None, cookie=None):
        self.socket = web.connect()
        self.got = b""          # as it came
        self.data = b""         # without the lengths of its chunks
        self.end_of_wait = time.monotonic() + PATIENCE
        head = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        head += f"Last-Event-ID: {last}\r\n" if last else ""
        head += f"Cookie: {cookie}\r\n" if cookie else ""
        self.socket.sendall(f"{head}\r\n".encode())
        lines = self.take_until(b"\r\n\r\n").decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in lines[1:])}

    def more(self):
        self.socket.settimeout(max(0.01, self.end_of_wait - time.monotonic()))
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.got += got

    def take_until(self, mark):
        while mark not in self.got:
            self.more()
        taken, _, self.got = self.got.partition(mark)
        return taken

    def chunk(self):
        """The next bytes; none: that was all, or the connection was closed."""
        try:
            size = int(self.take_until(b"\r\n"), 16)
            while len(self.got) < size + 2:
                self.more()
        except EOFError:
            return b""
        data, self.got = self.got[:size], self.got[size + 2:]
        return data

    def text(self):
        """The next message's lines; None: the stream has ended."""
        while b"\n\n" not in self.data:
            more = self.chunk()
            if not more:
                return None
            self.data += more
        text, _, self.data = self.data.partition(b"\n\n")
        return text.decode()

    def next(self, patience=PATIENCE):
        self.end_of_wait = time.monotonic() + patience
        while (text := self.text()) is not None:
            fields = dict(line.split(": ", 1) for line in text.splitlines()
                          if not line.startswith((":", "retry")))
            if fields:
                return fields.get("event"), fields.get("id"), json.loads(fields["data"])
        return None

    def until_event(self, name):
        while (message := self.next())[0] != name:
            pass
        return message

    def until(self, kind):
        """Messages up to the one that counts such an event; sums of all counts."""
        counts, last = {}, None
        while kind not in counts:
            event, last, data = self.next()
            if event == "listening":
                continue
            assert event is None, (event, data)
            for name, count in data["counts"].items():
                counts[name] = counts.get(name, 0) + count
        return counts, last

    def close(self):
        self.socket.close()


@pytest.fixture
def web(store):
    it = Web(store)
    yield it
    it.close()


@pytest.fixture
def stream(web):
    opened = []

    def open_(**how):
        opened.append(Stream(web, **how))
        return opened[-1]
    yield open_
    for it in opened:
        it.close()


def heard(store, reader):
    """The first message of a task, once this reader hears all that happens."""
    reader.until_event("listening")
    store.enqueue("warm", "x", "--queue", "warm")
    return reader.until_event(None)


def test_what_happens_is_heard(web, store, stream):
    reader = stream()
    assert reader.status == 200
    assert reader.headers["content-type"] == "text/event-stream"
    assert reader.headers["x-accel-buffering"] == "no"
    heard(store, reader)
    store.enqueue("mail", "secret", "--id", "a")
    store("worker", "--drain", "--exec", "mail=true", "--queue", "default")
    counts, last = reader.until("done")
    assert counts["enqueued"] >= 1 and counts["done"] == 1
    assert last


def test_events_are_whole(web, store, stream):
    reader = stream()
    heard(store, reader)
    store.enqueue("mail", "x", "--id", "a", "--queue", "q")
    while True:
        _, _, data = reader.next()
        found = [e for e in data["events"] if e["id"] == "a"]
        if found:
            break
    assert found[0]["event"] == "enqueued" and found[0]["queue"] == "q"
    assert found[0]["type"] == "mail" and data["at_ms"] > 0


def test_what_is_in_tasks_is_for_who_may_see_it(web, store, stream):
    see, payload = web.add_token("see", "see"), web.add_token("payload", "see,payload")
    readers = {name: stream(token=token) for name, token in
               (("see", see), ("payload", payload))}
    for reader in readers.values():
        heard(store, reader)
    store.enqueue("fails", "x", "--retry", "0")
    store("worker", "--drain", "--shell", "fails=echo secret >&2; exit 1")
    got = {}
    for name, reader in readers.items():
        got[name] = ""
        while "archived" not in got[name]:
            got[name] += json.dumps(reader.next()[2])
    assert "secret" in got["payload"]
    assert "secret" not in got["see"]
    assert stream().status == 401
    assert stream(token=web.add_token("metrics", "metrics")).status == 403


def test_a_stream_ends_with_the_right_to_it(gofer, web, stream):
    """A token that is taken away, and a logout, while the streams are open."""
    gone, stays = web.add_token("gone", "see"), web.add_token("stays", "see")
    cookies = [web.post("/login", {"token": stays}).headers["set-cookie"].split(";")[0]
               for _ in range(2)]
    ended = [stream(token=gone), stream(cookie=cookies[0])]
    open_ = [stream(token=stays), stream(cookie=cookies[1])]
    for reader in (*ended, *open_):
        heard(gofer, reader)
    gofer("web", "token", "rm", "gone", "--tokens", gofer.folder / "web-tokens")
    assert web.post("/logout", headers={"Cookie": cookies[0]}).status == 200
    time.sleep(1.1)     # so often the server looks
    gofer.enqueue("secret", "x")
    for reader in ended:
        while (message := reader.next()) is not None:
            assert "secret" not in json.dumps(message)
    for reader in open_:
        while "secret" not in json.dumps(reader.next()):
            pass


def test_who_was_cut_off_goes_on_where_he_was(web, store, stream):
    reader = stream()
    _, last, _ = heard(store, reader)
    reader.close()
    store.enqueue("mail", "x", "--id", "between")
    time.sleep(0.3)
    again = stream(last=last)
    seen = []
    while "between" not in seen:
        event, _, data = again.next()
        assert event in (None, "listening")
        seen += [e["id"] for e in data.get("events", ())]


@pytest.mark.parametrize("last", ["nonsense", "0-1", "ffffffffffffff-1", "-", "x" * 2000])
def test_who_is_not_known_looks_anew(web, store, stream, last):
    assert stream(last=last).next()[0] == "reset"


def test_a_flood_becomes_counts(web, store, stream):
    reader = stream()
    heard(store, reader)
    lines = "\n".join(json.dumps({"type": "t"}) for _ in range(3000))
    store("enqueue", "--batch", input=lines)
    total = 0
    while total < 3000:
        _, _, data = reader.next()
        total += data["counts"].get("enqueued", 0) + data.get("lost", 0)
        assert len(data["events"]) <= 50
    assert total >= 3000


def test_a_reader_that_does_not_read_holds_up_nobody(web, store, stream):
    slow, reader = stream(), stream()
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    heard(store, reader)
    for _ in range(5):
        lines = "\n".join(json.dumps({"type": "t" * 200}) for _ in range(500))
        store("enqueue", "--batch", input=lines)
        reader.until("enqueued")
    assert web("/healthz").status == 200


def test_there_is_room_for_so_many(web, stream):
    readers = [stream() for _ in range(20)]
    assert {reader.status for reader in readers} == {200}
    readers[0].close()
    assert stream().status == 200


def test_streams_of_many_come_from_a_trusted_proxy(gofer):
    web = Web(gofer, "--trusted-proxy", "127.0.0.1")
    readers = [Stream(web) for _ in range(STREAMS)]
    assert {reader.status for reader in readers} == {200}
    over = Stream(web)
    assert over.status == 503
    for reader in (*readers, over):
        reader.close()
    # A socket that has been closed is noticed when something is written to it.
    wait_for(lambda: gofer.enqueue("t", "x") and Stream(web).status == 200, "room")
    web.close()


def cookie_of(web, token):
    return web.post("/login", {"token": token}).headers["set-cookie"].partition(";")[0]


def test_each_token_and_each_session_has_four(web, stream):
    """And one that was closed makes room, as soon as it is noticed."""
    token = web.add_token("ann", "see")
    web.add_token("bob", "see")
    readers = [stream(token=token) for _ in range(EACH)]
    assert {reader.status for reader in readers} == {200}
    over = stream(token=token)
    assert over.status == 429
    assert stream(token=web.add_token("carl", "see")).status == 200
    for _ in range(2):
        cookie = cookie_of(web, token)
        statuses = [stream(cookie=cookie).status for _ in range(EACH + 1)]
        assert statuses == [200] * EACH + [429]
    readers[0].close()
    wait_for(lambda: stream(token=token).status == 200, "room")
    # Whatever cookie comes beside a token: it is the token's stream.
    assert stream(token=token, cookie="gofer=" + "x" * 43).status == 429


def test_who_hangs_up_leaves_his_place_at_once(gofer):
    """However many a page opens one after the other: of a token, of an address, in all."""
    web = Web(gofer)
    token = web.add_token("ann", "see")
    for _ in range(2 * STREAMS):
        reader = Stream(web, token=token)
        assert reader.status == 200
        reader.close()
    web.close()


def test_streams_end_with_the_server(gofer):
    web = Web(gofer)
    reader = Stream(web)
    start = time.monotonic()
    assert web.stop() == 0
    assert time.monotonic() - start < PATIENCE / 2
    assert reader.next() is None
    reader.close()
    web.close()


@needs_redis
def test_a_store_that_goes_away_and_comes_back(gofer):
    """The stream stays, and goes on when the store does."""
    with Running("single") as topology:
        gofer.env["GOFER_URL"] = topology.url
        web = Web(gofer)
        reader = Stream(web)
        heard(gofer, reader)
        topology.primaries()[0].restart(down=1)
        wait_for(lambda: gofer("ping", code=None).code == 0, "the store")
        reader.until_event("away")
        heard(gofer, reader)
        reader.close()
        web.close()
