#!/usr/bin/env python3
"""model: what 1,000 processes and 10^9 records a day would need, from figures of this machine and stated assumptions.

    make bench-model                       with the figures of bench.json where there is one, else those of another run on two cores
    RECORDS=1e8 PROCESSES=100 make bench-model

Arithmetic where that is enough; a small simulation with a seed where it is not: what a rolling deploy does to a group,
and how long commits wait for the one broker that coordinates it. Everything assumed is a field of Assumed, and is
printed. It measures nothing, and no price in it is an offer of anybody.
"""

import dataclasses
import heapq
import json
import math
import os
import pathlib
import random
import statistics

DAY = 86400.0
MB, GB, TB = 1e6, 1e9, 1e12


@dataclasses.dataclass
class Assumed:
    """What is not measured here. Change a field with its name in capitals: PEAK=5 make bench-model."""

    records: float = 1e9  # a day
    processes: float = 1000
    peak: float = 3  # the busiest minute by the mean of the day
    hits: float = 0.3  # share of the records that the cache answers
    call_seconds: float = 4  # of the provider
    tokens_in: float = 230  # of a record of 1 KB
    tokens_out: float = 230
    request_bytes: float = 1000
    reply_bytes: float = 1900  # the completion and what the reply says of it
    stored_bytes: float = 1500  # completion, journal entry and keys in the store, compressed
    replicas: float = 3
    days_kept: float = 2  # of requests and of replies
    cache_days: float = 7
    partitions_each: float = 4  # of a process: shares of limits and load are within a quarter
    broker_mb_s: float = 40  # what a broker writes, replicas too, with room for one that is down
    broker_replicas: float = 2000  # of partitions, topics of requests and replies together
    broker_tb: float = 4  # of disk, of which 60 % are used
    broker_cores: float = 8  # of which 60 % are used
    restart_seconds: float = 12  # of a process in a deploy, median
    deploy_at_once: float = 25  # processes that are restarted at the same time
    session_seconds: float = 45  # session.timeout.ms
    heartbeat_seconds: float = 3  # members learn of a rebalance by their next heartbeat
    usd_core_hour: float = 0.04
    usd_gb_month: float = 0.08
    usd_million_in: float = 0.15
    usd_million_out: float = 0.60


@dataclasses.dataclass
class Measured:
    """Figures of a worker; where they are from."""

    hit_us: float = 20.9
    call_us: float = 70.4
    commit_ms: float = 22.5
    rss_mb: float = 119.0
    broker_commit_us: float = 169.0  # of the coordinator's processor: an offset of one partition
    broker_transaction_us: float = 4880.0  # of all brokers' processors: a transaction of one record and one offset
    source: str = "a run of make bench-full on two cores"


def from_environment(assumed, environment):
    """The same with the fields that are set; a value that is no positive number is named."""
    changed = {}
    for field in dataclasses.fields(assumed):
        text = environment.get(field.name.upper())
        if text is None:
            continue
        try:
            changed[field.name] = float(text)
        except ValueError:
            changed[field.name] = math.nan
        if not 0 <= changed[field.name] < math.inf or (changed[field.name] == 0 and field.name != "hits"):
            raise SystemExit(f"{field.name.upper()}={text}: a number above 0 is needed")
    if changed.get("hits", 0) > 1:
        raise SystemExit(f"HITS={changed['hits']:g}: a share, so from 0 to 1")
    return dataclasses.replace(assumed, **changed)


def from_bench(path):
    """Medians of bench.json; the defaults where it has none."""
    got = Measured()
    if not path.exists():
        return got
    samples = json.loads(path.read_text())["samples"]
    names = {
        "hit_us": ("hit.exactly_once.cpu_us", 1),
        "call_us": ("call64.exactly_once.cpu_us", 1),
        "commit_ms": ("commit.p50_ms", 1),
        "broker_commit_us": ("commits.broker_us", 1),
        "broker_transaction_us": ("transactions.broker_us", 1),
        "rss_mb": ("call64.exactly_once.rss_kb", 1024 / MB),
    }
    missing = []
    for field, (name, unit) in names.items():
        if samples.get(name):
            setattr(got, field, statistics.median(samples[name]) * unit)
        else:
            missing.append(name)
    got.source = str(path) + (f", but for {', '.join(missing)}: another run" if missing else "")
    return got


# ---- arithmetic ----


def rates(a):
    """Records a second: mean, peak, peak of one process; calls in flight at the peak."""
    mean = a.records / DAY
    peak = mean * a.peak
    return {
        "mean": mean,
        "peak": peak,
        "peak_each": peak / a.processes,
        "in_flight": peak * (1 - a.hits) * a.call_seconds,
    }


def transactions_each(per_s, commit_ms, linger_ms=100):
    """Transactions a second of a process with so many outcomes a second, which come at random: the next one begins when
    the last one is committed, its moment of waiting is over, and an outcome is there."""
    if per_s <= 0:
        return 0.0
    busy = max(commit_ms, linger_ms) / 1000
    return 1 / (busy + math.exp(-per_s * busy) / per_s)


def commits_each(per_s, every_ms=250):
    """The same of at_least_once: a commit each so often, if there is something to commit."""
    every = every_ms / 1000
    return (1 - math.exp(-per_s * every)) / every


def partitions(a):
    return math.ceil(a.processes * a.partitions_each)


def brokers(a, m):
    """How many are needed, by each of what may bind; the largest counts, and never fewer than replicas."""
    r = rates(a)
    transactions = a.processes * transactions_each(r["peak_each"], m.commit_ms)
    written = r["peak"] * (a.request_bytes + a.reply_bytes) * a.replicas
    kept = a.records * a.days_kept * (a.request_bytes + a.reply_bytes) * a.replicas
    need = {
        "bytes written": written / MB / a.broker_mb_s,
        "disk": kept / TB / (0.6 * a.broker_tb),
        "transactions of exactly_once": transactions * m.broker_transaction_us / 1e6 / (0.6 * a.broker_cores),
        "partitions": 2 * partitions(a) * a.replicas / a.broker_replicas,
    }
    need = {k: math.ceil(v) for k, v in need.items()}
    return need, max(*need.values(), int(a.replicas)), kept


def fleet(a, m):
    """Of the workers: cores that are busy at the mean and at the peak, memory, disk of the store each."""
    us = a.hits * m.hit_us + (1 - a.hits) * m.call_us
    r = rates(a)
    return {
        "us": us,
        "cores_mean": r["mean"] * us / 1e6,
        "cores_peak": r["peak"] * us / 1e6,
        "rss_gb": a.processes * m.rss_mb * MB / GB,
        "store_gb_each": a.records * (1 - a.hits) * a.cache_days * a.stored_bytes / a.processes / GB,
    }


def money(a, m):
    """Dollars a day, by what they are for."""
    calls = a.records * (1 - a.hits)
    _, n, kept = brokers(a, m)
    f = fleet(a, m)
    month = 30.0
    return {
        "provider": calls * (a.tokens_in * a.usd_million_in + a.tokens_out * a.usd_million_out) / 1e6,
        "saved by hits": a.records * a.hits * (a.tokens_in * a.usd_million_in + a.tokens_out * a.usd_million_out) / 1e6,
        "worker cores, twice the peak": 2 * f["cores_peak"] * 24 * a.usd_core_hour,
        "worker cores, at least a tenth for each process": 0.1 * a.processes * 24 * a.usd_core_hour,
        "brokers": n * a.broker_cores * 24 * a.usd_core_hour,
        "disk of brokers": kept / 0.6 / GB * a.usd_gb_month / month,
        "disk of stores": f["store_gb_each"] * a.processes * a.usd_gb_month / month,
    }


# ---- simulation ----


def deploy(a, static, seed=1):
    """A rolling deploy of all processes, deploy_at_once at a time. A member that leaves or joins has the group formed anew,
    in two rounds (cooperative); what changes meanwhile is taken up by the next one. A static member that is back within
    its session changes nothing. How many rebalances, seconds of them, moved partitions, seconds of the deploy."""
    draw = random.Random(seed)
    changes = []  # (when, members more or fewer)
    lanes = [draw.random() for _ in range(int(min(a.deploy_at_once, a.processes)))]
    heapq.heapify(lanes)
    for _ in range(int(a.processes)):
        stopped = heapq.heappop(lanes)
        back = stopped + draw.lognormvariate(math.log(a.restart_seconds), 0.4)
        heapq.heappush(lanes, back)
        if static and back - stopped <= a.session_seconds:
            continue
        changes += [(stopped + (a.session_seconds if static else 0), -1), (back, 1)]
    return {**rebalances(a, sorted(changes), draw), "deploy_seconds": max(lanes)}


def round_seconds(a, members, draw):
    """A rebalance waits for the last member to learn of it; cooperative ones have two rounds of that."""
    slowest = max(draw.random() for _ in range(max(1, int(members)))) * a.heartbeat_seconds
    return 2 * slowest


def rebalances(a, changes, draw):
    members, number, seconds, moved, free = a.processes, 0, 0.0, 0.0, 0.0
    i = 0
    while i < len(changes):
        began = max(free, changes[i][0])
        here = 0
        while i < len(changes) and changes[i][0] <= began:
            members += changes[i][1]
            here += 1
            i += 1
        number += 1
        free = began + round_seconds(a, members, draw)
        seconds += free - began
        moved += here * a.partitions_each
    return {"rebalances": number, "seconds": seconds, "moved": moved}


def coordinator(per_s, service_us, seconds=20, seed=1):
    """Commits that come at random to a broker that does one at a time: its load, p99 of the wait in ms."""
    draw = random.Random(seed)
    service = service_us / 1e6
    now = free = 0.0
    waits = []
    while now < seconds:
        now += draw.expovariate(per_s)
        waits.append(max(0.0, free - now))
        free = max(free, now) + service
    waits.sort()
    return {"load": per_s * service, "p99_ms": waits[int(0.99 * (len(waits) - 1))] * 1000}


# ---- what is printed ----


def table(title, rows):
    print(f"\n{title}\n\n| | |\n|---|---:|")
    for name, value in rows:
        print(f"| {name} | {value} |")


def number(x, unit=""):
    digits = 0 if abs(x) >= 100 or x == int(x) else 1 if abs(x) >= 1 else 2
    return f"{x:,.{digits}f}{unit}"


def print_sizes(a, m):
    r, f = rates(a), fleet(a, m)
    need, n, kept = brokers(a, m)
    p = partitions(a)
    table("Load", [
        ("records a second, mean; busiest minute", f"{number(r['mean'])}; {number(r['peak'])}"),
        ("of one process, busiest minute", number(r["peak_each"])),
        ("calls in flight, busiest minute; of one process",
         f"{number(r['in_flight'])}; {number(r['in_flight'] / a.processes)}"),
    ])
    table("Workers", [
        ("processor time of a record", number(f["us"], " us")),
        ("cores that work, mean; busiest minute", f"{number(f['cores_mean'])}; {number(f['cores_peak'])}"),
        ("memory of all", number(f["rss_gb"], " GB")),
        ("disk of the store of each", number(f["store_gb_each"], " GB")),
    ])
    table("Brokers", [
        ("partitions of the requests; in flight in each", f"{number(p)}; {number(r['in_flight'] / p)}"),
        ("kept, replicas too", number(kept / TB, " TB")),
        *[("brokers because of " + k, number(v)) for k, v in need.items()],
        ("brokers", number(n)),
    ])


def print_commits(a, m):
    """At the mean and at the peak; then the same records on as many processes as their processor time needs."""
    rows = []
    few = max(2, math.ceil(2 * fleet(a, m)["cores_peak"]))
    for processes in (a.processes, few):
        for name, each in (
            ("exactly_once", lambda x: transactions_each(x, m.commit_ms)),
            ("at_least_once", commits_each),
        ):
            per_s = processes * each(rates(a)["peak"] / processes)
            at = coordinator(per_s, m.broker_commit_us)
            cores = f", {per_s * m.broker_transaction_us / 1e6:.1f} broker cores" if name == "exactly_once" else ""
            # A worker gathers while a commit is away, so a coordinator that is full makes commits larger, not a queue longer.
            every = processes * m.broker_commit_us / 1000
            wait = f"p99 of the wait {at['p99_ms']:.1f} ms" if at["load"] < 1 else f"full: {every:.0f} ms from one to the next"
            rows.append((f"{name}, {processes:,.0f} processes", f"{number(per_s)}/s{cores}; coordinator busy "
                         f"{100 * at['load']:.0f} %, {wait}"))
    table("Commits in the busiest minute, of one group, which one broker coordinates", rows)


def print_deploys(a):
    rows = []
    for static in (True, False):
        runs = [deploy(a, static, seed) for seed in range(1, 6)]
        d = {k: statistics.median(x[k] for x in runs) for k in runs[0]}
        rows.append((
            "static membership" if static else "dynamic membership",
            f"{number(d['deploy_seconds'])} s; {number(d['rebalances'])} rebalances, together {number(d['seconds'])} s; "
            f"{number(d['moved'])} partitions moved",
        ))
    table(f"A rolling deploy, {a.deploy_at_once:g} at a time (medians of 5 simulations)", rows)


def print_money(a, m):
    table("Dollars a day", [(k, number(v)) for k, v in money(a, m).items()])


def main():
    here = pathlib.Path(os.environ.get("BENCH_JSON", "bench.json"))
    a, m = from_environment(Assumed(), os.environ), from_bench(here)
    print(f"{a.processes:,.0f} processes, {a.records:,.0f} records a day")
    print_sizes(a, m)
    print_commits(a, m)
    print_deploys(a)
    print_money(a, m)
    table("Measured: " + m.source, [(k, number(v)) for k, v in dataclasses.asdict(m).items() if k != "source"])
    table("Assumed", [(k.replace("_", " "), f"{v:g}") for k, v in dataclasses.asdict(a).items()])


if __name__ == "__main__":
    main()
