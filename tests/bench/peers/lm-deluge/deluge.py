"""deluge: a list of prompts through lm-deluge.

Prints "ready", waits for a line, works, prints "done" and then its figures as one line of JSON. The time of a request is taken
around lm-deluge's own function for one request, which begins when the limiter has let it go; where there is a limit,
from the start of the job.
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
UNLIMITED = 10**9
took_ms = []
started = 0.0


def timed(inner):
    async def process(*args, **kwargs):
        began = started if RPM else time.perf_counter()
        response = await inner(*args, **kwargs)
        took_ms.append((time.perf_counter() - began) * 1000)
        return response

    return process


def prompts():
    with open(os.environ["PROMPTS"]) as rows:
        return [json.loads(row)["messages"][0]["content"] for row, _ in zip(rows, range(int(os.environ["TASKS"])))]


def new_client():
    cache = SqliteCache(os.environ["WORK"] + "/cache.db") if os.environ["CACHED"] else None
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


def say(text):
    print(text, file=answers, flush=True)


def quantile(q):
    return sorted(took_ms)[int(q * (len(took_ms) - 1))]


# lm-deluge prints what goes wrong on standard output, which is for the figures here.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ["SIM_KEY"] = "none"
register_model(id="gpt-sim", name="gpt-sim", api_base=os.environ["SIM"] + "/v1", api_key_env_var="SIM_KEY")
asked = prompts()
if os.environ["CACHED"]:
    asyncio.run(new_client().process_prompts_async(asked, show_progress=False))
_LLMClient.process_single_request = timed(_LLMClient.process_single_request)
client = new_client()
say("ready")
sys.stdin.readline()
started = time.perf_counter()
responses = asyncio.run(client.process_prompts_async(asked, show_progress=False))
say("done")
good = sum(1 for r in responses if r and r.completion)
say(json.dumps({"answered": len(responses), "good": good, "p50_ms": quantile(0.5), "p99_ms": quantile(0.99)}))
