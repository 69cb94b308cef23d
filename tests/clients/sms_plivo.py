"""Calls the station with Plivo's own package, whose base address is a constant of a module."""

import plivo
import plivo.rest.client

import steps

told = steps.scenario()
plivo.rest.client.PLIVO_API_BASE_URI = told["good"]["beacon.url"]


def client(keys):
    return plivo.RestClient(keys["auth_id"], keys["auth_token"], timeout=20)


good = client(told["good"])


def account(made):
    details = made.account.get()
    return {
        "same": details.auth_id == told["good"]["auth_id"],
        "mode": details.billing_mode,
        "funds": float(details.cash_credits) > 0,
    }


def text():
    answer = good.messages.create(
        src=told["from"], dst=f"{told['to']}<{told['other']}", text=told["body"], url=told["callback"]
    )
    again = good.messages.get(answer.message_uuid[0])
    return {
        "says": answer.message,
        "ids": [len(one) for one in answer.message_uuid],
        "found again": (again.message_state, again.from_number, again.error_code),
    }


steps.run(
    {
        "stranger": lambda: account(client(told["stranger"])),
        "account": lambda: account(good),
        "numbers": lambda: len(good.numbers.list().objects),
        "price": lambda: good.pricing.get("DE").country_iso,
        "text": text,
        "messages": lambda: len(good.messages.list().objects),
        "wrong token": lambda: account(client(told["good"] | {"auth_token": 40 * "0"})),
        "retired": lambda: account(client(told["retired"])),
    },
    lambda error: {},
)
