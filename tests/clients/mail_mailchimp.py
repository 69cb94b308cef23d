"""Calls the station with Mailchimp Marketing's own package."""

import mailchimp_marketing
from mailchimp_marketing.api_client import ApiClientError

import steps

told = steps.scenario()


def client(keys):
    made = mailchimp_marketing.Client()
    made.set_config({"api_key": keys["api_key"], "server": keys["api_key"].split("-")[1]})
    made.api_client.host = keys["beacon.url"]
    return made


good = client(told["good"])


def campaign():
    made = good.campaigns.create(
        {
            "type": "regular",
            "recipients": {"list_id": good.lists.get_all_lists()["lists"][0]["id"]},
            "settings": {"subject_line": told["subject"], "reply_to": told["sender"], "from_name": "Desk"},
        }
    )
    good.campaigns.send_test_email(made["id"], {"test_emails": [told["mail"]], "send_type": "html"})
    return {"status": made["status"], "subject": made["settings"]["subject_line"]}


def root():
    said = good.root.get_root()
    return {"role": said["role"], "same": told["good"]["api_key"].split("-")[1] in said["_links"][0]["href"]}


def explain(error):
    return {"status": error.status_code if isinstance(error, ApiClientError) else None}


steps.run(
    {
        "stranger": lambda: client(told["stranger"]).ping.get(),
        "ping": lambda: good.ping.get(),
        "root": root,
        "campaign": campaign,
        "retired": lambda: client(told["retired"]).ping.get(),
    },
    explain,
)
