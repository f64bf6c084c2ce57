"""machine: processors, processes and their clocks. Knows nothing of what is measured."""

import atexit
import os
import resource
import subprocess
import time

started = []


class Failed(Exception):
    """Something that is measured, or measured with, does not work; the text says what."""


class Cores:
    """Which processors the measured process has, and which all others."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        half = len(cores) // 2
        self.pinned = half > 0
        self.measured = cores[:half] or cores
        self.others = cores[half:]
        os.sched_setaffinity(0, self.others)

    def words(self):
        if not self.pinned:
            return "one processor for everything: figures hold for nothing but this machine"
        return "worker and floors on processor %s; simulator, broker, generator on %s" % (
            ",".join(map(str, self.measured)), ",".join(map(str, self.others)))


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (65536, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            return wanted
        except (ValueError, OSError):
            continue
    return soft


def start(command, cores, **options):
    """Starts a process on these processors; it is killed when this one ends."""
    process = subprocess.Popen([str(c) for c in command], **options)
    started.append(process)
    try:
        os.sched_setaffinity(process.pid, cores)
    except ProcessLookupError:
        pass
    return process


def stop(process, seconds=30):
    """SIGTERM; a process that does not heed it is killed, and that is a failure."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed("process %d did not end within %d s" % (process.pid, seconds)) from None


@atexit.register
def kill_all():
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def run(command, cores, seconds=90):
    """Runs a program to its end, on these processors from its first instruction on; its output."""
    text = ["taskset", "-c", ",".join(map(str, cores))] + [str(c) for c in command]
    try:
        done = subprocess.run(text, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed("%s did not end within %d s" % (text[3], seconds)) from None
    if done.returncode != 0:
        raise Failed("%s: exit code %d: %s" % (" ".join(map(str, command)), done.returncode,
                                               done.stderr.strip()[-400:]))
    return done.stdout


def values(text):
    """The last line, NAME=VALUE ..., as numbers."""
    return {k: float(v) for k, v in (pair.split("=") for pair in text.splitlines()[-1].split())}


def wait_for(what, condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Failed("waited too long for " + what)
        time.sleep(0.02)


def cpu_seconds(pid):
    """Processor time of all threads, to the nanosecond: the CPU clock of another process."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def busy_seconds(cores):
    """What these processors have worked, for whomever."""
    hz = os.sysconf("SC_CLK_TCK")
    total = 0
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            name, *ticks = line.split()
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in cores:
                total += sum(int(t) for t in ticks[:8]) - int(ticks[3]) - int(ticks[4])
    return total / hz


class Window:
    """From now to end(): wall time, processor time of some processes, and what others took from the cores."""

    def __init__(self, pids, cores):
        self.pids = dict(pids)
        self.cores = cores
        self.busy = busy_seconds(cores.measured)
        self.cpu = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        self.wall = time.monotonic()

    def end(self):
        wall = time.monotonic() - self.wall
        cpu = {name: cpu_seconds(pid) - self.cpu[name] for name, pid in self.pids.items()}
        busy = busy_seconds(self.cores.measured) - self.busy
        room = wall * len(self.cores.measured)
        return {"seconds": wall, "cpu": cpu, "measured_busy": busy / room,
                "foreign": max(0.0, busy - cpu.get("worker", busy)) / room}
