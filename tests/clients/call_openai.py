"""Calls the station with OpenAI's own package."""

import asyncio

import openai

import steps

told = steps.scenario()
prompt = [{"role": "user", "content": told["prompt"]}]


def options(keys):
    # No second tries: one call, one trip.
    return {"api_key": keys["api_key"], "base_url": keys["beacon.url"], "timeout": 20, "max_retries": 0}


def client(keys):
    return openai.OpenAI(**options(keys))


def models(made):
    return sorted(model.id for model in made.models.list() if model.object == "model")


def stream():
    with good.chat.completions.create(model="gpt-4o", messages=prompt, stream=True) as chunks:
        return [chunk.id for chunk in chunks]


async def later():
    async with openai.AsyncOpenAI(**options(told["good"])) as made:
        return (await made.responses.create(model="gpt-4.1", input=told["prompt"])).id


def explain(error):
    return {
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "request id": bool(getattr(error, "request_id", None)),
    }


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: models(client(told["stranger"])),
        "models": lambda: models(good),
        "chat": lambda: good.chat.completions.create(model="gpt-4o", messages=prompt).id,
        "stream": stream,
        "later": lambda: asyncio.run(later()),
        "embed": lambda: good.embeddings.create(model="text-embedding-3-small", input=told["prompt"]).object,
        "nothing there": lambda: good.batches.list().data,
        "retired": lambda: models(client(told["retired"])),
    },
    explain,
)
