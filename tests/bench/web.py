"""web.py --redis URL [--quick] [--rounds N] [--build FOLDER] [PART...] - see web.sh.

streams   a drain with 64 streams open beside one without: pairs, one after the other, in turn
pages     the overview with many queues, and pages of a long queue, by both stores; memory
scrape    /metrics of many queues
many      the same, and a page of queues, with 100,000 of them
page      what an open page that nobody touches costs Redis, with few, many and very many queues
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120      # seconds that an answer may take, so that nothing waits for ever
STREAMS = 64
FEW_QUEUES = 10
SIZES = {           # of a whole run, and of a quick one
    "drained": (300_000, 2_000), "pace": (25_000, 2_000), "paced_s": (8, 1),
    "queues": (1_000, 40), "tasks": (1_000_000, 3_000),
    "asked": (20, 3), "watched_s": (60, 3), "settled_s": (100, 3), "very_many": (100_000, 2_000),
}


class Run:
    def __init__(self, args, folder):
        self.gofer = args.build / "gofer"
        self.bench = args.build / "bench" / "bench"
        self.redis, self.folder, self.rounds = args.redis, folder, args.rounds
        self.sizes = {name: size[args.quick] for name, size in SIZES.items()}

    def store(self, kind, name):
        """The URL of an empty store."""
        if kind == "redis":
            command(self.redis, "FLUSHALL", "SYNC")
            return self.redis
        return f"sqlite:{self.folder / name}.db"

    def call(self, url, *words, text=None):
        subprocess.run([self.gofer, "-u", url, *words], input=text, text=True, check=True,
                       stdout=subprocess.DEVNULL)


def show(what, measured, unit, aim, wanted):
    """One line: what was measured, what is aimed at, and how the two relate."""
    print(f"{what:<58} {measured:>9.1f} {unit:<4} {aim} {wanted:g} {unit:<4} "
          f"({measured / wanted:.2f} of it)", flush=True)


# ---- the server, and Redis ----------------------------------------------------------------------


@contextlib.contextmanager
def web(run, url, *options):
    process = subprocess.Popen(
        [run.gofer, "-u", url, "web", "--listen", "127.0.0.1:0", "--tokens",
         run.folder / "no-tokens", "--anonymous", "see,payload,metrics", *options],
        stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        if not address:
            sys.exit("web.py: gofer web did not start")
        yield Server(process.pid, urllib.parse.urlsplit(address).netloc)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


class Server:
    def __init__(self, pid, netloc):
        self.pid, self.netloc = pid, netloc

    def get(self, path):
        """The answer's text, and the milliseconds that it took."""
        connection = http.client.HTTPConnection(self.netloc, timeout=PATIENCE)
        begun = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        took = (time.perf_counter() - begun) * 1000
        connection.close()
        if response.status != 200:
            sys.exit(f"web.py: {path} was answered with {response.status}: {text[:200]}")
        return text, took

    def memory_mib(self):
        """The most that it has been."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0


def command(url, *words):
    """One command of Redis; its answer's first line, or its bulk string."""
    at = urllib.parse.urlsplit(url)
    with socket.create_connection((at.hostname, at.port), PATIENCE) as s, s.makefile("rb") as f:
        s.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
        line = f.readline().decode().strip()
        return f.read(int(line[1:])).decode() if line.startswith("$") else line


class Spent:
    """What a Redis has done: commands, those in scripts too, their microseconds, bytes sent."""

    def __init__(self, url):
        self.at = time.monotonic()
        fields = dict(line.split(":", 1) for section in ("stats", "cpu")
                      for line in command(url, "INFO", section).splitlines() if ":" in line)
        self.commands = int(fields["total_commands_processed"])
        self.bytes = int(fields["total_net_output_bytes"])
        self.cpu_s = float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])

    def since(self, before):
        """Commands a second, permille of a core, KiB a second."""
        took = self.at - before.at
        return ((self.commands - before.commands - 2) / took,
                1000 * (self.cpu_s - before.cpu_s) / took,
                (self.bytes - before.bytes) / 1024 / took)


def info(url, section, field):
    for line in command(url, "INFO", section).splitlines():
        if line.startswith(field + ":"):
            return line.split(":")[1]
    sys.exit(f"web.py: INFO has no {field}")


# ---- streams ------------------------------------------------------------------------------------


class Readers:
    """Streams that are read as fast as they come, by one thread."""

    def __init__(self, server, count):
        self.sockets, self.over, self.first = [], threading.Event(), bytearray()
        self.selector = selectors.DefaultSelector()
        host, port = server.netloc.rsplit(":", 1)
        for _ in range(count):
            s = socket.create_connection((host, int(port)), PATIENCE)
            s.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {server.netloc}\r\n\r\n".encode())
            head = s.recv(4096)
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(f"web.py: a stream was refused: {head[:200]!r}")
            self.sockets.append(s)
            self.selector.register(s, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.drain)
        self.thread.start()

    def drain(self):
        while not self.over.is_set():
            for key, _ in self.selector.select(0.1):
                got = key.fileobj.recv(1 << 16)
                if key.fileobj is self.sockets[0]:
                    self.first += got
                if not got:
                    self.selector.unregister(key.fileobj)

    def events(self):
        """How many the first of them was told of."""
        said = (line[6:] for line in self.first.split(b"\n") if line.startswith(b"data: {"))
        return sum(sum(json.loads(message).get("counts", {}).values()) for message in said)

    def await_all(self):
        """Until all is heard that happens."""
        waited = time.monotonic() + PATIENCE
        while self.sockets and b"event: listening" not in self.first:
            if time.monotonic() > waited:
                sys.exit("web.py: the streams do not listen")
            time.sleep(0.05)

    def close(self):
        self.over.set()
        self.thread.join()
        for s in self.sockets:
            s.close()


class Burnt:
    """CPU seconds of the server, of the store, and of who reads."""

    def __init__(self, run, kind, server):
        self.server = server.pid
        self.store = int(info(run.redis, "server", "process_id")) if kind == "redis" else None
        self.begun = self.now()

    def now(self):
        own = os.times()
        return [cpu_seconds(self.server), cpu_seconds(self.store) if self.store else 0.0,
                own.user + own.system]

    def since(self):
        return [now - before for now, before in zip(self.now(), self.begun)]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Drained:
    """Of one drain: tasks and events a second, and CPU for a task in microseconds: of the worker,
    the server, the store and who reads."""

    def __init__(self, said, events, burnt, count):
        figures = dict(line.split() for line in said.splitlines())
        self.rate = float(figures["drain"])
        self.events = events * self.rate / count
        self.cpu = [float(figures["drain_worker_cpu_us"])] + [each * 1e6 / count for each in burnt]


def drain(run, kind, name, streams, pace):
    """The tasks are there already, and the server is there either way. pace: tasks a second; 0: as
    fast as it goes."""
    count = pace * run.sizes["paced_s"] or run.sizes["drained"]
    url = run.store(kind, name)
    subprocess.run([run.bench, "backlog", url, str(count)], check=True)
    # Of an address that is no proxy's, fewer connections are taken.
    with web(run, url, "--trusted-proxy", "127.0.0.1") as server:
        readers = Readers(server, streams)
        try:
            readers.await_all()
            burnt = Burnt(run, kind, server)
            said = subprocess.run([run.bench, "drain", url, str(count), "drain", "there"],
                                  check=True, capture_output=True, text=True,
                                  env=os.environ | {"BENCH_RATE": str(pace)}).stdout
            time.sleep(0.5)             # the last messages come
            used = burnt.since()
        finally:
            readers.close()
    drained = Drained(said, readers.events() if streams else 0, used, count)
    if streams and not drained.events:
        sys.exit("web.py: the streams told nothing")
    return drained


def compare(run, kind, pace):
    """Pairs of drains, without streams and with them."""
    pairs = []
    for n in range(run.rounds):
        # The order changes, for the second may find a machine that the first has warmed.
        pairs.append({streams: drain(run, kind, f"drain{pace}-{n}-{streams}", streams, pace)
                      for streams in ((0, STREAMS), (STREAMS, 0))[n % 2]})
    return pairs


def median(pairs, figure):
    return statistics.median(figure(pair[0], pair[STREAMS]) for pair in pairs)


def measure_streams(run):
    for kind in ("sqlite", "redis"):
        for pace in (0, run.sizes["pace"]):
            pairs = compare(run, kind, pace)
            how = f"{kind}, {pace} tasks/s" if pace else f"{kind}, full speed"
            print(f"{how}: {median(pairs, lambda alone, beside: beside.events):.0f} events/s to "
                  f"{STREAMS} streams")
            for i, who in enumerate(("worker", "server", "store", "readers")):
                print(f"{how}: CPU of the {who} for a task: "
                      f"{median(pairs, lambda alone, beside: alone.cpu[i]):.2f} us alone, "
                      f"{median(pairs, lambda alone, beside: beside.cpu[i]):.2f} beside streams")
            show(f"{how}: CPU of worker and store for a task is more by", 100 * median(
                pairs, lambda alone, beside: (beside.cpu[0] + beside.cpu[2]) /
                (alone.cpu[0] + alone.cpu[2]) - 1), "%", "<", 3)
            show(f"{how}: a drain beside them is slower by", 100 * median(
                pairs, lambda alone, beside: alone.rate / beside.rate - 1), "%", "<", 3)


# ---- pages --------------------------------------------------------------------------------------


def fill_queues(run, url, count):
    lines = (json.dumps({"type": "t", "payload": "x", "queue": f"queue-{n:04}"})
             for n in range(count))
    run.call(url, "enqueue", "--batch", "--quiet", text="\n".join(lines))


def slowest(server, run, path):
    return max(server.get(path)[1] for _ in range(run.sizes["asked"]))


def walk(server, run):
    """The slowest of pages in a row, from the first, and then by number, far in."""
    worst, cursor = 0.0, ""
    for _ in range(run.sizes["asked"]):
        query = f"queue=long&state=scheduled&limit=100{cursor}"
        text, took = server.get(f"/api/v1/tasks?{query}")
        worst, cursor = max(worst, took), "&cursor=" + urllib.parse.quote(
            json.loads(text).get("next_cursor", ""))
    return worst


def measure_pages(run):
    for kind in ("sqlite", "redis"):
        url = run.store(kind, "pages")
        fill_queues(run, url, run.sizes["queues"])
        run.call(url, "enqueue", "t", "x", "--queue", "long", "--in", "1d", "--quiet", "--count",
                 str(run.sizes["tasks"]))
        with web(run, url) as server:
            show(f"{kind}: the overview with {run.sizes['queues']} queues",
                 slowest(server, run, "/api/v1/overview"), "ms", "<", 300)
            show(f"{kind}: a page of a queue of {run.sizes['tasks']} tasks", walk(server, run),
                 "ms", "<", 300)
            show(f"{kind}: the last page of them by number", deepest(run, url), "ms", "<", 300)
            show(f"{kind}: memory of the server", server.memory_mib(), "MiB", "<", 32)


def deepest(run, url):
    """By asynqmon's route, which asks by number."""
    with web(run, url, "--asynqmon") as server:
        pages = run.sizes["tasks"] // 20
        return slowest(server, run, f"/asynqmon/api/queues/long/scheduled_tasks?page={pages}")


def scraped(run, url):
    """Milliseconds of each scrape."""
    took = []
    with web(run, url) as server:
        for _ in range(run.sizes["asked"]):
            took.append(server.get("/metrics")[1])
            time.sleep(1.1)             # an answer is kept for a second
    return took


def measure_scrape(run):
    handlers = run.folder / "handlers.lua"
    handlers.write_text('gofer.handle("t", function() end)\n')
    for kind in ("sqlite", "redis"):
        url = run.store(kind, "scrape")
        for what in ("", ", of each a type that ran"):
            if what:
                run.call(url, "worker", "--quiet", "--drain", "--queue", "queue-*", "--lua",
                         handlers)
            fill_queues(run, url, run.sizes["queues"])
            took = scraped(run, url)
            show(f"{kind}: a scrape of {run.sizes['queues']} queues{what}", max(took), "ms", "<",
                 50)
            print(f"    half of them took less than {statistics.median(took):.1f} ms")


def measure_many(run):
    many = run.sizes["very_many"]
    for kind in ("sqlite", "redis"):
        url = run.store(kind, "many")
        fill_queues(run, url, many)
        with web(run, url) as server:
            first = server.get("/api/v1/overview")[1]
            waited = time.monotonic() + PATIENCE
            while not json.loads(server.get("/api/v1/overview")[0])["totals"]:
                if time.monotonic() > waited:
                    sys.exit("web.py: the queues were not counted")
                time.sleep(0.1)
            show(f"{kind}: the overview with {many} queues, the first", first, "ms", "<", 1000)
            show(f"{kind}: further ones", slowest(server, run, "/api/v1/overview"), "ms", "<", 1000)
            show(f"{kind}: a page of these queues", slowest(server, run, "/api/v1/queues"),
                 "ms", "<", 1000)
            show(f"{kind}: a scrape of them", server.get("/metrics")[1], "ms", "<", 1000)
            show(f"{kind}: memory of the server", server.memory_mib(), "MiB", "<", 32)


# ---- the page -----------------------------------------------------------------------------------


@contextlib.contextmanager
def open_page(run, server):
    """In Chromium; where there is none, what it would ask for: the stream, and nothing else."""
    chromium = shutil.which("chromium")
    if not chromium:
        print("no chromium: the page's stream alone is open")
        readers = Readers(server, 1)
        try:
            yield
        finally:
            readers.close()
        return
    browser = subprocess.Popen(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
         f"--user-data-dir={run.folder / 'chromium'}", f"http://{server.netloc}/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def spent_in(run, url, seconds):
    before = Spent(url)
    time.sleep(run.sizes[seconds])
    return Spent(url).since(before)


def watch(run, queues):
    """What a page costs that nobody touches, from its opening on, and later."""
    url = run.store("redis", "page")
    fill_queues(run, url, queues)
    with web(run, url) as server, open_page(run, server):
        opening = spent_in(run, url, "settled_s")
        return opening, spent_in(run, url, "watched_s"), server.memory_mib()


def measure_page(run):
    for queues in (FEW_QUEUES, run.sizes["queues"], run.sizes["very_many"]):
        opening, (commands, cpu, kib), memory = watch(run, queues)
        show(f"redis: commands of an idle open page, {queues} queues", commands, "/s", "<", 10)
        print(f"    that is {cpu:.1f} permille of a core and {kib:.1f} KiB/s; in the "
              f"{run.sizes['settled_s']} s after it was opened {opening[0]:.0f} commands/s")
        show("    memory of the server", memory, "MiB", "<", 32)


PARTS = {"streams": measure_streams, "pages": measure_pages, "scrape": measure_scrape,
         "many": measure_many, "page": measure_page}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--redis", required=True)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--build", type=lambda text: pathlib.Path(text).resolve(),
                         default=ROOT / "build" / "release")
    options.add_argument("parts", nargs="*", metavar="PART")
    args = options.parse_args()
    for part in args.parts or PARTS:
        if part not in PARTS:
            options.error(f"there is no part {part}: there are {', '.join(PARTS)}")
    if args.quick:
        args.rounds = 1
    with tempfile.TemporaryDirectory(prefix="gofer-bench-", ignore_cleanup_errors=True) as folder:
        run = Run(args, pathlib.Path(folder))
        for part in args.parts or PARTS:
            PARTS[part](run)


if __name__ == "__main__":
    main()
