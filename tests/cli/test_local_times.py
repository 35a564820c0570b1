"""Local times on days on which clocks change: one rule for --at, batches and cron
(tests/local_times.txt)."""
import datetime as dt
import json

from conftest import ROOT

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def rows():
    for line in (ROOT / "tests/local_times.txt").read_text().splitlines():
        if not line.startswith("#"):
            zone, local, utc = line.split()
            at = dt.datetime.strptime(utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc)
            yield zone, local, (at - EPOCH) // dt.timedelta(milliseconds=1)


def test_at_a_batch_and_cron_mean_the_same_moment(gofer):
    table = list(rows())
    assert len(table) > 20
    for zone in {row[0] for row in table}:
        times = [(local, at_ms) for other, local, at_ms in table if other == zone]
        env = {"TZ": zone}
        # Times that are past are shown as a deadline: it stays as it is given.
        lines = "".join(json.dumps({"type": "t", "deadline": local}) + "\n" for local, _ in times)
        ids = gofer("enqueue", "--batch", input=lines, env=env).out.split()
        for (local, at_ms), id in zip(times, ids):
            what = f"{zone} {local}"
            assert gofer.json("task", "show", id)["deadline_ms"] == at_ms, what
            check = gofer.json("cron", "check", "* * * * *", "--from", local, "-n", "1", env=env)
            assert check["ticks"]["items"][0]["at_ms"] == at_ms + 60000, what
            date, clock = local.split("T")
            spec = f"{int(clock[3:5])} {int(clock[:2])} {int(date[8:])} {int(date[5:7])} *"
            check = gofer.json(
                "cron",
                "check",
                spec,
                "--tz",
                zone,
                "--from",
                f"@{at_ms // 1000 - 100000}",
                "-n",
                "1",
            )
            assert check["ticks"]["items"][0]["at_ms"] == at_ms, what


def test_at_in_a_gap_to_come(gofer):
    for local, utc in (
        ("2099-03-29 02:30", "2099-03-29T01:30:00Z"),
        ("2099-10-25 02:30", "2099-10-25T00:30:00Z"),
    ):
        given = gofer.enqueue("t", "--at", local, env={"TZ": "Europe/Berlin"})
        meant = gofer.enqueue("t", "--at", utc)
        assert (
            gofer.json("task", "show", given)["next_run_at_ms"]
            == gofer.json("task", "show", meant)["next_run_at_ms"]
        )
