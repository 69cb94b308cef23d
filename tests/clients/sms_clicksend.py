"""Calls the station with ClickSend's own package."""

import clicksend
from clicksend.models.send_sms_request import SendSmsRequest
from clicksend.models.send_sms_request_messages_inner import SendSmsRequestMessagesInner

import steps

told = steps.scenario()


def client(keys):
    settings = clicksend.Configuration(
        host=keys["beacon.url"], username=keys["username"], password=keys["api_key"]
    )
    return clicksend.ApiClient(settings)


good = client(told["good"])


def account(made):
    data = clicksend.ManagementApi(made).view_account_details().data
    return {"user": data.username == told["good"]["username"], "funds": float(data.balance) > 0}


def text():
    messages = [
        SendSmsRequestMessagesInner(to=to, var_from=told["from"], body=told["body"], source="sdk")
        for to in (told["to"], told["other"])
    ]
    answer = clicksend.SmsApi(good).send_sms("application/json", SendSmsRequest(messages=messages))
    return {
        "code": answer.response_code,
        "queued": answer.data.queued_count,
        "to": [one.to for one in answer.data.messages],
        "status": [one.status for one in answer.data.messages],
    }


def history():
    return [(one.to, one.status) for one in clicksend.SmsApi(good).view_sms_history().data.data]


def explain(error):
    return {"status": getattr(error, "status", None)}


steps.run(
    {
        "stranger": lambda: account(client(told["stranger"])),
        "account": lambda: account(good),
        "text": text,
        "history": history,
        "wrong key": lambda: account(client(told["good"] | {"api_key": "0" * 36})),
        "retired": lambda: account(client(told["retired"])),
    },
    explain,
)
