"""deluge: a list of prompts through lm-deluge.

Tries how many it does in SECONDS_MEASURED, prints "ready", waits for a line, does so many, prints "done" and then its
figures as one line of JSON. Where there is a limit the list has TASKS prompts, and is left when the time is over. The time of
a request is taken around lm-deluge's own function for one request, which begins when the limiter has let it go; where
there is a limit, from the start of the job.
"""

import asyncio
import json
import os
import sys
import time

from lm_deluge import LLMClient
from lm_deluge.cache import SqliteCache
from lm_deluge.client import _LLMClient
from lm_deluge.models import register_model

RPM = int(os.environ["RPM"] or 0)
SECONDS = int(os.environ["SECONDS_MEASURED"])
TASKS = int(os.environ["TASKS"])
CACHED = bool(os.environ["CACHED"])
UNLIMITED = 10**9
TRIAL = max(1000, int(os.environ["IN_FLIGHT"]))
took_ms = []
good = 0
started = ended = 0.0


def timed(inner):
    async def process(*args, **kwargs):
        global good, ended
        began = started if RPM else time.perf_counter()
        response = await inner(*args, **kwargs)
        ended = time.perf_counter()
        took_ms.append((ended - began) * 1000)
        good += bool(response.completion)
        return response

    return process


def prompts():
    with open(os.environ["PROMPTS"]) as rows:
        return [json.loads(row)["messages"][0]["content"] for row, _ in zip(rows, range(TASKS))]


def new_client():
    cache = SqliteCache(os.environ["WORK"] + "/cache.db") if CACHED else None
    return LLMClient(
        "gpt-sim",
        max_requests_per_minute=RPM or UNLIMITED,
        max_tokens_per_minute=UNLIMITED,
        max_concurrent_requests=int(os.environ["IN_FLIGHT"]),
        max_new_tokens=64,
        temperature=0,
        request_timeout=60,
        cache=cache,
    )


async def work(list_of_prompts, seconds=None):
    """The list, as far as it comes in these seconds."""
    job = new_client().process_prompts_async(list_of_prompts, show_progress=False)
    try:
        await asyncio.wait_for(job, seconds)
    except asyncio.TimeoutError:
        pass


def done_in(seconds, trial):
    """How many of such prompts it does in the time."""
    began = time.perf_counter()
    took_ms.clear()
    asyncio.run(work(trial, SECONDS))
    return int(len(took_ms) / (time.perf_counter() - began) * seconds)


def filled(every):
    """Prompts that are in its cache, as many as it takes in FILL_SECONDS."""
    few = int(os.environ["FILL_TRIAL"])
    count = done_in(int(os.environ["FILL_SECONDS"]), every[:few])
    every = every[: min(max(count, few), int(os.environ["FILL"]))]
    asyncio.run(work(every))
    return every


def list_for_the_time(every):
    """As many prompts as it does in the time, by a trial with others; of a cache those that are in it, again and again."""
    trial = every[-TRIAL:]
    if CACHED:
        every = trial = filled(every)
    wanted = max(2 * len(trial), done_in(SECONDS, trial))
    return (every * (wanted // len(every) + 1))[:wanted] if CACHED else every[: min(wanted, len(every) - TRIAL)]


def say(text):
    print(text, file=answers, flush=True)


def quantile(q):
    return sorted(took_ms)[int(q * (len(took_ms) - 1))] if took_ms else None


# lm-deluge prints what goes wrong on standard output, which is for the figures here.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ["SIM_KEY"] = "none"
register_model(id="gpt-sim", name="gpt-sim", api_base=os.environ["SIM"] + "/v1", api_key_env_var="SIM_KEY")
_LLMClient.process_single_request = timed(_LLMClient.process_single_request)
asked = prompts() if RPM else list_for_the_time(prompts())
took_ms.clear()
good = 0
say("ready")
sys.stdin.readline()
started = time.perf_counter()
asyncio.run(work(asked, SECONDS if RPM else 2 * SECONDS))
say("done")
figures = {"answered": len(took_ms), "good": good, "p50_ms": quantile(0.5), "p99_ms": quantile(0.99)}
if len(took_ms) < len(asked):  # it was left: what its tasks took to be cancelled is none of its work
    figures["seconds"] = (ended if took_ms else time.perf_counter()) - started
say(json.dumps(figures))
