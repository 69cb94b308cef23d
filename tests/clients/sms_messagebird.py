"""Calls the station with MessageBird's own package, which is given an HTTP client of another address."""

from messagebird import Client
from messagebird.client import USER_AGENT
from messagebird.http_client import HttpClient

import steps

told = steps.scenario()


def client(keys):
    http = HttpClient(keys["beacon.url"], keys["access_key"], USER_AGENT)
    return Client(keys["access_key"], http_client=http)


good = client(told["good"])


def balance(made):
    balance = made.balance()
    return {"payment": balance.payment, "type": balance.type, "funds": balance.amount > 0}


def text():
    message = good.message_create(
        told["from"], [told["to"], told["other"]], told["body"], {"reportUrl": told["callback"]}
    )
    again = good.message(message.id)
    return {
        "found again": (again.id == message.id, again.body == message.body, again.originator),
        "from": message.originator,
        "body": message.body,
        "count": message.recipients["totalSentCount"],
        "status": [one.status for one in message.recipients["items"]],
        "timed": message.createdDatetime is not None,
    }


def explain(error):
    return {"codes": [one.code for one in getattr(error, "errors", [])]}


steps.run(
    {
        "stranger": lambda: balance(client(told["stranger"])),
        "balance": lambda: balance(good),
        "numbers": lambda: good.purchased_numbers_list({}).totalCount,
        "text": text,
        "messages": lambda: good.message_list().totalCount,
        "no sender": lambda: good.message_create("", [told["to"]], "x").id,
        "retired": lambda: balance(client(told["retired"])),
    },
    explain,
)
