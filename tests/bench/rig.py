"""rig: what is measured and measured with: simulator, broker, TLS front, worker. Knows no rows and no goals."""

import gzip
import http.server
import itertools
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import machine
from machine import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTITIONS = 12
WARM = 1000


class Rig:
    """The broker, the simulators, and numbers for prompts that nobody has asked yet."""

    def __init__(self, work, build, cores):
        self.work = work
        self.cores = cores
        self.sluice = build / "sluice"
        self.bin = build / "tests" / "bench"
        self.sims = {}
        self.names = itertools.count()
        self.next_prompt = 0
        self.broker = self.broker_pid = None
        self.real = self._real_broker()

    def _real_broker(self):
        fixture = ROOT / "tests" / "lib" / "kafka-fixture"
        env = dict(os.environ, KAFKA_FIXTURE_HEAP=os.environ.get("KAFKA_FIXTURE_HEAP", "1g"))
        done = subprocess.run([fixture, "start", self.work / "kafka"], capture_output=True,
                              text=True, env=env, check=False)
        if done.returncode != 0:
            self.why_embedded = done.stderr.strip().splitlines()[-1:] or ["it does not start"]
            return False
        self.broker = done.stdout.strip()
        self.broker_pid = int((self.work / "kafka" / "pid").read_text())
        return True

    def close(self):
        for process in list(machine.started):
            machine.stop(process)
        subprocess.run([ROOT / "tests" / "lib" / "kafka-fixture", "clean", self.work / "kafka"],
                       check=False)

    def run(self, program, *args, measured=True):
        cores = self.cores.measured if measured else self.cores.others
        return machine.values(machine.run([self.bin / program, *args], cores))

    def prompts(self, n):
        """The first of n numbers that were never used."""
        first = self.next_prompt
        self.next_prompt += n
        return first

    def sim(self, latency="0ms"):
        """The simulator of this latency: (port, process id)."""
        if latency not in self.sims:
            port = self.work / ("sim-%s.port" % latency)
            log = open(self.work / "sim.log", "a", encoding="utf-8")
            process = machine.start([self.sluice, "sim", "--port", 0, "--port-file", port,
                                     "--latency", latency, "--max-connections", 60000],
                                    self.cores.others, stderr=log)
            machine.wait_for("the simulator", lambda: port.exists() and port.read_text().strip())
            self.sims[latency] = (int(port.read_text()), process.pid)
        return self.sims[latency]

    def embedded_broker(self, topics):
        """A new one for each worker, since it forgets nothing until it ends."""
        process = machine.start([self.bin / "embedded_broker", PARTITIONS * 4, *topics],
                                self.cores.others, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)
        self.broker = process.stdout.readline().strip()
        self.broker_pid = process.pid
        return process


class TlsFront:
    """nginx between a worker and the simulator: two processes, since each call takes two of a process's files."""

    def __init__(self, rig, latency):
        unpacked = rig.sluice.parent / "nginx" / "usr" / "sbin" / "nginx"
        nginx = shutil.which("nginx") or (unpacked.exists() and unpacked)
        if not nginx:
            raise Failed("nginx is missing (make deps-bench)")
        self.port = free_port()
        where = rig.work / "tls"
        where.mkdir()
        self.ca = where / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        where / "key.pem", "-out", self.ca], check=True, capture_output=True)
        (where / "nginx.conf").write_text("""
daemon off; user root; worker_processes 2; pid %(at)s/pid; error_log %(at)s/error.log; 
events { worker_connections 19000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_body_buffer_size 16k;
  client_body_temp_path %(at)s/b; proxy_temp_path %(at)s/p; fastcgi_temp_path %(at)s/f;
  uwsgi_temp_path %(at)s/u; scgi_temp_path %(at)s/s;
  upstream sim { server 127.0.0.1:%(sim)d; keepalive 20000; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%(port)d ssl reuseport backlog=16384; ssl_certificate %(at)s/cert.pem;
    ssl_certificate_key %(at)s/key.pem; ssl_protocols TLSv1.3;
    location / { proxy_pass http://sim; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
""" % {"at": where, "sim": rig.sim(latency)[0], "port": self.port})
        self.process = machine.start([nginx, "-p", where, "-c", where / "nginx.conf"],
                                     rig.cores.others, stderr=subprocess.DEVNULL)
        machine.wait_for("nginx", lambda: (where / "pid").exists() or self.process.poll(), 10)
        if self.process.poll() is not None:
            raise Failed("nginx: " + (where / "error.log").read_text()[-300:])



def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Worker:
    """A worker with topics, group and store of its own; `with` starts and drains it."""

    def __init__(self, rig, delivery="exactly_once", calls=64, latency="0ms", tls=None, more="",
                 store=None, threads=None, cores=None, cache=""):
        self.rig = rig
        self.name = "b%d" % next(rig.names)
        self.delivery = delivery if rig.real else "at_least_once"
        self.calls = calls
        self.latency = latency
        self.sim_port, self.sim_pid = rig.sim(latency)
        self.tls = tls
        self.more = more
        self.cache = ", " + cache if cache else ""
        self.threads = threads or len(rig.cores.measured)
        self.cores = cores or rig.cores.measured
        self.store = store or rig.work / ("store-" + self.name)
        self.keep_store = store is not None
        self.broker = self.process = None

    def write_config(self):
        base = "https://127.0.0.1:%d/v1" % self.tls.port if self.tls else (
            "http://127.0.0.1:%d/v1" % self.sim_port)
        ca = ", tls_ca_file: '%s'" % self.tls.ca if self.tls else ""
        self.config = self.rig.work / (self.name + ".yaml")
        self.config.write_text("""
kafka: {bootstrap.servers: "%(broker)s", group.id: %(name)s}
delivery: %(delivery)s
topics: {requests: [requests-%(name)s], replies: replies-%(name)s, dead_letter: dead-%(name)s, partitions: %(parts)d, replication: 1}
pool: {workers: %(threads)d, max_calls: %(calls)d, max_in_flight: %(flight)d, max_per_partition: 100000, drain_timeout: 10s}
model_list:
  - {model_name: fast, params: {model: openai/sim, api_base: "%(base)s", api_key: none%(ca)s}}
cache: {path: "%(store)s"%(cache)s}
%(more)s
""" % {"broker": self.rig.broker, "name": self.name, "delivery": self.delivery,
            "parts": PARTITIONS, "threads": self.threads, "calls": self.calls,
            "flight": max(4096, 2 * self.calls), "base": base, "ca": ca, "store": self.store, "cache": self.cache,
            "more": self.more})

    def __enter__(self):
        rig = self.rig
        if not rig.real:
            self.broker = rig.embedded_broker(["requests-" + self.name, "replies-" + self.name])
        self.write_config()
        if rig.real:
            machine.run([rig.sluice, "topics", "create", "-c", self.config], rig.cores.others)
        ready = rig.work / (self.name + ".ready")
        self.log = open(rig.work / (self.name + ".log"), "w", encoding="utf-8")
        self.process = machine.start([rig.sluice, "worker", "-c", self.config, "--ready-file", ready],
                                     self.cores, stderr=self.log)
        machine.wait_for("the worker (see %s)" % self.log.name,
                         lambda: ready.exists() or self.process.poll() is not None)
        self._check()
        return self

    def _check(self):
        if self.process.poll() is not None:
            tail = (self.rig.work / (self.name + ".log")).read_text()[-400:]
            raise Failed("the worker ended with %d: %s" % (self.process.returncode, tail))

    def __exit__(self, *exc):
        machine.stop(self.process)
        self.log.close()
        if self.broker:
            self.broker.stdin.close()
            machine.stop(self.broker)
        if not self.keep_store:
            shutil.rmtree(self.store, ignore_errors=True)

    def commit_ms(self):
        """p50 and p99 of its transactions, from begin to committed; after it has ended."""
        found = re.findall(r"commit_p50_ms=([0-9.]+) commit_p99_ms=([0-9.]+)",
                           (self.rig.work / (self.name + ".log")).read_text())
        return [float(x) for x in found[-1]] if found else None

    def load(self, first, n, per_s=0, hits=False):
        """Sends the prompts first to first + n; waits for all replies; what reply_clock and the clocks say."""
        pids = {"worker": self.process.pid, "sim": self.sim_pid, "broker": self.rig.broker_pid}
        window = machine.Window(pids, self.rig.cores)
        sampler = Peak(self.process.pid)
        try:
            said = self.rig.run("reply_clock", "load", self.rig.broker, "requests-" + self.name,
                                "replies-" + self.name, per_s, first, first + n, measured=False)
        finally:
            sampler.stop()
        end = window.end()
        self._check()
        wanted = n if hits else 0
        if said["failed"] or said["hits"] != wanted:
            raise Failed("%s: %d failures, %d hits instead of %d" %
                         (self.name, said["failed"], said["hits"], wanted))
        cpu = end["cpu"]
        return {"cpu_us": cpu["worker"] / n * 1e6, "sim_us": cpu["sim"] / n * 1e6,
                "broker_us": cpu["broker"] / n * 1e6, "per_s": said["per_s"],
                "held_per_s": n / max(0.001, n / said["per_s"] - latency_s(self.latency)),
                "p50_ms": said["p50_us"] / 1000, "p99_ms": said["p99_us"] / 1000,
                "rss_kb": sampler.kb, "busy": end["measured_busy"], "foreign": end["foreign"]}

    def warm(self):
        """Opens all connections, not all at once; the memory after that."""
        if self.latency == "0ms":
            n = max(WARM, 2 * self.calls)
            self.load(self.rig.prompts(n), n)
        else:
            for quarter in (1, 2, 3, 4):
                n = self.calls * quarter // 4
                self.load(self.rig.prompts(n), n, n)
        return machine.rss_kb(self.process.pid)


def latency_s(text):
    return float(text[:-2]) / 1000


class Repeated(threading.Thread):
    """Does something every so often until end()."""

    def __init__(self, every_s, what):
        super().__init__(daemon=True)
        self.every_s = every_s
        self.what = what
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(self.every_s):
            self.what()

    def stop(self):
        self.over.set()
        self.join()


class Peak(Repeated):
    """The most memory that a process had."""

    def __init__(self, pid):
        self.pid = pid
        self.kb = machine.rss_kb(pid)
        super().__init__(0.1, self.look)

    def look(self):
        self.kb = max(self.kb, machine.rss_kb(self.pid))


class Scraper:
    """What Prometheus does."""

    def __init__(self, port):
        self.url = "http://127.0.0.1:%d/metrics" % port

    def scrape(self):
        with urllib.request.urlopen(self.url, timeout=5) as r:
            r.read()


class Sink:
    """Takes what is posted to it, and counts the spans in it."""

    def __init__(self):
        sink = self
        self.spans = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sink.spans += body.count(b'"spanId"')
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()


def settle(seconds=0.2):
    """Between two measurements, so that what the first left to do is done."""
    time.sleep(seconds)
