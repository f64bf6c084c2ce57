"""peers_table: the tables made of the cells. Measures nothing."""

import statistics

COLUMNS = (
    ("tasks/s/core", "tasks_per_cpu_second", "{:,.0f}"),
    ("CPU us/task", "cpu_us_per_task", "{:,.1f}"),
    ("tasks/s", "per_second", "{:,.1f}"),
    ("p99 ms", "p99_ms", "{:,.1f}"),
    ("RSS MB", "rss_mb", "{:,.0f}"),
    ("KB/open task", "rss_kb_per_open_task", "{:,.1f}"),
)
TITLES = {
    "instant": "instant provider, {in_flight} calls in flight",
    "200ms": "provider of 200 ms, {in_flight} in flight",
    "1s": "provider of 1 s, {in_flight} in flight",
    "hits": "all answers from the cache",
    "limit-100": "limit of 100 a second, {open} queued",
    "limit-1000": "limit of 1,000 a second, {open} queued",
}
# Where less is better. With a limit the latency of a task is how long it was queued, and nobody's merit.
COMPARED = (("CPU us/task", "cpu_us_per_task"), ("p99 ms", "p99_ms"), ("RSS MB", "rss_mb"))


def median(runs, key):
    values = [r[key] for r in runs if r.get(key) is not None]
    return statistics.median(values) if values else None


def title(scenario):
    numbers = {k: f"{v:,}" if isinstance(v, int) else v for k, v in scenario.items()}
    return TITLES[scenario["name"]].format(**numbers)


def remarks(runs, scenario):
    notes = []
    count, seconds = median(runs, "answered"), median(runs, "seconds")
    job = "a job of " if runs[0].get("job") else ""
    notes.append(f"{job}{count:,.0f} in {seconds:.0f} s")
    if any(r.get("before", scenario["in_flight"]) < scenario["in_flight"] for r in runs):
        notes.append("not warm: fewer answers before than calls in flight")
    bad = max(r["answered"] - r["good"] for r in runs)
    if bad:
        notes.append(f"{bad:,} failed")
    if max(r.get("repeated", 0) for r in runs):
        notes.append(f"{max(r['repeated'] for r in runs):,} repeated")
    if scenario.get("cache") and any(r["calls"] for r in runs):
        notes.append(f"{max(r['calls'] for r in runs):,} calls all the same")
    if "rpm" in scenario:
        notes.append(f"{max(r['refused'] for r in runs):,} calls over the limit")
    return "; ".join(notes)


def row(name, cells, scenario):
    runs = [c["figures"] for c in cells if "figures" in c]
    if not runs:
        why = cells[-1]["why"] if cells else "not run"
        return f"| {name} | " + " | ".join("-" for _ in COLUMNS) + f" | {why} |"
    texts = []
    for _, key, form in COLUMNS:
        value = median(runs, key)
        texts.append("-" if value is None else form.format(value))
    return f"| {name} | " + " | ".join(texts) + f" | {remarks(runs, scenario)} |"


def scenario_table(scenario, names, cells):
    lines = ["", title(scenario), "", "| | " + " | ".join(c[0] for c in COLUMNS) + " | |"]
    lines.append("|---|" + "---:|" * len(COLUMNS) + "---|")
    for name in names:
        mine = [c for c in cells if c["peer"] == name and c["scenario"] == scenario["name"]]
        lines.append(row(name, mine, scenario))
    return lines


def rivals(peer, kinds):
    """What of ours a peer is beside: a list beside a list, a consumer beside a worker."""
    ours = ("sluice-batch",) if kinds.get(peer) == "file" else ("sluice", "sluice-at-least-once")
    return [o for o in ours if o in kinds]


def behind(scenarios, kinds, cells):
    """A line for each figure in which a peer is ahead of ours."""
    lines = []
    for scenario in scenarios:
        runs = {}
        for c in cells:
            if c["scenario"] == scenario["name"] and "figures" in c:
                runs.setdefault(c["peer"], []).append(c["figures"])
        for peer in (p for p in runs if not p.startswith("sluice")):
            for own in (o for o in rivals(peer, kinds) if o in runs):
                for name, key in COMPARED:
                    a, b = median(runs[peer], key), median(runs[own], key)
                    if a is None or b is None or a >= b or ("rpm" in scenario and key == "p99_ms"):
                        continue
                    lines.append(f"- {scenario['name']}: {peer} {name} {a:,.1f}, {own} {b:,.1f}")
    return lines


def text(head, scenarios, kinds, cells):
    lines = list(head)
    for scenario in scenarios:
        lines += scenario_table(scenario, list(kinds), cells)
    lines += ["", "Figures in which a peer is ahead", ""]
    return lines + (behind(scenarios, kinds, cells) or ["- none"])
