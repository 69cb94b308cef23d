"""Calls the station with Bandwidth's own package."""

import bandwidth
from bandwidth.api.messages_api import MessagesApi
from bandwidth.models.message_request import MessageRequest

import steps

told = steps.scenario()


def client(keys):
    settings = bandwidth.Configuration(
        host=keys["beacon.url"],
        username=keys["username"],
        password=keys["password"],
        ignore_operation_servers=True,
    )
    return MessagesApi(bandwidth.ApiClient(settings))


good = client(told["good"])
account = told["good"]["account_id"]


def text():
    request = MessageRequest(
        application_id=told["good"]["application_id"],
        to=[told["to"], told["other"]],
        var_from=told["from"],
        text=told["body"],
        tag="first",
    )
    message = good.create_message(account, request)
    return {
        "to": message.to,
        "from": message.var_from,
        "text": message.text,
        "tag": message.tag,
        "direction": message.direction,
        "same": message.application_id == told["good"]["application_id"],
    }


def messages():
    listed = good.list_messages(account).messages
    return [(one.destination_tn, one.message_status.value) for one in listed]


def explain(error):
    return {"status": getattr(error, "status", None)}


steps.run(
    {
        "stranger": lambda: client(told["stranger"]).list_messages(told["stranger"]["account_id"]).total_count,
        "text": text,
        "messages": messages,
        "wrong password": lambda: client(told["good"] | {"password": "x" * 20}).list_messages(account).total_count,
        "retired": lambda: client(told["retired"]).list_messages(told["retired"]["account_id"]).total_count,
    },
    explain,
)
