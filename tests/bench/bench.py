#!/usr/bin/env python3
"""bench: every path of the goals beside its own limit, on this machine, in one run; the rounds go in turn.

    make bench                      ten to twelve minutes on an idle machine
    make bench-full                 with 10,000,000 stored answers and 1,000,000 waiting tasks
    BENCH_ROUNDS=5 BENCH_SECONDS=5 make bench
    BENCH_ONLY=full_load,counts make bench       some of the groups; BENCH_ONLY=help lists them

Prints tables; bench.json gets the same and all samples. What could not be measured is said at the end. The exit
code says whether it was measured, not whether the goals are met: a busy machine meets none.
"""

import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time

import machine
import report
from rig import Rig
from rows import Bench
from watching import Watching, print_watching, watching_rows

ONCE = ("counts", "coordination", "start", "growth", "waiting")


def plan(bench, watching, full):
    """Groups in the order of a round: name, function; those of ONCE only in the first round."""
    many = 1000000 if full else 100000
    stored = (1000000, 10000000) if full else (1000000,)
    return [
        ("floors", bench.floors),
        ("full_load", bench.full_load),
        ("many_calls", bench.many_calls),
        ("floors_slow", bench.floors_slow),
        ("slow_calls", bench.slow_calls),
        ("slow_calls_tls", bench.slow_calls_tls),
        ("pool_alone", bench.pool_alone),
        ("lone", bench.lone),
        ("control", watching.control),
        ("scrape", watching.scrape),
        ("traces", watching.traces),
        ("counts", watching.counts),
        ("contention", bench.contention),
        ("coordination", bench.coordination),
        ("start", lambda: [bench.start_with(1000000) for _ in range(5)]),
        ("growth", lambda: [bench.hits_of(n) for n in stored]),
        ("waiting", lambda: [bench.waiting(n) for n in (1000, many)]),
    ], many


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_rounds(groups, rounds, wanted, failures):
    for i in range(rounds):
        for name, measure in groups:
            if name in failures or (wanted and name not in wanted) or (i and name in ONCE):
                continue
            began = time.monotonic()
            try:
                measure()
            except (machine.Failed, OSError, StopIteration) as e:
                failures[name] = str(e) or type(e).__name__
            say("round %d of %d: %-15s %5.1f s%s" % (i + 1, rounds, name, time.monotonic() - began,
                                                     "  FAILED" if name in failures else ""))


def header(rig, seconds, rounds):
    load = " ".join("%.1f" % x for x in os.getloadavg())
    broker = "a real Apache Kafka, one broker on this machine" if rig.real else (
        "the embedded broker (%s): at_least_once only" % " ".join(rig.why_embedded))
    return ["%d processors, %s; load %s before" % (os.cpu_count(), platform.release(), load),
            rig.cores.words(), "broker: " + broker,
            "%d rounds, passes of about %g s; figures are medians" % (rounds, seconds)]


def unmeasured(failures, rows, full):
    said = ["%s: %s" % pair for pair in failures.items()]
    foreign = max((r["foreign"] for r in rows if r.get("foreign") is not None), default=0)
    if foreign > 0.05:
        said.append("other programs took up to %.0f %% of the worker's processor: rates and latencies are theirs as "
                    "well; processor time a task is steadier" % (100 * foreign))
    for r in rows:
        if r.get("busy") is not None and r["busy"] < 0.9 and "1 s" not in r["row"] and "TLS" not in r["row"]:
            said.append("%s: the worker had %.0f %% of its processor to do; something else was the limit of the rate" %
                        (r["row"], 100 * r["busy"]))
    if not full:
        said.append("10,000,000 stored answers, 1,000,000 waiting tasks: make bench-full")
    return said


def main():
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    seconds = float(os.environ.get("BENCH_SECONDS", "2"))
    full = os.environ.get("BENCH_FULL", "") == "1"
    wanted = [w for w in os.environ.get("BENCH_ONLY", "").split(",") if w]
    build = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    failures = {}
    began = time.monotonic()

    if wanted == ["help"]:
        print("\n".join(name for name, _ in plan(Bench(None, 1), Watching(None), full)[0]))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started ends, too
    machine.raise_file_limit()
    rig = Rig(work, build, machine.Cores())
    try:
        bench = Bench(rig, seconds)
        groups, many = plan(bench, Watching(bench), full)
        head = header(rig, seconds, rounds)
        say("\n".join(head))
        run_rounds(groups, rounds, wanted, failures)
        show(bench.samples, rig, head, failures, full, many, time.monotonic() - began)
    finally:
        rig.close()
        if os.environ.get("KEEP"):
            say("kept: %s" % work)
        else:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if failures.keys() - {"counts", "slow_calls_tls"} else 0


def show(samples, rig, head, failures, full, many, seconds):
    f = report.Figures(samples)
    deliveries = ("exactly_once", "at_least_once") if rig.real else ("at_least_once",)
    paths = [report.path_row(f, p, deliveries[0]) for p in report.paths(deliveries[0])]
    limits = report.limit_rows(f, many, rig.real, full)
    missing = unmeasured(failures, paths, full)
    print("\n".join(head))
    report.print_goals(paths + limits)
    report.print_paths(paths)
    report.print_parts(f, deliveries)
    report.print_contention(f)
    watched = watching_rows(samples)
    print_watching(watched)
    print("\nNot measured, or with a grain of salt\n" + "\n".join("  " + m for m in missing))
    out = pathlib.Path(os.environ.get("BENCH_JSON", "bench.json"))
    out.write_text(json.dumps({"machine": head, "paths": paths, "limits": limits, "watching": watched, "missing": missing,
                               "samples": samples}, indent=1) + "\n")
    print("\n%s has all samples; %.0f s in all" % (out, seconds))


if __name__ == "__main__":
    sys.exit(main())
