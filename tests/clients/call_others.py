"""Calls the station with HTTP clients of different makes, two requests on each connection."""

import asyncio
import json
from urllib.request import Request, urlopen

import aiohttp
import httpx
import requests

import steps

told = steps.scenario()
url = told["good"]["beacon.url"] + "/chat/completions"
HEADERS = {"authorization": "Bearer " + told["good"]["api_key"], "X-Odd-CASE": "Kept  As Sent"}
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": 3000 * "ü "}]}


def with_urllib():
    # One connection for each request: urllib keeps none.
    seen = []
    for _ in range(2):
        request = Request(url.replace("/chat/completions", "/models"), headers=HEADERS)
        with urlopen(request, timeout=20) as answer:
            seen.append(answer.status)
            json.load(answer)
    return seen


def with_requests():
    with requests.Session() as session:
        return [session.post(url, headers=HEADERS, json=BODY, timeout=20).status_code for _ in range(2)]


def with_chunks():
    with requests.Session() as session:
        parts = [json.dumps(BODY).encode()[:100], json.dumps(BODY).encode()[100:]]
        headers = HEADERS | {"Content-Type": "application/json"}
        return [session.post(url, headers=headers, data=iter(parts), timeout=20).status_code for _ in range(2)]


def with_httpx(**more):
    with httpx.Client(timeout=20, **more) as client:
        answers = [client.post(url, headers=HEADERS, json=BODY) for _ in range(2)]
        return [f"{answer.http_version} {answer.status_code}" for answer in answers]


async def at_once():
    """Two streams of one HTTP/2 connection at the same time."""
    async with httpx.AsyncClient(timeout=20, http1=False, http2=True) as client:
        await client.get(told["good"]["beacon.url"] + "/models", headers=HEADERS)
        calls = [client.post(url, headers=HEADERS, json=BODY) for _ in range(2)]
        return [f"{answer.http_version} {answer.status_code}" for answer in await asyncio.gather(*calls)]


async def with_aiohttp():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        seen = []
        for _ in range(2):
            async with session.post(url, headers=HEADERS, json=BODY) as answer:
                seen.append(answer.status)
                await answer.json()
        return seen


steps.run(
    {
        "urllib": with_urllib,
        "requests": with_requests,
        "chunks": with_chunks,
        "httpx": with_httpx,
        "httpx 2": lambda: with_httpx(http1=False, http2=True),
        "at once": lambda: asyncio.run(at_once()),
        "aiohttp": lambda: asyncio.run(with_aiohttp()),
    },
    lambda error: {"message": str(error)},
)
