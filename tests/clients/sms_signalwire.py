"""Calls the station with Twilio's package, as SignalWire's is: another base address, the same calls."""

from twilio.rest import Client

import steps

told = steps.scenario()


def client(keys):
    made = Client(keys["project_id"], keys["api_token"])
    made.api.base_url = keys["beacon.url"] + "/api/laml"
    return made


good = client(told["good"])


def account(made):
    account = made.api.v2010.accounts(made.username).fetch()
    return {"same": account.sid == told["good"]["project_id"], "status": account.status}


def text():
    message = good.messages.create(
        to=told["to"], from_=told["from"], body=told["body"], status_callback=told["callback"]
    )
    again = good.messages(message.sid).fetch()
    listed = [one.sid == message.sid for one in good.messages.list()]
    return {
        "found again": (again.status, again.body == message.body),
        "listed": listed,
        "status": message.status,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
    }


def explain(error):
    return {"status": getattr(error, "status", None), "code": getattr(error, "code", None)}


steps.run(
    {
        "stranger": lambda: account(client(told["stranger"])),
        "account": lambda: account(good),
        "accounts": lambda: [account.status for account in good.api.v2010.accounts.list()],
        "numbers": lambda: [number.sid for number in good.incoming_phone_numbers.list()],
        "text": text,
        "retired": lambda: account(client(told["retired"])),
    },
    explain,
)
