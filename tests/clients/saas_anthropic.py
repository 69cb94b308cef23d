"""Calls the station with Anthropic's own package."""

import anthropic

import steps

told = steps.scenario()
ASKED = {"model": "claude-sonnet-4-5-20250929", "max_tokens": 64, "messages": [{"role": "user", "content": told["prompt"]}]}


def client(keys):
    # No second tries: one call, one trip.
    return anthropic.Anthropic(api_key=keys["api_key"], base_url=keys["beacon.url"], timeout=20, max_retries=0)


def told_by(message):
    return {
        "text": bool(message.content[0].text),
        "model": message.model,
        "stop": message.stop_reason,
        "id": message.id.startswith("msg_01") and len(message.id) == 28,
        "tokens": message.usage.input_tokens > 4 and message.usage.output_tokens > 3,
    }


def streamed():
    with good.messages.stream(**ASKED) as stream:
        pieces = list(stream.text_stream)
        whole = stream.get_final_message()
    return told_by(whole) | {"pieces": len(pieces) > 3 and "".join(pieces) == whole.content[0].text}


def bearer():
    with anthropic.Anthropic(auth_token=told["good"]["api_key"], api_key=None, base_url=told["good"]["beacon.url"], max_retries=0) as made:
        return made.models.list().data[0].type


def explain(error):
    body = getattr(error, "body", None) or {}
    return {
        "status": getattr(error, "status_code", None),
        "type": body.get("error", {}).get("type"),
        "request id": str(getattr(error, "request_id", None)).startswith("req_"),
    }


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: client(told["stranger"]).models.list().data,
        "models": lambda: [model.id for model in good.models.list()],
        "message": lambda: told_by(good.messages.create(**ASKED)),
        "stream": streamed,
        "count": lambda: good.messages.count_tokens(model=ASKED["model"], messages=ASKED["messages"]).input_tokens > 4,
        "no model": lambda: told_by(good.messages.create(**(ASKED | {"model": ""}))),
        "nothing there": lambda: good.messages.batches.list().data,
        "bearer": bearer,
        "retired": lambda: client(told["retired"]).models.list().data,
    },
    explain,
)
