"""Calls the station with SendGrid's own package."""

from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

import steps

told = steps.scenario()


def client(keys):
    return SendGridAPIClient(keys["api_key"], keys["beacon.url"])


good = client(told["good"])


def scopes(made):
    answer = made.client.scopes.get()
    return {"status": answer.status_code, "may send": b'"mail.send"' in answer.body}


def mail():
    message = Mail(
        from_email=told["sender"],
        to_emails=[told["mail"], told["other mail"]],
        subject=told["subject"],
        plain_text_content=told["body"],
    )
    answer = good.send(message)
    return {"status": answer.status_code, "id": len(answer.headers["X-Message-Id"]), "body": answer.body.decode()}


steps.run(
    {
        "stranger": lambda: scopes(client(told["stranger"])),
        "scopes": lambda: scopes(good),
        "mail": mail,
        "retired": lambda: scopes(client(told["retired"])),
    },
    lambda error: {"status": getattr(error, "status_code", None)},
)
