#!/usr/bin/env python3
"""soak: a worker at full load for SOAK_SECONDS (1200): new prompts, which are called for and stored, and the same again,
which the cache answers. Its store is bounded (SOAK_STORE, 256MB), so that it is trimmed and compacted all the while.
A line every 10 s; in the end the slope of the memory over the last two thirds, by least squares. Ends with 1 when that
slope is worth more than a tenth of the memory in that time, or when a prompt was not answered, or answered by other
than one call and one hit. BUILD, BENCH_JSON as for bench.py; the line of figures goes to soak.json (SOAK_JSON)."""

import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

import machine
from rig import Repeated, Rig, Worker

EVERY_S = 10
CHUNK = 20000
GROWTH_MOST = 0.1


class Watch:
    """What the worker takes, every so often."""

    def __init__(self, worker):
        self.worker = worker
        self.began = time.monotonic()
        self.tasks = 0
        self.rows = []
        print("%7s %9s %9s %9s %9s" % ("s", "rss MB", "store MB", "tasks", "tasks/s"), flush=True)

    def look(self):
        now = time.monotonic() - self.began
        before = self.rows[-1] if self.rows else (0, 0, 0, 0)
        row = (now, machine.rss_kb(self.worker.process.pid) / 1024, store_mb(self.worker.store), self.tasks)
        self.rows.append(row)
        print("%7.0f %9.1f %9.1f %9d %9.0f" % (*row, (row[3] - before[3]) / (row[0] - before[0])), flush=True)


def store_mb(path):
    total = 0
    for f in path.rglob("*"):
        try:
            total += f.stat().st_size
        except FileNotFoundError:
            pass  # compaction has just removed it
    return total / 2**20


def slope(points):
    """Least squares, of (x, y)."""
    x_mean = statistics.fmean(x for x, _ in points)
    y_mean = statistics.fmean(y for _, y in points)
    return (sum((x - x_mean) * (y - y_mean) for x, y in points) /
            sum((x - x_mean) ** 2 for x, _ in points))


def run(rig, worker, seconds):
    """Load until the time is over; (watch, [(p99 of calls, p99 of hits) of each chunk])."""
    times = []
    worker.warm()
    watch = Watch(worker)
    looking = Repeated(EVERY_S, watch.look)
    try:
        while time.monotonic() - watch.began < seconds:
            first = rig.prompts(CHUNK)
            calls = worker.load(first, CHUNK)
            watch.tasks += CHUNK
            hits = worker.load(first, CHUNK, hits=True)
            watch.tasks += CHUNK
            times.append((calls["p99_ms"], hits["p99_ms"]))
    finally:
        looking.stop()
    return watch, times


def figures(watch, times):
    late = [r for r in watch.rows if r[0] >= watch.rows[-1][0] / 3]
    mean = statistics.fmean(r[1] for r in late)
    per_s = slope([(r[0], r[1]) for r in late])
    third = max(1, len(times) // 3)
    return {"seconds": watch.rows[-1][0], "tasks": watch.tasks, "rss_mb_mean": mean,
            "rss_mb_most": max(r[1] for r in watch.rows), "slope_mb_per_hour": per_s * 3600,
            "growth": per_s * (late[-1][0] - late[0][0]) / mean,
            "store_mb_most": max(r[2] for r in watch.rows),
            "p99_ms_first_third": [statistics.median(t[i] for t in times[:third]) for i in (0, 1)],
            "p99_ms_last_third": [statistics.median(t[i] for t in times[-third:]) for i in (0, 1)]}


def main():
    seconds = float(os.environ.get("SOAK_SECONDS", "1200"))
    build = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    if seconds < 6 * EVERY_S:
        sys.exit("SOAK_SECONDS: at least %d, for a slope" % (6 * EVERY_S))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started ends, too
    machine.raise_file_limit()
    rig = Rig(work, build, machine.Cores())
    try:
        print("broker: %s" % ("a real Apache Kafka" if rig.real else "the embedded one"))
        with Worker(rig, calls=256, cache="max_bytes: %s" % os.environ.get("SOAK_STORE", "256MB")) as worker:
            f = figures(*run(rig, worker, seconds))
    finally:
        rig.close()
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(f))
    pathlib.Path(os.environ.get("SOAK_JSON", "soak.json")).write_text(json.dumps(f, indent=1) + "\n")
    print("soak: %.0f s, %d tasks; %.1f MB on average, slope %+.1f MB an hour: %+.1f %% in the last two thirds" %
          (f["seconds"], f["tasks"], f["rss_mb_mean"], f["slope_mb_per_hour"], 100 * f["growth"]))
    return 1 if f["growth"] > GROWTH_MOST else 0


if __name__ == "__main__":
    sys.exit(main())
