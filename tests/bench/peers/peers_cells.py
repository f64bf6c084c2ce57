"""peers_cells: a cell of the tables: one peer in one scenario, started, warmed, measured, ended. Knows nothing of a
peer but what its folder says (README.md), and prints nothing."""

import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

from peers_rig import HERE, LOAD, PARTITIONS, SLUICE, TICKS, Failed, Sim, Usage, end, first_lines, pinned

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "sluice" / "peers"
START_SECONDS = 90  # from the start of a peer to its first answers
FILL_SECONDS = 8
FILL_TRIAL = 200
FILL = 5000  # prompts of the scenario of hits, at most
MANY = 4000000  # requests: more than any peer answers in a window


class Peer:
    def __init__(self, name):
        self.name = name
        self.dir = HERE / name
        self.facts = [line.split(None, 2) for line in (self.dir / "facts").read_text().splitlines()]
        self.kind = next(f[1] for f in self.facts if f[0] == "kind")
        self.version = ""
        self.missing = None

    def fact(self, word, scenario):
        """What `facts` says with this word of a scenario, or of all limits."""
        names = (scenario["name"], scenario["name"].split("-")[0])
        return next((f[2] for f in self.facts if f[0] == word and f[1] in names), None)

    def window(self, scenario):
        """Seconds that are measured: whole minutes of a limit that the peer keeps by the minute."""
        if self.fact("minute", scenario):
            return scenario["minute"]
        return scenario["seconds"]

    def prepare(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [str(self.dir / "prepare"), str(CACHE / self.name)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            reason = done.stderr.strip().splitlines() or ["prepare said nothing"]
            self.missing = reason[-1]
        else:
            self.version = lines[-1]


def environment(peer, scenario, sim, work, broker, name):
    return dict(
        os.environ,
        PREPARED=str(CACHE / peer.name),
        PEERS_DIR=str(HERE),
        SLUICE=SLUICE,
        SIM=sim.url,
        WORK=str(work),
        IN_FLIGHT=str(scenario["in_flight"]),
        RPM=str(scenario.get("rpm", "")),
        CACHED="yes" if scenario.get("cache") else "",
        BROKER=broker.address if broker else "",
        REQUESTS=f"requests-{name}",
        REPLIES=f"replies-{name}",
        PARTITIONS=str(PARTITIONS),
        PROMPTS=str(work.parent / "prompts.jsonl"),
        TASKS=str(scenario["tasks"]),
        FILL=str(FILL),
        FILL_TRIAL=str(FILL_TRIAL),
        FILL_SECONDS=str(FILL_SECONDS),
        SECONDS_MEASURED=str(peer.window(scenario)),
    )


def tail(path):
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


class Queue:
    """A pair of topics that a peer serves, and the requests that are put on it."""

    def __init__(self, broker, name, prompts):
        self.broker, self.name, self.prompts = broker, name, prompts

    def command(self, count, window, seconds, mark, *warm):
        at = [LOAD, self.broker.address, f"requests-{self.name}", f"replies-{self.name}", str(self.prompts)]
        return pinned(0) + at + [str(x) for x in (count, window, seconds, mark, *warm)]

    def ask(self, count, window, seconds, mark):
        done = subprocess.run(self.command(count, window, seconds, mark), stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def measure(self, scenario, seconds, client, sim):
        """Asks without a break; what is measured begins when queue_load says so."""
        command = self.command(scenario["tasks"], scenario["open"], seconds, "asked", scenario["warm"], scenario["warm_most"])
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if asking.stdout.readline().strip() != "window":
                raise Failed("queue_load ended before it measured")
            before = sim.stats()
            with Usage(client.pid) as usage:
                line = asking.stdout.readline()
            if not line:
                raise Failed("queue_load ended without figures")
            return json.loads(line), usage, before
        finally:
            asking.kill()
            asking.wait()


def fill(queue, scenario, work):
    """Has prompts answered, so that they are in a cache, as many as it does in the time; from then on only these are asked."""
    trial = queue.ask(FILL_TRIAL, scenario["open"], 4 * FILL_SECONDS, "trial")
    count = min(FILL, max(FILL_TRIAL, int(trial["good"] / trial["seconds"] * FILL_SECONDS)))
    done = queue.ask(count, scenario["open"], 4 * FILL_SECONDS, "fill")
    if not (trial["all"] and done["all"]):
        raise Failed(f"its cache was not filled with {count} answers in {4 * FILL_SECONDS} s")
    first_lines(queue.prompts, count, work / "asked.jsonl")
    queue.prompts = work / "asked.jsonl"


def start(peer, env, log, **streams):
    return subprocess.Popen(
        pinned(1) + [str(peer.dir / "start")], env=env, stderr=log, start_new_session=True, text=True, **streams
    )


def measure_queue(peer, scenario, sim, work, broker, name):
    """A peer that serves a pair of topics."""
    log = work / "log"
    broker.topics(work, name)
    queue = Queue(broker, name, work.parent / "prompts.jsonl")
    with open(log, "w") as out:
        client = start(
            peer, environment(peer, scenario, sim, work, broker, name), out, stdin=subprocess.DEVNULL, stdout=out
        )
    try:
        first = queue.ask(2 * PARTITIONS, 2 * PARTITIONS, START_SECONDS, "first")
        if first["good"] < 2 * PARTITIONS:
            raise Failed(f"no answers within {START_SECONDS} s: {tail(log)}")
        if scenario.get("cache"):
            fill(queue, scenario, work)
            scenario = dict(scenario, tasks=MANY)
        figures, usage, before = queue.measure(scenario, peer.window(scenario), client, sim)
        if client.poll() is not None:
            raise Failed(f"it ended with {client.returncode} after {figures['answered']} answers: {tail(log)}")
        return figures, usage, before
    finally:
        end(client)


def expect(client, word, seconds):
    """The next line with this word that it writes; None when the time is over or it has ended."""
    got = []
    lines = iter(client.stdout.readline, "")
    reader = threading.Thread(target=lambda: got.append(next((li for li in lines if word in li), None)), daemon=True)
    reader.start()
    reader.join(max(0, seconds))
    return got[0] if got else None


def measure_file(peer, scenario, sim, work):
    """A peer that takes a list and gives a list: it says "ready" when it knows from a trial how many tasks it does in the
    time, gets a line, does them, says "done", and then its figures."""
    log = work / "log"
    seconds = peer.window(scenario)
    with open(log, "w") as out:
        env = environment(peer, scenario, sim, work, None, "none")
        client = start(peer, env, out, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if not expect(client, "ready", START_SECONDS):
            raise Failed(f"not ready: {tail(log)}")
        before = sim.stats()
        began = time.monotonic()
        with Usage(client.pid) as usage:
            client.stdin.write("go\n")
            client.stdin.flush()
            done = expect(client, "done", 3 * seconds + 60)
            took = time.monotonic() - began
        line = done and expect(client, "{", 60)
        if not line:
            raise Failed(f"no figures: {tail(log)}")
        return {"seconds": took, **json.loads(line), "job": True}, usage, before
    finally:
        end(client)


def measure(peer, scenario, top, broker, number):
    """The figures of a cell, or Failed."""
    name = f"{peer.name}-{scenario['name']}-{number}-{time.monotonic_ns() % 10**9}"
    work = top / name
    work.mkdir()
    sim = None
    try:
        sim = Sim(work, scenario)
        if peer.kind == "file":
            figures, usage, before = measure_file(peer, scenario, sim, work)
        else:
            figures, usage, before = measure_queue(peer, scenario, sim, work, broker, name)
        after = sim.stats()
    finally:
        if sim:
            sim.end()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)
    done = figures["good"] + figures.get("earlier", 0)  # what was left of getting warm has been work, too
    if not done:
        raise Failed(f"no good answer in {scenario['warm_most'] + figures['seconds']:.0f} s")
    if not figures["answered"]:
        figures["p50_ms"] = figures["p99_ms"] = None
    return {
        **figures,
        "per_second": done / figures["seconds"],
        "cpu_seconds": usage.cpu_used,
        "cpu_us_per_task": usage.cpu_used / done * 1e6,
        "tasks_per_cpu_second": done / max(usage.cpu_used, 1 / TICKS),
        "rss_mb": usage.peak / 1e6,
        "rss_kb_per_open_task": usage.peak / 1e3 / scenario["open"],
        "calls": after["calls"] - before["calls"],
        "refused": after["violations"].get("rpm", 0) - before["violations"].get("rpm", 0),
    }
