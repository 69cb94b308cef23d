"""Calls the station with Textmagic's own package."""

import warnings

from textmagic.rest import TextmagicRestClient

import steps

told = steps.scenario()


def client(keys):
    # It leaves closing its sockets to the garbage collector.
    warnings.simplefilter("ignore", ResourceWarning)
    return TextmagicRestClient(keys["username"], keys["api_key"], base=keys["beacon.url"])



def good():
    return client(told["good"])


def user(made):
    user = made.user.get()
    return {"same": user.username == told["good"]["username"], "status": user.status, "funds": user.balance > 0}


def text():
    message = good().messages.create(
        phones=f"{told['to']},{told['other']}", text=told["body"], **{"from": told["from"]}
    )
    again = good().messages.get(message.id)
    return {
        "type": message.type,
        "same": message.href == f"/api/v2/messages/{message.id}",
        "found again": (again.status, again.text == told["body"]),
    }


def explain(error):
    return {"status": getattr(error, "status", None)}


steps.run(
    {
        "stranger": lambda: user(client(told["stranger"])),
        "user": lambda: user(good()),
        "text": text,
        "messages": lambda: len(good().messages.list()[0]),
        "wrong key": lambda: user(client(told["good"] | {"api_key": 30 * "0"})),
        "retired": lambda: user(client(told["retired"])),
    },
    explain,
)
