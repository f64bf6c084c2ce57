"""router: a consumer that calls through LiteLLM's Router, with its cache and its limit."""

import asyncio
import os
import random

import litellm
from consumer import serve
from litellm import Router

IN_FLIGHT = int(os.environ["IN_FLIGHT"])
RPM = int(os.environ["RPM"] or 0)
CACHED = bool(os.environ["CACHED"])
ATTEMPTS = 400  # of a request that the Router refuses because of the limit: it is for its caller to wait


def new_router():
    params = {"model": "openai/gpt-sim", "api_base": os.environ["SIM"] + "/v1", "api_key": "none"}
    deployment = {"model_name": "fast", "litellm_params": params}
    options = {}
    if RPM:
        params["rpm"] = RPM
        options["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
    if CACHED:
        litellm.cache = litellm.Cache(type="local")
        litellm.cache.cache.max_size_in_memory = 1_000_000
    return Router(
        model_list=[deployment],
        routing_strategy="simple-shuffle",
        num_retries=2,
        disable_cooldowns=True,
        timeout=600,
        cache_responses=CACHED,
        **options,
    )


async def open_call():
    router = new_router()

    async def call(body):
        for _ in range(ATTEMPTS):
            try:
                return (await router.acompletion(**body)).model_dump_json()
            except litellm.RateLimitError:
                await asyncio.sleep(random.uniform(0.5, 1.5))
        raise RuntimeError("refused too often")

    return call


litellm.suppress_debug_info = True
serve(open_call, IN_FLIGHT)
