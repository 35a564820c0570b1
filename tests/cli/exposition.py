"""Metrics as text, read as the two formats say they are to be read."""
import math

OPEN = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
OF_HISTOGRAM = ("_bucket", "_sum", "_count")


def samples(text):
    """{name{labels}: value} of either format."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found, name
            found[name] = float(value)
    return found


def check_families(text, opened):
    """Each family stands together, with its help and type before it."""
    lines = text.splitlines()
    assert (lines[-1] == "# EOF") == opened
    seen, family, kind = set(), None, None
    for line in lines:
        if line == "# EOF":
            continue
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in seen
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family
            kind = line.split()[3]
            assert kind in ("counter", "gauge", "histogram")
            if kind == "counter":
                assert family.endswith("_total") != opened
        elif kind == "histogram":
            name = line.partition("{")[0].partition(" ")[0]
            assert name in {family + suffix for suffix in OF_HISTOGRAM}, line
        else:
            name = line.partition("{")[0].partition(" ")[0]
            assert name == family or (opened and name == family + "_total"), line


def family_names(text):
    """As they are declared, without what OpenMetrics takes off a counter's."""
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def check_histograms(parsed):
    """Of families as Prometheus' parser gives them: cumulative, up to the count of all."""
    found = 0
    for family in parsed:
        if family.type != "histogram":
            continue
        series = {}
        for s in family.samples:
            labels = {k: v for k, v in s.labels.items() if k != "le"}
            one = series.setdefault(tuple(sorted(labels.items())), {"buckets": []})
            if s.name.endswith("_bucket"):
                one["buckets"].append((float(s.labels["le"]), s.value))
            else:
                one[s.name.rpartition("_")[2]] = s.value
        for one in series.values():
            bounds, counts = zip(*one["buckets"])
            assert list(bounds) == sorted(bounds) and math.isinf(bounds[-1])
            assert list(counts) == sorted(counts) and counts[-1] == one["count"]
            least = sum(low * (n - before) for low, n, before in zip(
                (0, *bounds), counts, (0, *counts)))
            most = sum(high * (n - before) for high, n, before in zip(
                bounds, counts, (0, *counts)) if n > before)
            assert least - 0.002 <= one["sum"] <= most, one
            found += 1
    return found
