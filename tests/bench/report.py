"""report: the goals, the floors, and the tables made of the samples. Measures nothing."""

import statistics

GOAL_RATIO = 1.35


def quantile(numbers, q):
    """As of a sorted list: the smallest number that a share of q does not pass."""
    ordered = sorted(numbers)
    return ordered[max(0, min(len(ordered) - 1, int(q * len(ordered) + 0.999999) - 1))]


class Figures:
    """Medians of the samples; None for what there is no sample of."""

    def __init__(self, samples):
        self.samples = samples

    def of(self, name):
        got = self.samples.get(name)
        return statistics.median(got) if got else None

    def sum(self, *names):
        parts = [self.of(name) for name in names]
        return None if None in parts else sum(parts)

    def ratios(self, over, under):
        """Round by round, since the machine may change between rounds."""
        pairs = zip(self.samples.get(over, []), self.samples.get(under, []))
        return [a / b for a, b in pairs]


def number(x, digits=None):
    if x is None:
        return "-"
    if digits is None:
        digits = 0 if abs(x) >= 100 else 1 if abs(x) >= 10 else 2
    return "{:,.{d}f}".format(x, d=digits)


def table(head, rows):
    """Columns as wide as they need to be; the first is text, the others end at the right."""
    cells = [head] + [[c if isinstance(c, str) else number(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        first, *rest = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in
                        enumerate(zip(row, widths)))
        print("  ".join([first, *rest]).rstrip())


CALL = ("parts.request_us", "parts.miss_us", "parts.answer_us", "parts.put_us")
HIT = ("parts.request_us", "parts.get_us")


class Path:
    """A row of the tasks over Kafka. floor: what its parts cost; the copy loop is added."""

    def __init__(self, title, key, goal, floor, raw=None, latency=None):
        self.title, self.key, self.goal = title, key, goal
        self.floor, self.raw, self.latency = floor, raw, latency


def paths(delivery):
    return [
        Path("cache hit", "hit." + delivery, 20, HIT, latency="hit.half." + delivery),
        Path("call, instant answer, 64 in flight", "call64." + delivery, 55,
             ("engine64.cpu_us",) + CALL, "raw64", "call64.half." + delivery),
        Path("call, instant answer, 4,096 in flight", "call4096", 80,
             ("engine4096.cpu_us",) + CALL, "raw4096"),
        Path("call, 1 s answers, 10,000 in flight", "call10000", 105,
             ("engine10000.cpu_us",) + CALL, "raw10000", "call10000"),
        Path("the same over TLS", "call10000_tls", 120, ("engine_tls.cpu_us",) + CALL, None,
             "call10000_tls"),
    ]


def path_row(f, p, delivery):
    got = f.samples.get(p.key + ".cpu_us")
    if not got:
        return missing_row(p.title, "us", p.goal, "not measured")
    floor = f.sum("copy." + delivery + ".cpu_us", *p.floor)
    us = statistics.median(got)
    ratio = us / floor if floor else None
    return {"row": p.title, "unit": "us", "goal": p.goal, "floor": floor, "reached": us,
            "least": min(got), "most": max(got), "ratio": ratio,
            "raw_client_us": f.of(p.raw + ".cpu_us") if p.raw else None,
            "per_s_per_core": 1e6 / us, "per_s": f.of(p.key + ".per_s"),
            "held_per_s": f.of(p.key + ".held_per_s"), "rss_mb": div(f.of(p.key + ".rss_kb"), 1024),
            "kb_per_task": f.of(p.key + ".kb_per_task"),
            "p50_ms": f.of(p.latency + ".p50_ms") if p.latency else None,
            "p99_ms": f.of(p.latency + ".p99_ms") if p.latency else None,
            "sim_us": f.of(p.key + ".sim_us"), "broker_us": f.of(p.key + ".broker_us"),
            "busy": f.of(p.key + ".busy"), "foreign": f.of(p.key + ".foreign"),
            "limit": GOAL_RATIO * floor if floor else p.goal,
            "good": ratio <= GOAL_RATIO if floor else us <= p.goal}


def div(a, b):
    return None if a is None else a / b


def missing_row(title, unit, goal, why):
    """A row of the goals of which there is nothing but the goal, and why."""
    return {"row": title, "unit": unit, "goal": goal, "floor": None, "limit": goal, "reached": None,
            "least": None, "most": None, "ratio": None, "good": None, "why": why}


def floor_row(title, unit, goal, numbers, floor, why):
    """A row that is bound by its floor, as the paths are, where there is one."""
    row = limit_row(title, unit, goal, numbers, floor=floor, why=why)
    if numbers and floor:
        row["limit"] = GOAL_RATIO * floor
        row["good"] = row["ratio"] <= GOAL_RATIO
    return row


def limit_row(title, unit, goal, numbers, more=False, floor=None, why="not measured"):
    """A row with one figure: at most its goal, or with `more` at least. Without figures it is only there for its goal."""
    if not numbers:
        return None if goal is None else missing_row(title, unit, goal, why)
    reached = statistics.median(numbers)
    good = None if goal is None else reached >= goal if more else reached <= goal
    return {"row": title, "unit": unit, "goal": goal, "floor": floor, "limit": goal, "reached": reached,
            "least": min(numbers), "most": max(numbers), "good": good,
            "ratio": div(reached, floor) if floor else div(reached, goal) if goal else None}


def growth(f, over, under):
    a, b = f.of(over), f.of(under)
    return [] if a is None or b is None else [a / b]


def waiting_rows(f, many):
    key = "waiting_%d" % many
    rss, few = f.of(key + ".rss_kb"), f.of("waiting_1000.rss_kb")
    title = "%s tasks wait: " % number(many, 0)
    if rss is None or few is None:
        return [missing_row(title + what, unit, None, "not measured")
                for what, unit in (("bytes for each", "bytes"), ("processor", "% of a core"))]
    size = f.of(key + ".record_bytes")
    return [
        limit_row(title + "bytes for each", "bytes", 1.5 * size + 1024,
                  [(rss - few) * 1024 / (many - 1000)], floor=size),
        limit_row(title + "processor", "% of a core", f.of("waiting_1000.percent") + 1,
                  f.samples[key + ".percent"], floor=f.of("waiting_1000.percent")),
    ]


def lone_rows(f, real):
    """One at a time over a real Apache Kafka: another broker answers in another time. The floor is twice the way of a
    record through it."""
    lone = f.samples.get("lone.at_least_once", []) if real else []
    exact = f.samples.get("lone.exactly_once", []) if real else []
    trip = f.samples.get("trip", []) if real else []
    provider_ms = (f.of("raw1.p50_us") or 0) / 1000
    p50, p99 = (trip and 2 * quantile(trip, q) for q in (0.5, 0.99))
    why = "not measured" if real else "SKIPPED: no real Apache Kafka here (java, mvn)"
    return [
        floor_row("record to reply, one at a time: p50", "ms", 2.5,
                  lone and [quantile(lone, 0.5) - provider_ms], p50, why),
        floor_row("record to reply, one at a time: p99", "ms", 10,
                  lone and [quantile(lone, 0.99) - provider_ms], p99, why),
        limit_row("the same, exactly_once: p50", "ms", None, exact and [quantile(exact, 0.5) - provider_ms]),
        limit_row("the same, exactly_once: p99", "ms", None, exact and [quantile(exact, 0.99) - provider_ms]),
    ]


def exact_rows(f, real):
    why = "not measured" if real else "SKIPPED: no real Apache Kafka here (java, mvn)"
    return [limit_row("exactly_once against at_least_once, rate of %s" % what, "", 0.9,
                      f.ratios(key + ".exactly_once.per_s", key + ".at_least_once.per_s"), more=True, why=why)
            for what, key in (("calls", "call64"), ("hits", "hit"))]


def limit_rows(f, many, real, full):
    rows = exact_rows(f, real) + [
        limit_row("1 s answers, 10,000 in flight: rate held", "/s", 9900,
                  f.samples.get("call10000.held_per_s"), more=True, floor=10000),
        limit_row("1 s answers, 10,000 in flight: memory", "MB", 400,
                  [kb / 1024 for kb in f.samples.get("call10000.rss_kb", [])]),
        limit_row("the same over TLS: memory", "MB", 1200,
                  [kb / 1024 for kb in f.samples.get("call10000_tls.rss_kb", [])]),
        limit_row("pool only, one at a time, added: p50", "us", 60, f.samples.get("pool_alone.p50_us")),
        limit_row("pool only, one at a time, added: p99", "us", 100, f.samples.get("pool_alone.p99_us")),
        *lone_rows(f, real),
        limit_row("a transaction, begin to committed: p50", "ms", None, f.samples.get("commit.p50_ms")),
        limit_row("a transaction, begin to committed: p99", "ms", None, f.samples.get("commit.p99_ms")),
        limit_row("start to first call, 1,000,000 stored", "ms", 300, f.samples.get("start.ms")),
        limit_row("cache hit with 1,000,000 stored", "us", None, f.samples.get("hit_of_1000000.cpu_us")),
        limit_row("a hit with 10,000,000 stored, times one with 1,000,000", "", 1.5,
                  growth(f, "hit_of_10000000.cpu_us", "hit_of_1000000.cpu_us"),
                  why="not measured" if full else "make bench-full"),
        *waiting_rows(f, many),
        None if full else missing_row("1,000,000 tasks wait", "", None, "make bench-full"),
    ]
    return [r for r in rows if r]


def verdict(row):
    return row.get("why") or {True: "yes", False: "NO", None: ""}[row["good"]]


def print_goals(rows):
    print("\nGoals")
    table(["row", "unit", "goal", "floor", "limit", "reached", "least", "most", "ratio", "met"],
          [[r["row"], r["unit"], r["goal"], r["floor"], r["limit"], r["reached"], r["least"], r["most"],
            number(r["ratio"], 2), verdict(r)] for r in rows])
    print("floor: what the parts of the path cost in this run. limit: %.2f times that, or the goal where there is no floor. "
          "ratio: reached by\nfloor, or by the goal. Paths over Kafka are processor time of all threads of the worker for a "
          "task, from record to reply." % GOAL_RATIO)


def print_paths(rows):
    rows = [r for r in rows if r["reached"] is not None]
    print("\nThe paths over Kafka")
    table(["path", "us/task", "tasks/s/core", "memory MB", "KB/task", "p50 ms", "p99 ms"],
          [[r["row"], r["reached"], r["per_s_per_core"], r["rss_mb"], r["kb_per_task"], r["p50_ms"],
            r["p99_ms"]] for r in rows])
    print("Latency: from the time that a request was due, at half of the rate reached at full load; of the rows with 1 s "
          "answers at 10,000/s.")
    print("\nWhat else worked in these windows")
    table(["path", "tasks/s", "worker busy %", "others on its processor %", "simulator us/task",
           "broker us/task", "raw client us/call"],
          [[r["row"], r["per_s"], 100 * r["busy"], 100 * r["foreign"], r["sim_us"], r["broker_us"],
            r["raw_client_us"]] for r in rows])


def print_parts(f, deliveries):
    print("\nWhat the floors are made of, and what commits cost, microseconds")
    rows = [["request parsed, written, hashed", f.of("parts.request_us")],
            ["answer parsed, written, hashed", f.of("parts.answer_us")],
            ["store: found", f.of("parts.get_us")], ["store: not found", f.of("parts.miss_us")],
            ["store: answer and journal entry written", f.of("parts.put_us")]]
    rows += [["Kafka copy loop, " + d, f.of("copy.%s.cpu_us" % d)] for d in deliveries]
    rows += [["broker: a commit", f.of("commits.broker_us")],
             ["broker: a transaction of one record", f.of("transactions.broker_us")]]
    for flight in (64, 4096, 10000):
        rows.append(["HTTP engine alone, %s in flight" % number(flight, 0), f.of("engine%d.cpu_us" % flight)])
        rows.append(["raw client, %s in flight" % number(flight, 0), f.of("raw%d.cpu_us" % flight)])
    rows.append(["HTTP engine alone over TLS, 10,000 in flight", f.of("engine_tls.cpu_us")])
    rows.append(["simulator for the raw client, 64 in flight", f.of("raw64.sim_us")])
    table(["part", "us"], [r for r in rows if r[1] is not None])


def print_contention(f):
    rows = []
    for kind in ("call", "hit"):
        for threads in (1, 2):
            key = "contention.%s.%d." % (kind, threads)
            got = [f.of(key + name) for name in ("per_s", "cpu_us", "lock", "work", "switches", "preempted")]
            if got[0] is not None:
                rows.append(["%s, pool.workers: %d" % (kind, threads), *got])
    if rows:
        print("\nWaits of the worker's threads for each other, of 1,000 tasks; the worker has all processors")
        table(["path", "tasks/s", "us/task", "for a lock", "for work", "switches", "preempted"], rows)
        print("for a lock, for work: futex waits of mutexes and of condition variables, by perf; switches: "
              "voluntary_ctxt_switches.")
