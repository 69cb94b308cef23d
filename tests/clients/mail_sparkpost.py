"""Calls the station with SparkPost's own package."""

from sparkpost import SparkPost

import steps

told = steps.scenario()


def client(keys):
    made = SparkPost(keys["api_key"], base_uri="localhost")
    # The package writes https in front of any host; the station stands behind no TLS here.
    made.transmissions.base_uri = keys["beacon.url"] + "/api/v1"
    return made


def mail(keys):
    return client(keys).transmissions.send(
        recipients=[told["mail"], told["other mail"]],
        from_email=told["sender"],
        subject=told["subject"],
        text=told["body"],
    )["total_accepted_recipients"]


steps.run(
    {
        "stranger": lambda: mail(told["stranger"]),
        "mail": lambda: mail(told["good"]),
        "retired": lambda: mail(told["retired"]),
    },
    lambda error: {"status": getattr(error, "status", None)},
)
