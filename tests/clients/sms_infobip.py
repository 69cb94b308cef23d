"""Calls the station with Infobip's own package, for which a base URL is a part of its configuration."""

import infobip_api_client as infobip
from infobip_api_client.api.sms_api import SmsApi

import steps

told = steps.scenario()


def client(keys):
    settings = infobip.Configuration(host="https://localhost", api_key=keys["api_key"])
    # The package takes https only; the station stands behind no TLS here.
    settings._base_path = keys["beacon.url"]
    return SmsApi(infobip.ApiClient(settings))


good = client(told["good"])


def text(made):
    message = infobip.SmsMessage(
        sender=told["from"],
        destinations=[infobip.SmsDestination(to=told["to"]), infobip.SmsDestination(to=told["other"])],
        content=infobip.SmsMessageContent(actual_instance=infobip.SmsTextContent(text=told["body"])),
        webhooks=infobip.SmsWebhooks(delivery=infobip.SmsMessageDeliveryReporting(url=told["callback"])),
    )
    answer = made.send_sms_messages(infobip.SmsRequest(messages=[message]))
    return {
        "bulk": bool(answer.bulk_id),
        "to": [one.destination for one in answer.messages],
        "status": [one.status.name for one in answer.messages],
        "ids": len({one.message_id for one in answer.messages}),
    }


def logs():
    return [(one.destination, one.status.group_name.value) for one in good.get_outbound_sms_message_logs().results]


def reports():
    results = good.get_outbound_sms_message_delivery_reports().results
    return [(one.to, one.status.group_name.value) for one in results]


def explain(error):
    return {"status": getattr(error, "status", None)}


steps.run(
    {
        "stranger": lambda: text(client(told["stranger"])),
        "text": lambda: text(good),
        "logs": logs,
        "reports": reports,
        "retired": lambda: text(client(told["retired"])),
    },
    explain,
)
