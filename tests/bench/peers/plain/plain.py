"""plain: a consumer that calls the provider by HTTP, retries, and keeps to a limit with aiolimiter.

HTTP_CLIENT: httpx, or aiohttp.
"""

import asyncio
import os
import random

from aiolimiter import AsyncLimiter
from consumer import serve

IN_FLIGHT = int(os.environ["IN_FLIGHT"])
RPM = int(os.environ["RPM"] or 0)
URL = os.environ["SIM"] + "/v1/chat/completions"
HEADERS = {"authorization": "Bearer " + os.environ.get("API_KEY", "none")}
ATTEMPTS = int(os.environ.get("ATTEMPTS", "8"))


def httpx_post():
    import httpx

    client = httpx.AsyncClient(
        timeout=httpx.Timeout(60),
        limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT, keepalive_expiry=60),
        headers=HEADERS,
    )

    async def post(body):
        response = await client.post(URL, json=body)
        return response.status_code, response.headers, response.text

    return post


def aiohttp_post():
    import aiohttp

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=IN_FLIGHT, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=60),
        headers=HEADERS,
    )

    async def post(body):
        async with session.post(URL, json=body) as response:
            return response.status, response.headers, await response.text()

    return post


def wait_seconds(headers, attempt):
    try:
        return float(headers["retry-after"])
    except (KeyError, ValueError):
        return random.uniform(0, min(30, 0.5 * 2**attempt))


async def open_call():
    post = aiohttp_post() if os.environ.get("HTTP_CLIENT") == "aiohttp" else httpx_post()
    # A second's worth at once, so that no minute has more than the limit and a second.
    limiter = AsyncLimiter(RPM / 60, 1) if RPM else None

    async def call(body):
        for attempt in range(ATTEMPTS):
            if limiter:
                await limiter.acquire()
            status, headers, text = await post(body)
            if status != 429 and status < 500:
                break
            await asyncio.sleep(wait_seconds(headers, attempt))
        return text

    return call


serve(open_call, IN_FLIGHT)
