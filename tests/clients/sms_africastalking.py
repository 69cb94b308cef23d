"""Calls the station with Africa's Talking's own package, whose services keep a base address each."""

from africastalking.Application import ApplicationService
from africastalking.SMS import SMSService

import steps

told = steps.scenario()


def service(kind, keys):
    made = kind(keys["username"], keys["api_key"])
    made._baseUrl = made._contentUrl = keys["beacon.url"] + "/version1"
    return made


def user(keys):
    said = service(ApplicationService, keys).fetch_application_data()
    currency, amount = said["UserData"]["balance"].split(" ")
    return {"currency": currency, "funds": float(amount) > 0}


def text():
    said = service(SMSService, told["good"]).send(told["body"], [told["to"], told["other"]], told["from"])
    said = said["SMSMessageData"]
    return {
        "says": said["Message"].split(" Total")[0],
        "to": [one["number"] for one in said["Recipients"]],
        "status": [one["statusCode"] for one in said["Recipients"]],
        "ids": len({one["messageId"] for one in said["Recipients"]}),
    }


steps.run(
    {
        "stranger": lambda: user(told["stranger"]),
        "user": lambda: user(told["good"]),
        "text": text,
        "messages": lambda: service(SMSService, told["good"]).fetch_messages(),
        "retired": lambda: user(told["retired"]),
    },
    lambda error: {"says": str(error)},
)
