"""Calls the station with Postmarker, a package for Postmark."""

from postmarker.core import PostmarkClient

import steps

told = steps.scenario()


def client(keys):
    return PostmarkClient(server_token=keys["server_token"], root_api_url=keys["beacon.url"] + "/")


good = client(told["good"])


def server(made):
    server = made.server.get()
    return {"same": server.ApiTokens == [told["good"]["server_token"]], "type": server.DeliveryType}


def mail():
    sent = good.emails.send(From=told["sender"], To=told["mail"], Subject=told["subject"], TextBody=told["body"])
    return {"to": sent["To"], "code": sent["ErrorCode"], "id": len(sent["MessageID"])}


steps.run(
    {
        "stranger": lambda: server(client(told["stranger"])),
        "server": lambda: server(good),
        "mail": mail,
        "retired": lambda: server(client(told["retired"])),
    },
    lambda error: {"code": getattr(error, "error_code", None)},
)
