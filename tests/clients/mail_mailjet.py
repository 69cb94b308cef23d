"""Calls the station with Mailjet's own package."""

from mailjet_rest import Client

import steps

told = steps.scenario()


def client(keys, version="v3"):
    made = Client(auth=(keys["api_key"], keys["secret_key"]), version=version, api_url="https://localhost/")
    # The package takes https only; the station stands behind no TLS here.
    object.__setattr__(made.config, "api_url", keys["beacon.url"] + "/")
    return made


def senders(keys):
    answer = client(keys).sender.get()
    return {"status": answer.status_code, "count": answer.json().get("Count")}


def mail():
    message = {
        "From": {"Email": told["sender"]},
        "To": [{"Email": told["mail"]}, {"Email": told["other mail"]}],
        "Subject": told["subject"],
        "TextPart": told["body"],
    }
    answer = client(told["good"], "v3.1").send.create(data={"Messages": [message]})
    first = answer.json()["Messages"][0]
    return {"status": answer.status_code, "said": first["Status"], "to": [to["Email"] for to in first["To"]]}


steps.run(
    {
        "stranger": lambda: senders(told["stranger"]),
        "senders": lambda: senders(told["good"]),
        "mail": mail,
        "wrong secret": lambda: senders(told["good"] | {"secret_key": 32 * "0"}),
        "retired": lambda: senders(told["retired"]),
    },
    lambda error: {"says": str(error)},
)
