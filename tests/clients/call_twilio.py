"""Calls the station with Twilio's own package."""

from datetime import datetime, timezone

from twilio.rest import Client

import steps

told = steps.scenario()


def client(keys):
    """A client of the 2010 API whose base address is the relay beside the keys."""
    made = Client(keys["account_sid"], keys["auth_token"])
    made.api.base_url = keys["beacon.url"]
    return made


good = client(told["good"])
sid = told["good"]["account_sid"]


def fetched(made):
    account = made.api.v2010.accounts(made.username).fetch()
    return {
        "sid": account.sid,
        "status": account.status,
        "type": account.type,
        "in order": account.date_created < account.date_updated < datetime.now(timezone.utc),
    }


def balance():
    balance = good.balance.fetch()
    return {"sid": balance.account_sid, "currency": balance.currency, "funds": float(balance.balance) > 0}


def text(**more):
    message = good.messages.create(to=told["to"], **more)
    return {
        "sid": message.sid,
        "status": message.status,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "direction": message.direction,
        "error": message.error_code,
        "same uri": message.uri == f"/2010-04-01/Accounts/{sid}/Messages/{message.sid}.json",
        "just now": abs((datetime.now(timezone.utc) - message.date_created).total_seconds()) < 60,
    }


def explain(error):
    return {"status": getattr(error, "status", None), "code": getattr(error, "code", None)}


steps.run(
    {
        "stranger": lambda: fetched(client(told["stranger"])),
        "account": lambda: fetched(good),
        "accounts": lambda: [account.sid for account in good.api.v2010.accounts.list()],
        "balance": balance,
        "numbers": lambda: [number.sid for number in good.incoming_phone_numbers.list()],
        "messages": lambda: [message.sid for message in good.messages.list(to=told["to"])],
        "text": lambda: text(from_=told["from"], body=told["body"], status_callback=told["callback"]),
        "service": lambda: text(messaging_service_sid="MG" + 32 * "0", body="x"),
        "no body": lambda: text(from_=told["from"]),
        "call": lambda: good.calls.create(to=told["to"], from_=told["from"], url=told["callback"]).sid,
        "elsewhere": lambda: good.api.v2010.accounts(told["stranger"]["account_sid"]).fetch().sid,
        "wrong token": lambda: fetched(client(told["good"] | {"auth_token": 32 * "0"})),
        "retired": lambda: fetched(client(told["retired"])),
    },
    explain,
)
