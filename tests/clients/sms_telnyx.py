"""Calls the station with Telnyx's own package, which takes its base address from a variable."""

import os

import telnyx

import steps

told = steps.scenario()
os.environ["TELNYX_BASE_URL"] = told["good"]["beacon.url"]


def client(keys):
    # No second tries: one call, one trip.
    return telnyx.Telnyx(api_key=keys["api_key"], max_retries=0, timeout=20)


good = client(told["good"])


def balance(made):
    data = made.balance.retrieve().data
    return {"funds": float(data.balance) > 0, "currency": data.currency}


def text():
    data = good.messages.send(
        from_=told["from"], to=told["to"], text=told["body"], webhook_url=told["callback"]
    ).data
    again = good.messages.retrieve(data.id).data
    return {
        "found again": (again.id == data.id, again.text == data.text, again.to[0].status),
        "to": [(to.phone_number, to.status) for to in data.to],
        "from": data.from_.phone_number,
        "text": data.text,
        "in order": data.received_at < data.valid_until,
    }


def explain(error):
    return {"status": getattr(error, "status_code", None)}


steps.run(
    {
        "stranger": lambda: balance(client(told["stranger"])),
        "balance": lambda: balance(good),
        "profiles": lambda: [profile.enabled for profile in good.messaging_profiles.list()],
        "numbers": lambda: [number.id for number in good.phone_numbers.list()],
        "text": text,
        "nothing to send": lambda: good.messages.send(to=told["to"], text="x").data.id,
        "retired": lambda: balance(client(told["retired"])),
    },
    explain,
)
