"""Calls the station with Mailchimp Transactional's own package."""

import mailchimp_transactional

import steps

told = steps.scenario()


def client(keys):
    made = mailchimp_transactional.Client(keys["api_key"])
    made.api_client.host = keys["beacon.url"]
    return made


good = client(told["good"])


def mail():
    message = {
        "from_email": told["sender"],
        "to": [{"email": told["mail"]}, {"email": told["other mail"]}],
        "subject": told["subject"],
        "text": told["body"],
    }
    return [(one["email"], one["status"], len(one["_id"])) for one in good.messages.send({"message": message})]


def explain(error):
    return {"status": getattr(error, "status_code", None), "says": getattr(error, "text", None)}


steps.run(
    {
        "stranger": lambda: client(told["stranger"]).users.ping2(),
        "ping": lambda: good.users.ping2(),
        "mail": mail,
        "retired": lambda: client(told["retired"]).users.ping2(),
    },
    explain,
)
