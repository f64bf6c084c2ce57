"""watching: what metrics and traces add to a task, in pairs and in counts; the rows and their table.

A pair is two file jobs, alike but for what is asked about, that run on the same processors at the same time: what
disturbs one disturbs the other, so that the ratio of their processor times holds on a machine with other work. Each
pair has processes of its own, since two processes are never quite alike. `control` has pairs that are alike, and
shows what pairs cannot tell. A scrape is too small for pairs and is measured alone. Counts are of instructions
(instructions.sh watch): they see no cold memory and no system, and need no quiet.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess

import machine
from machine import Failed
from report import number, table, verdict
from rig import Scraper, Sink, Worker, free_port

GOAL = 2.0  # percent
PAIRS = {"hit": 16, "call": 12}  # a round
PER_S = {"hit": 10000, "call": 5000}  # tasks of a job: it takes so many seconds, about
SCRAPE_S = 5
SCRAPES = 200

ROWS = (("control", "nothing: pairs that are alike", None),
        ("metrics", "metrics, counted whether read or not", GOAL),
        ("scrape", "metrics, a scrape every %d s: of a processor" % SCRAPE_S, GOAL),
        ("traces", "traces, default traces.sample_ratio", GOAL),
        ("all_traces", "traces of all tasks", None))
COUNTED = {"metrics": "metrics", "traces": "traces at the default ratio", "all_traces": "traces at ratio 1"}


class Watching:
    def __init__(self, bench):
        self.bench = bench

    def control(self):
        self.pairs("control", [])

    def scrape(self):
        port = free_port()
        with Worker(self.bench.rig, more="observability: {listen: '127.0.0.1:%d'}" % port) as w:
            w.warm()
            scraper = Scraper(port)
            scraper.scrape()
            before = machine.cpu_seconds(w.process.pid)
            for _ in range(SCRAPES):
                scraper.scrape()
            spent = machine.cpu_seconds(w.process.pid) - before
        self.bench.samples.add("scrape", percent=spent / SCRAPES / SCRAPE_S * 100)

    def traces(self):
        sink = Sink()
        for name, more in (("traces", []), ("all_traces", ["--set", "traces.sample_ratio=1"])):
            before = sink.spans
            self.pairs(name, ["--set", "traces.endpoint=http://127.0.0.1:%d" % sink.port] + more)
            if sink.spans == before:
                raise Failed("no span came to the sink")

    def pairs(self, name, more):
        jobs = Jobs(self.bench.rig, self.bench.seconds)
        try:
            for kind in ("call", "hit"):
                jobs.prepare(kind)
                for i in range(PAIRS[kind]):
                    on, off = jobs.pair(kind, more, i % 2)
                    self.bench.samples.add("%s.%s" % (name, kind), percent=(on / off - 1) * 100, on_us=on, off_us=off)
        finally:
            jobs.close()

    def counts(self):
        script = pathlib.Path(__file__).parent / "instructions.sh"
        done = subprocess.run([script, "watch"], capture_output=True, text=True, check=False,
                              env=dict(os.environ, BUILD=str(self.bench.rig.sluice.parent)))
        if done.returncode:
            raise Failed((done.stdout + done.stderr).strip()[-300:])
        for kind, what, percent in re.findall(r"^(\w+), (.*): .* ([-+][0-9.]+) %$", done.stdout, re.M):
            self.bench.samples.add("counted.%s.%s" % (kind, what), percent=float(percent))


class Jobs:
    """Two file jobs at a time, "on" and "off", of the same prompts, each with a store of its own."""

    def __init__(self, rig, seconds):
        self.rig = rig
        self.seconds = seconds
        self.where = rig.work / "jobs"
        self.where.mkdir()
        (self.where / "c.yaml").write_text(
            "model_list: [{model_name: fast, params: {model: openai/sim, api_key: none,\n"
            "  api_base: 'http://127.0.0.1:%d/v1'}}]\npool: {workers: %d}\n" %
            (rig.sim()[0], len(rig.cores.measured)))

    def close(self):
        shutil.rmtree(self.where, ignore_errors=True)

    def prepare(self, kind):
        """Writes the prompts; for hits, both stores get their answers, and are opened once more."""
        self.tasks = max(1000, int(PER_S[kind] * self.seconds))
        with open(self.where / "in.jsonl", "w", encoding="utf-8") as f:
            for i in range(self.tasks):
                f.write(json.dumps({"custom_id": "w%d" % i, "body": {"model": "fast", "messages": [
                    {"role": "user", "content": "prompt %d %s" % (i, "x" * 900)}]}}) + "\n")
        for _ in range(2 if kind == "hit" else 0):
            self.pair("hit", [], 0)

    def pair(self, kind, more, turn):
        """Microseconds a task of "on", which has these options more, and of "off"; they take turns to start first."""
        pids = {}
        for name in (("on", "off"), ("off", "on"))[turn]:
            pids[name] = self.start(kind, name, more if name == "on" else [])
        return [self.spent(pids[name]) / self.tasks * 1e6 for name in ("on", "off")]

    def start(self, kind, name, more):
        store = self.where / (name + ".store")
        for old in self.where.glob(name + ".out*"):
            old.unlink()
        if kind == "call":
            shutil.rmtree(store, ignore_errors=True)
        return machine.start([self.rig.sluice, "batch", "-i", self.where / "in.jsonl", "-o", self.where / (name + ".out"),
                              "-c", self.where / "c.yaml", "--store", store, "--progress", "none", *more],
                             self.rig.cores.measured, stderr=subprocess.DEVNULL)

    def spent(self, process):
        """Seconds of processor time, of all threads, user and system, from start to end."""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failed("a file job ended with %d" % process.returncode)
        return used.ru_utime + used.ru_stime


def interval(numbers):
    """Between these is the median of all that could have been measured, with 95 %: by ranks, whatever their shape."""
    ordered = sorted(numbers)
    n = len(ordered)
    low = max(0, int(n / 2 - 0.98 * n ** 0.5))
    return ordered[low], ordered[n - 1 - low]


def words(row):
    """Met, if the whole interval is below the goal; a row without pairs goes by what it has."""
    if row["goal"] is None:
        return ""
    low, high = row["interval"] or (row["reached"], row["reached"])
    if low is None:
        low = high = row["instructions"]
    return verdict({"good": high <= row["goal"]}) if high <= row["goal"] or low > row["goal"] else "open"


def row(samples, key, title, goal, kind):
    got = samples.get(".".join(filter(None, (key, kind, "percent"))), [])
    counted = samples.get("counted.%s.%s.percent" % (kind, COUNTED.get(key)))
    made = {"row": title, "to": kind, "unit": "%", "goal": goal, "pairs": len(got) if kind else 0,
            "reached": statistics.median(got) if got else None, "interval": interval(got) if got and kind else None,
            "instructions": statistics.median(counted) if counted else None}
    return dict(made, met=words(made)) if got or counted else None


def watching_rows(samples):
    found = [row(samples, key, title, goal, kind) for key, title, goal in ROWS for kind in ("hit", "call", "")]
    return [r for r in found if r]


def signed(x):
    return "-" if x is None else "%+.2f" % x


def print_watching(rows):
    if not rows:
        return
    print("\nWhat watching adds, percent")
    table(["what", "to a", "goal", "processor time", "from", "to", "pairs", "instructions", "met"],
          [[r["row"], r["to"], number(r["goal"], 0), signed(r["reached"]), *map(signed, r["interval"] or (None, None)),
            str(r["pairs"] or "-"), signed(r["instructions"]), r["met"]] for r in rows])
    print("processor time: of all threads, user and system, of two file jobs that run on the same processors at the same\n"
          "time; the median of the pairs, and between what it is with 95 %; met when all of that is below the goal.\n"
          "instructions: of all threads in user space, by callgrind, in a file job.")
