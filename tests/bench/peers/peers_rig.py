"""peers_rig: what all peers share: prompts, simulated provider, broker; and what a session of processes has used."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
SLUICE = str(BUILD / "sluice")
LOAD = str(BUILD / "tests/bench/peers/queue_load")
FIXTURE = str(ROOT / "tests/lib/kafka-fixture")
SEED = int(os.environ.get("SEED", "1"))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PARTITIONS = 12
SAMPLE_SECONDS = 0.2
ENDINGS = 5000  # of different prompts, which their numbers make different


class Skip(Exception):
    """Something without which nothing can be measured here."""


class Failed(Exception):
    """A run without figures."""


def pinned(core):
    """A core for what is measured, the other for all the rest, where there are two and taskset."""
    if os.cpu_count() >= 2 and shutil.which("taskset"):
        return ["taskset", "-c", str(core)]
    return []


class Usage:
    """Processor time and memory of the processes of one session (setsid), also of those that were waited for."""

    def __init__(self, sid):
        self.sid = sid
        self.peak = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)

    def processes(self):
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                with open(f"/proc/{entry.name}/stat") as f:
                    fields = f.read().rpartition(") ")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.sid:
                yield fields

    def cpu(self):
        return sum(sum(int(n) for n in f[11:15]) for f in self.processes()) / TICKS

    def rss(self):
        return sum(int(f[21]) * PAGE for f in self.processes())

    def sample(self):
        while not self.stop.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self.rss())

    def __enter__(self):
        self.peak = self.rss()
        self.cpu_before = self.cpu()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.cpu_used = self.cpu() - self.cpu_before
        self.stop.set()
        self.thread.join()


def end(process):
    """The whole session of a process, at once: nothing that it has is needed any more."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def write_prompts(path, count):
    """Different prompts of 150 to 500 characters, as users write them; one request body a line."""
    draw = random.Random(SEED)
    words = ["".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randint(2, 9))) for _ in range(2000)]
    endings = [" ".join(draw.choices(words, k=draw.randint(24, 75))) for _ in range(ENDINGS)]
    with open(path, "w") as out:
        for i in range(count):
            out.write(
                '{"model":"fast","messages":[{"role":"user","content":"Question %d: %s?"}],'
                '"temperature":0,"max_completion_tokens":64}\n' % (i, endings[i % ENDINGS])
            )


def first_lines(path, count, to):
    with open(path) as lines, open(to, "w") as out:
        out.writelines(line for line, _ in zip(lines, range(count)))


class Sim:
    """The simulated provider of one run."""

    def __init__(self, work, scenario):
        port = work / "sim.port"
        options = ["--latency", scenario["latency"], "--answer", "lorem", "--port", "0", "--port-file", str(port)]
        if "rpm" in scenario:
            options += ["--rpm", str(scenario["rpm"])]
        self.process = subprocess.Popen(
            pinned(0) + [SLUICE, "sim", "--max-connections", "40000"] + options, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not (port.exists() and port.read_text().strip()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.end()
                raise Failed("the simulator did not start")
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{port.read_text().strip()}"

    def stats(self):
        with urllib.request.urlopen(self.url + "/stats", timeout=30) as answer:
            return json.load(answer)

    def end(self):
        self.process.terminate()
        self.process.wait()


class Broker:
    """A real Apache Kafka; each run has topics of its own."""

    def __init__(self, work):
        self.dir = str(work / "kafka")
        started = subprocess.run(pinned(0) + [FIXTURE, "start", self.dir], stdout=subprocess.PIPE, text=True)
        if started.returncode:
            raise Skip("there is no broker (see above)")
        self.address = started.stdout.strip()

    def topics(self, work, name):
        """A new pair of topics."""
        config = work / "topics.yaml"
        config.write_text(
            f'kafka: {{bootstrap.servers: "{self.address}"}}\n'
            f'topics: {{requests: ["requests-{name}"], replies: "replies-{name}", dead_letter: "dead-{name}", '
            f"partitions: {PARTITIONS}, replication: 1}}\n"
            "model_list: [{model_name: fast, params: {model: openai/sim, api_base: http://127.0.0.1:9/v1, api_key: none}}]\n"
        )
        made = subprocess.run([SLUICE, "topics", "create", "-c", str(config)], capture_output=True, text=True)
        if made.returncode:
            raise Failed("topics: " + made.stderr.strip())

    def end(self):
        subprocess.run([FIXTURE, "clean", self.dir], check=False)
