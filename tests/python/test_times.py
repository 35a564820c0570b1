"""Durations and points in time become milliseconds, and never early ones."""

import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Iterator
from zoneinfo import ZoneInfo

import pytest
from gofer import InvalidArgument
from gofer.payload import JsonCodec
from gofer.times import datetime_of, duration_ms, moment_ms


def local_times() -> Iterator[tuple[str, str, int]]:
    """The rows of tests/local_times.txt: zone, local time, Unix milliseconds."""
    for line in (Path(__file__).parent.parent / "local_times.txt").read_text().splitlines():
        if not line.startswith("#"):
            zone, local, utc = line.split()
            at = datetime.strptime(utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
            yield zone, local, int(at.timestamp()) * 1000


@pytest.mark.parametrize("zone, local, ms", list(local_times()))
def test_local_times_as_everywhere(
    zone: str, local: str, ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    naive = datetime.fromisoformat(local)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert moment_ms(local) == ms
        assert moment_ms(naive) == ms
        assert moment_ms(naive.replace(tzinfo=ZoneInfo(zone))) == ms
        # What clocks leave out is no earlier for a fold, which can only tell the second of two.
        assert moment_ms(naive.replace(fold=1)) >= ms
        assert moment_ms(naive.replace(tzinfo=ZoneInfo(zone), fold=1)) >= ms
        assert (
            datetime.fromisoformat(JsonCodec().encode(naive).decode().strip('"')).timestamp() * 1000
            == ms
        )
    time.tzset()


def test_a_fold_tells_the_second_of_two() -> None:
    second = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    assert datetime_of(moment_ms(second)) == datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "value, ms",
    [
        (0, 0), (1, 1000), (1.5, 1500), (1.1, 1100), (0.0001, 1), (2.0000001, 2001),
        (timedelta(minutes=5), 300_000), (timedelta(microseconds=1), 1),
        ("250ms", 250), ("30s", 30_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("1.5", 1500),
    ],
)  # fmt: skip
def test_durations(value: object, ms: int) -> None:
    assert duration_ms(value) == ms


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -0.5,
        float("nan"),
        float("inf"),
        10**30,
        10**400,
        pytest.param(-(10**5000), id="thousands of digits"),
        1e30,
        1e306,
        timedelta(days=-1),
        timedelta.max,
        "",
        "soon",
        "5m\0",
        "-3s",
    ],
)
def test_durations_out_of_range(value: object) -> None:
    with pytest.raises(InvalidArgument):
        duration_ms(value)


@pytest.mark.parametrize("value", [None, True, b"5m", [], datetime.now()])
def test_durations_of_another_type(value: object) -> None:
    with pytest.raises(TypeError):
        duration_ms(value)


def test_moments() -> None:
    rome = timezone(timedelta(hours=1))
    want = 1795456800000
    assert moment_ms(datetime(2026, 11, 23, 18, 0, tzinfo=timezone.utc)) == want
    assert moment_ms(datetime(2026, 11, 23, 19, 0, tzinfo=rome)) == want
    assert moment_ms("2026-11-23T18:00:00Z") == want
    assert moment_ms("2026-11-23 19:00:00+01:00") == want
    assert moment_ms("@1795456800") == want
    assert moment_ms(datetime(2026, 11, 23, 18, 0, 0, 1, tzinfo=timezone.utc)) == want + 1
    assert datetime_of(want) == datetime(2026, 11, 23, 18, 0, tzinfo=timezone.utc)
    assert datetime_of(want).tzinfo is not None


def test_a_moment_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC-5")  # POSIX sign: five hours east of Greenwich
    time.tzset()
    try:
        assert moment_ms(datetime(2026, 11, 23, 23, 0)) == 1795456800000
        assert moment_ms("2026-11-23T23:00:00") == 1795456800000
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_epoch_is_not_mistaken_for_not_given() -> None:
    assert moment_ms(datetime(1970, 1, 1, tzinfo=timezone.utc)) == 1


@pytest.mark.parametrize(
    "value", [datetime(1969, 1, 1, tzinfo=timezone.utc), datetime.min, datetime.max,
              datetime.max.replace(tzinfo=timezone.utc), "yesterday", "2026-13-01T00:00:00Z"]
)
def test_moments_out_of_range(value: object) -> None:
    with pytest.raises(InvalidArgument):
        moment_ms(value)


def test_a_date_is_not_a_moment() -> None:
    with pytest.raises(TypeError, match="make it a datetime"):
        moment_ms(date(2026, 11, 23))  # type: ignore[arg-type]
