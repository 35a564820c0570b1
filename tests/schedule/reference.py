"""The next ticks of random cron expressions, compared with a reference that knows no shortcuts: it
looks at every minute of some days, with Python's zoneinfo for the clock. The days are those around
changes of clocks, and some others.

    reference.py LIBGOFER [SEED [SPECS]]
"""
import ctypes
import datetime as dt
import json
import random
import sys
import zoneinfo

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/Santiago",
    "Pacific/Apia",
    "Europe/Dublin",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/St_Johns",
]
MINUTE = dt.timedelta(minutes=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
NAIVE = dt.datetime(1970, 1, 1)
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]


class Gofer:
    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.gofer_error_last.restype = ctypes.c_char_p
        self.lib.gofer_cron_check.argtypes = [
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_int64,
            ctypes.c_int32,
            ctypes.POINTER(ctypes.c_void_p),
        ]
        self.lib.gofer_info_json.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p)]
        self.lib.gofer_info_free.argtypes = [ctypes.c_void_p]

    def ticks(self, spec, zone, from_ms, count):
        """The next ticks as Unix minutes; None if the spec is refused."""
        info, text = ctypes.c_void_p(), ctypes.c_char_p()
        status = self.lib.gofer_cron_check(
            spec.encode(), zone.encode(), from_ms, count, ctypes.byref(info)
        )
        if status:
            assert status == -1, self.lib.gofer_error_last()
            return None
        assert self.lib.gofer_info_json(info, ctypes.byref(text)) == 0
        answer = json.loads(text.value)
        self.lib.gofer_info_free(info)
        return [t["at_ms"] // 60000 for t in answer["ticks"]["items"]]


# ---- expressions: their text, and what they mean said the other way round ------------------------

def random_field(rng, low, high, star):
    """(text, set of values, "any" as of the day fields)"""
    if rng.random() < star:
        return "*", set(range(low, high + 1)), True
    parts, values, anything = [], set(), False
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.randrange(5)
        a, b = sorted((rng.randint(low, high), rng.randint(low, high)))
        step = rng.randint(1, 20)
        if kind == 0:
            parts.append(f"{a}")
            values.add(a)
        elif kind == 1:
            parts.append(f"{a}-{b}")
            values.update(range(a, b + 1))
        elif kind == 2:
            parts.append(f"{a}-{b}/{step}")
            values.update(range(a, b + 1, step))
        elif kind == 3:
            parts.append(f"*/{step}")
            values.update(range(low, high + 1, step))
            anything |= step == 1
        else:
            parts.append(f"{a}/{step}")
            values.update(range(a, high + 1, step))
    return ",".join(parts), values, anything


class Spec:
    def __init__(self, rng):
        stars = [rng.choice([0.1, 0.7]), rng.choice([0.2, 0.6]), 0.7, 0.8, 0.7]
        fields = [random_field(rng, low, high, star) for (low, high), star in zip(RANGES, stars)]
        self.text = " ".join(f[0] for f in fields)
        (
            (_, self.minutes, _),
            (_, self.hours, _),
            (_, self.days, self.any_day),
            (_, self.months, _),
            (_, self.weekdays, self.any_weekday),
        ) = fields
        self.follows = len(self.hours) == 24

    def matches(self, face):
        if (
            face.minute not in self.minutes
            or face.hour not in self.hours
            or face.month not in self.months
        ):
            return False
        day, weekday = face.day in self.days, (face.weekday() + 1) % 7 in self.weekdays
        return day and weekday if self.any_day or self.any_weekday else day or weekday

    def can_come(self):
        if self.any_day or self.any_weekday:
            return not self.any_weekday or any(
                d <= (29 if m == 2 else 30 if m in (4, 6, 9, 11) else 31)
                for m in self.months
                for d in self.days
            )
        return True


# ---- the reference -------------------------------------------------------------------------------

def faces(zone, first, minutes):
    """What the clock shows at each of these minutes, as naive datetimes."""
    info = zoneinfo.ZoneInfo(zone)
    return [
        (EPOCH + (first + i) * MINUTE).astimezone(info).replace(tzinfo=None) for i in range(minutes)
    ]


def reference(spec, shown, first, warmup):
    """The ticks of the minutes after the warm-up. What a gap leaves out comes as long after the
    change as it would have come without it."""
    ticks, furthest, late = [], None, set()
    for i, face in enumerate(shown):
        if spec.follows:
            hit = spec.matches(face)
        else:
            left_out = int((face - furthest) // MINUTE) - 1 if furthest is not None else 0
            late.update(i + n for n in range(left_out) if spec.matches(furthest + (n + 1) * MINUTE))
            hit = i in late or ((furthest is None or face > furthest) and spec.matches(face))
        furthest = face if furthest is None or face > furthest else furthest
        if hit and i >= warmup:
            ticks.append(first + i)
    return ticks


def changes(zone, year):
    """The minutes at which a zone's clock is set in a year."""
    info, found = zoneinfo.ZoneInfo(zone), []
    day = dt.datetime(year, 1, 1, tzinfo=dt.timezone.utc)
    while day.year == year:
        after = day + dt.timedelta(days=1)
        if day.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            low, high = day, after
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                same = middle.astimezone(info).utcoffset() == day.astimezone(info).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(int((high - EPOCH) // MINUTE))
        day = after
    return found


def windows(rng):
    """(zone, first minute of the warm-up, minutes, warm-up)"""
    for zone in ZONES:
        at = [m for year in (2026, 2041) for m in changes(zone, year)]
        if zone == "Pacific/Apia":
            at += changes(zone, 2011)
        at += [int((dt.datetime(2028, 2, 29, tzinfo=dt.timezone.utc) - EPOCH) // MINUTE)]
        for minute in at:
            before = rng.randint(60, 1500)
            yield zone, minute - before - 2880, before + 1500 + 2880, 2880


def main():
    gofer = Gofer(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    specs = int(sys.argv[3]) if len(sys.argv) > 3 else 25
    rng, compared, refused = random.Random(seed), 0, 0
    for zone, first, minutes, warmup in windows(rng):
        shown = faces(zone, first, minutes)
        for _ in range(specs):
            spec = Spec(rng)
            begin = first + warmup
            got = gofer.ticks(spec.text, zone, begin * 60000 - 1, 1000)
            assert (got is not None) == spec.can_come(), f"{spec.text}: {got}"
            if got is None:
                refused += 1
                continue
            want = reference(spec, shown, first, warmup)
            got = [t for t in got if t < first + minutes]
            want = want[:1000]             # no more were asked for
            assert got == want, (f"{spec.text} in {zone}, seed {seed}: wrong "
                f"{[str(EPOCH + t * MINUTE) for t in sorted(set(got) - set(want))][:5]}, missing "
                f"{[str(EPOCH + t * MINUTE) for t in sorted(set(want) - set(got))][:5]}")
            compared += 1
    print(f"{compared} expressions agree minute by minute, {refused} were refused as impossible")
    assert compared > 100


if __name__ == "__main__":
    main()
