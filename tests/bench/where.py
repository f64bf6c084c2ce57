#!/usr/bin/env python3
"""where: what a worker spends its processor time on, over Kafka at full load: samples of perf by thread and library, as
microseconds a task, and the functions that take most. It is for the rows of `make bench` that do not reach their goal.

    make bench-where
    WHERE_PATHS="hit call64" WHERE_TOP=25 make bench-where      some of the paths, more of the functions
    KEEP=DIR make bench-where                                   keeps perf's data: perf report -i DIR/hit.data
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import machine
from rig import Rig, Worker
from rows import FLIGHT, HIT_PER_S, MISS_PER_S

SECONDS = 6
LEAST_SHARE = 1.0  # percent; what is below is summed up


def perf(*args):
    done = subprocess.run(["perf", *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise machine.Failed("perf %s: %s" % (args[0], done.stderr.strip()[-300:]))
    return done.stdout


def sampled(worker, data, load):
    """What load() returns, while perf looks at the worker."""
    recorder = subprocess.Popen(["perf", "record", "-q", "-F", "1499", "-o", str(data), "-p",
                                 str(worker.process.pid)], stderr=subprocess.DEVNULL)
    try:
        return load()
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait()


def shares(data, keys):
    """[(percent, name...)] by these keys of perf, the largest first."""
    out = perf("report", "-i", data, "--stdio", "-t", ";", "--sort", keys)
    rows = []
    for line in out.splitlines():
        if line.strip() and not line.startswith("#"):
            percent, *names = [part.strip() for part in line.split(";")]
            rows.append((float(percent.rstrip("%")), *names))
    return rows


def library(path):
    name = os.path.basename(path)
    return "kernel" if name.startswith("[kernel") else name.split(".so")[0]


def print_path(name, data, got, top):
    us = got["cpu_us"]
    print("\n%s: %.1f us of processor time a task, %.0f a second" % (name, us, got["per_s"]))
    rest = 0.0
    for percent, thread, dso in shares(data, "comm,dso"):
        if percent < LEAST_SHARE:
            rest += percent
            continue
        print("  %5.1f %%  %6.2f us  %-16s %s" % (percent, percent * us / 100, thread, library(dso)))
    print("  %5.1f %%  %6.2f us  all others" % (rest, rest * us / 100))
    for percent, dso, symbol in shares(data, "dso,sym")[:top]:
        print("    %5.1f %%  %-14s %s" % (percent, library(dso), symbol.replace("[.] ", "").replace("[k] ", "")))


def full(worker, hits, per_s):
    """Loads of a worker that is warm: prompts that are new, or that were just answered."""
    n = per_s * SECONDS
    first = worker.rig.prompts(n)
    if hits:
        worker.load(first, n)
    return lambda: worker.load(first, n, hits=hits)


def paths(rig):
    """name: (its worker, how it is loaded)"""
    held = FLIGHT * SECONDS
    return {
        "hit": (lambda: Worker(rig), lambda w: full(w, True, HIT_PER_S)),
        "call64": (lambda: Worker(rig), lambda w: full(w, False, MISS_PER_S)),
        "call4096": (lambda: Worker(rig, calls=4096), lambda w: full(w, False, MISS_PER_S)),
        "call10000": (lambda: Worker(rig, calls=FLIGHT + FLIGHT // 20, latency="1000ms"),
                      lambda w: lambda: w.load(rig.prompts(held), held, FLIGHT)),
    }


def main():
    if not shutil.which("perf"):
        sys.exit("perf is missing: apt-get install linux-perf")
    build = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="where-"))
    keep = pathlib.Path(os.environ.get("KEEP", work))
    keep.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.raise_file_limit()
    rig = Rig(work, build, machine.Cores())
    wanted = os.environ.get("WHERE_PATHS", "").split()
    try:
        print("%s; broker: %s" % (rig.cores.words(), "a real Apache Kafka" if rig.real else "the embedded one"))
        for name, (worker, load) in paths(rig).items():
            if wanted and name not in wanted:
                continue
            with worker() as w:
                w.warm()
                loaded = load(w)
                data = keep / (name + ".data")
                got = sampled(w, data, loaded)
                print_path(name, data, got, int(os.environ.get("WHERE_TOP", "12")))
    except machine.Failed as e:
        sys.exit("where: %s" % e)
    finally:
        rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
