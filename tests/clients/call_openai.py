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


def asked_with(keys):
    with client(keys) as made:
        return models(made)


def chat():
    answer = good.chat.completions.create(model="gpt-4o", messages=prompt)
    choice = answer.choices[0]
    return {
        "text": bool(choice.message.content),
        "end": choice.finish_reason,
        "model": answer.model,
        "adds up": answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens,
    }


def stream():
    with good.chat.completions.create(model="gpt-4o", messages=prompt, stream=True) as chunks:
        seen = list(chunks)
    return {
        "ids": len({chunk.id for chunk in seen}),
        "text": len([chunk for chunk in seen if chunk.choices[0].delta.content]) > 3,
        "end": seen[-1].choices[0].finish_reason,
    }


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
        "stranger": lambda: asked_with(told["stranger"]),
        "models": lambda: models(good),
        "chat": chat,
        "stream": stream,
        "later": lambda: asyncio.run(later()),
        "embed": lambda: good.embeddings.create(model="text-embedding-3-small", input=told["prompt"]).object,
        "nothing there": lambda: good.batches.list().data,
        "retired": lambda: asked_with(told["retired"]),
    },
    explain,
)
