"""rows: what is measured, one function a group of paths; each is called once a round and adds to the samples."""

import json
import shutil
import socket
import subprocess
import time

import machine
from machine import Failed
from rig import TlsFront, Worker, latency_s, settle
from waits import Waits

MISS_PER_S = 8000  # about what a core does, for how many tasks make a pass of so many seconds
HIT_PER_S = 15000
FLIGHT = 10000  # of the rows with answers of one second
IN_FLIGHT_MAX = 1000000  # pool.max_in_flight
LONE = 100
LONE_WARM = 40  # a broker that has just started is slower


class Samples(dict):
    """Lists of figures, by name."""

    def add(self, name, **figures):
        for key, value in figures.items():
            self.setdefault(name + "." + key, []).append(value)


class Bench:
    def __init__(self, rig, seconds):
        self.rig = rig
        self.seconds = seconds
        self.samples = Samples()
        self.tls = None

    def tasks(self, per_s):
        return max(2000, int(per_s * self.seconds))

    # ---- limits of the parts ----

    def floors(self):
        """Libraries, HTTP client and engine, alone, on the processors that the worker has."""
        port, sim_pid = self.rig.sim()
        url = "http://127.0.0.1:%d/v1/chat/completions" % port
        place = self.rig.work / "parts"
        self.samples.add("parts", **self.rig.run("parts", place, 60000))
        shutil.rmtree(place)
        for flight in (1, 64, 4096):
            n = 3000 if flight == 1 else 4 * self.tasks(MISS_PER_S)
            before = machine.cpu_seconds(sim_pid)
            raw = self.rig.run("raw_calls", port, flight, n)
            spent = machine.cpu_seconds(sim_pid) - before
            self.samples.add("raw%d" % flight, sim_us=spent / (n + flight) * 1e6, **raw)
            if flight > 1:
                self.samples.add("engine%d" % flight, **self.rig.run("engine_calls", url, flight, n))

    def floors_slow(self):
        """10,000 calls in flight, answers of a second."""
        port, _ = self.rig.sim("1000ms")
        n = FLIGHT * max(2, int(self.seconds))
        self.samples.add("raw10000", **self.rig.run("raw_calls", port, FLIGHT, n))
        url = "http://127.0.0.1:%d/v1/chat/completions" % port
        self.samples.add("engine10000", **self.rig.run("engine_calls", url, FLIGHT, n))

    # ---- over Kafka ----

    def full_load(self):
        """Both deliveries, 64 calls in flight: calls, then the same prompts from the cache; the copy loop on the
        same records; latency at half of the rate."""
        for delivery in ("exactly_once", "at_least_once") if self.rig.real else ("at_least_once",):
            with Worker(self.rig, delivery) as w:
                w.warm()
                self.passes(w, delivery)
                self.copy(w, delivery)
            commits = w.commit_ms()
            if delivery == "exactly_once" and commits:
                self.samples.add("commit", p50_ms=commits[0], p99_ms=commits[1])

    def passes(self, w, delivery):
        n = self.tasks(MISS_PER_S)
        first = self.rig.prompts(n)
        miss = w.load(first, n)
        hit = w.load(first, n, hits=True)
        hit = w.load(first, n, hits=True)  # twice: the first finds cold caches
        self.samples.add("call64." + delivery, **miss)
        self.samples.add("hit." + delivery, **hit)
        rate = int(miss["per_s"] / 2)
        m = max(200, int(rate * self.seconds))
        self.samples.add("call64.half." + delivery, **w.load(self.rig.prompts(m), m, rate))
        rate = int(hit["per_s"] / 2)
        m = min(n, max(200, int(rate * self.seconds)))
        self.samples.add("hit.half." + delivery, **w.load(first, m, rate, hits=True))

    def copy(self, w, delivery):
        n = 2 * self.tasks(MISS_PER_S)
        args = [self.rig.broker, "requests-" + w.name, "dead-" + w.name, n]
        if not self.rig.real:
            args[2] = "replies-" + w.name
        if delivery == "exactly_once":
            args.append("copy-" + w.name)
        self.samples.add("copy." + delivery, **self.rig.run("copy_records", *args))

    def many_calls(self):
        with Worker(self.rig, calls=4096) as w:
            idle_kb = w.warm()
            n = self.tasks(MISS_PER_S)
            got = w.load(self.rig.prompts(n), n)
            self.samples.add("call4096", kb_per_task=(got["rss_kb"] - idle_kb) / 4096, **got)

    def slow_calls(self):
        self.hold_rate("call10000", Worker(self.rig, calls=FLIGHT + FLIGHT // 20, latency="1000ms"))

    def slow_calls_tls(self):
        self.tls = self.tls or TlsFront(self.rig, "1000ms")
        url = "https://127.0.0.1:%d/v1/chat/completions" % self.tls.port
        n = FLIGHT * max(2, int(self.seconds))
        self.samples.add("engine_tls", **self.rig.run("engine_calls", url, FLIGHT, n, self.tls.ca))
        self.hold_rate("call10000_tls", Worker(self.rig, calls=FLIGHT + FLIGHT // 20,
                                               latency="1000ms", tls=self.tls))

    def hold_rate(self, name, worker):
        """FLIGHT requests a second, whatever becomes of them; answers take a second."""
        with worker as w:
            idle_kb = machine.rss_kb(w.process.pid)
            w.warm()
            n = FLIGHT * max(2, int(self.seconds + latency_s(w.latency)))
            got = w.load(self.rig.prompts(n), n, FLIGHT)
            self.samples.add(name, kb_per_task=(got["rss_kb"] - idle_kb) / FLIGHT, **got)

    def lone(self):
        """One request at a time, from sent to its reply visible, less what the provider takes."""
        for delivery in ("at_least_once", "exactly_once") if self.rig.real else ("at_least_once",):
            with Worker(self.rig, delivery) as w:
                w.warm()
                self.lone_ms("lone." + delivery, "requests-" + w.name, "replies-" + w.name)
                if delivery == "at_least_once":
                    self.lone_ms("trip", "dead-" + w.name if self.rig.real else "replies-" + w.name)

    def lone_ms(self, name, asked, replied=None):
        """Milliseconds from a record in one topic to its reply in another, or to itself."""
        said = machine.run([self.rig.bin / "reply_clock", "lone", self.rig.broker, asked, replied or asked, LONE],
                           self.rig.cores.others)
        ms = [(int(seen) - int(sent)) / 1000 for seen, sent, *_ in
              (line.split() for line in said.splitlines() if line[0] != "#")]
        self.samples.setdefault(name, []).extend(ms[LONE_WARM:])

    # ---- without Kafka ----

    def pool_alone(self):
        port, _ = self.rig.sim()
        raw = self.rig.run("raw_calls", port, 1, 2000)
        got = self.rig.run("pool_alone", "http://127.0.0.1:%d/v1" % port, 2000)
        self.samples.add("pool_alone", p50_us=got["p50_us"] - raw["p50_us"],
                         p99_us=got["p99_us"] - raw["p50_us"], provider_us=raw["p50_us"])

    # ---- what commits cost the broker ----

    def coordination(self):
        """Processor time of the broker for a commit, and for a transaction of one record. What it does anyway is taken off."""
        if not self.rig.real:
            raise Failed("there is no real Apache Kafka here (java, mvn)")
        with Worker(self.rig) as w:  # for its topics
            topic = "dead-" + w.name
        at = machine.cpu_seconds(self.rig.broker_pid)
        settle(2)
        idle = (machine.cpu_seconds(self.rig.broker_pid) - at) / 2
        for what, count in (("commits", 10000), ("transactions", 300)):
            us, per_s = self.coordinate(what, topic, count, idle)
            self.samples.add(what, broker_us=us, per_s=per_s)

    def coordinate(self, what, topic, count, idle):
        process = machine.start([self.rig.bin / "coordinate", what, self.rig.broker, topic, count],
                                self.rig.cores.measured, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        if process.stdout.readline().strip() != "ready":
            raise Failed("coordinate %s does not begin" % what)
        before, began = machine.cpu_seconds(self.rig.broker_pid), time.monotonic()
        process.stdin.write("go\n")
        process.stdin.close()
        said = process.stdout.readline()
        spent = machine.cpu_seconds(self.rig.broker_pid) - before - idle * (time.monotonic() - began)
        machine.stop(process)
        if not said:
            raise Failed("coordinate %s: it did not get to its end" % what)
        return max(0, spent) / count * 1e6, machine.values(said)["per_s"]

    # ---- what threads wait for each other ----

    def contention(self):
        """One thread that calls, and two, of a worker that has all processors: waits and switches of a task."""
        cores = sorted(set(self.rig.cores.measured) | set(self.rig.cores.others))
        for threads in (1, 2):
            with Worker(self.rig, threads=threads, cores=cores) as w:
                w.warm()
                n = self.tasks(MISS_PER_S)
                first = self.rig.prompts(n)
                for kind in ("call", "hit"):
                    with Waits(w.process.pid) as waits:
                        got = w.load(first, n, hits=kind == "hit")
                    self.samples.add("contention.%s.%d" % (kind, threads), per_s=got["per_s"],
                                     cpu_us=got["cpu_us"], **waits.per_task(n))

    # ---- growth ----

    def store_of(self, entries):
        """A configuration and a store with answers to prompts from 1,000,000,000 on."""
        w = Worker(self.rig, store=self.rig.work / ("store-%d" % entries))
        w.write_config()
        if not w.store.exists():
            machine.run([self.rig.bin / "fill_store", w.config, 1000000000, 1000000000 + entries],
                        self.rig.cores.others, seconds=1800)
        return w

    def start_with(self, entries):
        """From exec to the first call, of a file job with this store."""
        store = self.store_of(entries).store
        prompt, config = self.rig.work / "one.jsonl", self.rig.work / "one.yaml"
        prompt.write_text('{"custom_id":"a","body":{"model":"fast","messages":'
                          '[{"role":"user","content":"first"}]}}\n')
        for old in self.rig.work.glob("one.out*"):
            old.unlink()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            config.write_text("model_list: [{model_name: fast, params: {model: openai/sim, api_key: none,"
                              " api_base: 'http://127.0.0.1:%d/v1'}}]\n" % listener.getsockname()[1])
            began = time.monotonic()
            job = machine.start([self.rig.sluice, "batch", "-i", prompt, "-o", self.rig.work / "one.out",
                                 "-c", config, "--store", store, "--progress", "none"],
                                self.rig.cores.measured, stderr=subprocess.DEVNULL)
            try:
                listener.accept()[0].close()
            except OSError as e:
                raise Failed("no call came: %s" % e) from None
            self.samples.add("start", ms=(time.monotonic() - began) * 1000)
        job.terminate()
        machine.stop(job)

    def hits_of(self, entries):
        w = self.store_of(entries)
        n = self.tasks(HIT_PER_S)
        with w:
            w.load(1000000000 + entries - n, n, hits=True)
            got = w.load(1000000000, n, hits=True)
        self.samples.add("hit_of_%d" % entries, **got)

    def waiting(self, tasks):
        """A file job of which all wait for a limit: memory of each, and processor time while nothing happens."""
        port, _ = self.rig.sim()
        where = self.rig.work / ("waiting-%d" % tasks)
        where.mkdir()
        with open(where / "in.jsonl", "w", encoding="utf-8") as f:
            for i in range(tasks):
                f.write(json.dumps({"custom_id": "w%d" % i, "body": {"model": "fast", "messages": [
                    {"role": "user", "content": "waiting %d %s" % (i, "x" * 900)}]}}) + "\n")
        (where / "c.yaml").write_text(
            "model_list: [{model_name: fast, params: {model: openai/sim, api_key: none, rpm: 1,\n"
            "  api_base: 'http://127.0.0.1:%d/v1'}}]\npool: {max_in_flight: %d}\n" % (port, min(tasks + 10, IN_FLIGHT_MAX)))
        job = machine.start([self.rig.sluice, "batch", "-i", where / "in.jsonl", "-o", where / "out",
                             "-c", where / "c.yaml", "--store", where / "store", "--progress", "none"],
                            self.rig.cores.measured, stderr=subprocess.DEVNULL)
        quiet(job)
        before = machine.cpu_seconds(job.pid)
        settle(2 * self.seconds)
        self.samples.add("waiting_%d" % tasks, rss_kb=machine.rss_kb(job.pid),
                         percent=(machine.cpu_seconds(job.pid) - before) / (2 * self.seconds) * 100,
                         record_bytes=(where / "in.jsonl").stat().st_size / tasks)
        job.kill()
        job.wait()
        shutil.rmtree(where)


def quiet(process):
    """Waits until a process has used next to nothing for a second."""
    def still():
        before = machine.cpu_seconds(process.pid)
        settle(1)
        if process.poll() is not None:
            raise Failed("it ended with %d" % process.returncode)
        return machine.cpu_seconds(process.pid) - before < 0.03

    machine.wait_for("everything to wait", still, 600)
