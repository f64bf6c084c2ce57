"""waits: how often the threads of a process waited, from here to there: for a lock that another had, for work to do, for
their turn on a processor. Counted by the kernel: /proc, and perf where there is one that may."""

import os
import shutil
import signal
import subprocess
import tempfile

# Operations of futex(2), private: a mutex waits by FUTEX_WAIT, a condition variable by FUTEX_WAIT_BITSET.
LOCK = "op == 128"
WORK = "op == 137 || op == 393"


def switches(pid):
    """Voluntary and other switches of all its threads."""
    total = {"voluntary_ctxt_switches": 0, "nonvoluntary_ctxt_switches": 0}
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/status" % (pid, thread), encoding="ascii") as f:
                for line in f:
                    name, _, value = line.partition(":")
                    if name in total:
                        total[name] += int(value)
        except FileNotFoundError:
            pass
    return list(total.values())


class Waits:
    """`with` counts; per_task() says."""

    def __init__(self, pid):
        self.pid = pid
        self.perf = self.out = None
        self.futex = {}

    def __enter__(self):
        if shutil.which("perf"):
            self.out = tempfile.NamedTemporaryFile("r")
            events = []
            for condition in (LOCK, WORK):
                events += ["-e", "syscalls:sys_enter_futex", "--filter", condition]
            self.perf = subprocess.Popen(["perf", "stat", "-x", ";", "-o", self.out.name, *events, "-p", str(self.pid)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.before = switches(self.pid)
        return self

    def __exit__(self, *_):
        self.after = switches(self.pid)
        if not self.perf:
            return
        self.perf.send_signal(signal.SIGINT)
        self.perf.wait()
        counts = [line.split(";")[0] for line in self.out if ";" in line]
        self.out.close()
        if len(counts) == 2 and all(c.isdigit() for c in counts):
            self.futex = {"lock": int(counts[0]), "work": int(counts[1])}

    def per_task(self, n):
        """Of 1,000 tasks; without perf the switches only."""
        gave, lost = ((b - a) * 1000 / n for a, b in zip(self.before, self.after))
        return {"switches": gave, "preempted": lost, **{k: v * 1000 / n for k, v in self.futex.items()}}
