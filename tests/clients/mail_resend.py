"""Calls the station with Resend's own package, which takes its address from a variable."""

import os

import steps

told = steps.scenario()
os.environ["RESEND_API_URL"] = told["good"]["beacon.url"]

import resend  # noqa: E402: it reads the variable when it is loaded


def as_key(keys, call):
    resend.api_key = keys["api_key"]
    return call()


def domains():
    return [domain["status"] for domain in resend.Domains.list()["data"]]


def mail():
    sent = resend.Emails.send(
        {
            "from": told["sender"],
            "to": [told["mail"], told["other mail"]],
            "subject": told["subject"],
            "text": told["body"],
        }
    )
    return len(sent["id"])


steps.run(
    {
        "stranger": lambda: as_key(told["stranger"], domains),
        "domains": lambda: as_key(told["good"], domains),
        "mail": lambda: as_key(told["good"], mail),
        "retired": lambda: as_key(told["retired"], domains),
    },
    lambda error: {"code": getattr(error, "code", None)},
)
