"""Calls the station with Sinch's own package, whose origins are attributes of its configuration."""

from sinch import SinchClient

import steps

told = steps.scenario()


def client(keys):
    made = SinchClient(
        service_plan_id=keys["service_plan_id"], sms_api_token=keys["api_token"], sms_region="us"
    )
    made.configuration.sms_origin_with_service_plan_id = keys["beacon.url"]
    return made


good = client(told["good"])


def text(made):
    batch = made.sms.batches.send_sms(
        to=[told["to"], told["other"]],
        from_=told["from"],
        body=told["body"],
        event_destination_target=told["callback"],
    )
    again = made.sms.batches.get(batch_id=batch.id)
    return {
        "found again": (again.id == batch.id, again.body == batch.body, again.to),
        "to": batch.to,
        "from": batch.from_,
        "body": batch.body,
        "canceled": batch.canceled,
    }


def explain(error):
    return {"status": getattr(getattr(error, "http_response", None), "status_code", None)}


steps.run(
    {
        "stranger": lambda: text(client(told["stranger"])),
        "text": lambda: text(good),
        "batches": lambda: len(good.sms.batches.list().content()),
        "groups": lambda: good.sms.groups.list().content(),
        "retired": lambda: text(client(told["retired"])),
    },
    explain,
)
