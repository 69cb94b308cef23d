"""Calls the station with Brevo's (Sendinblue's) own package: mail and SMS."""

import sib_api_v3_sdk as brevo

import steps

told = steps.scenario()


def client(keys):
    settings = brevo.Configuration()
    settings.host = keys["beacon.url"]
    settings.api_key["api-key"] = keys["api_key"]
    return brevo.ApiClient(settings)


good = client(told["good"])


def account(made):
    return [plan.type for plan in brevo.AccountApi(made).get_account().plan]


def mail():
    message = brevo.SendSmtpEmail(
        sender={"email": told["sender"]},
        to=[{"email": told["mail"]}, {"email": told["other mail"]}],
        subject=told["subject"],
        text_content=told["body"],
    )
    return brevo.TransactionalEmailsApi(good).send_transac_email(message).message_id.startswith("<")


def text():
    message = brevo.SendTransacSms(
        sender="Desk", recipient=told["to"], content=told["body"], web_url=told["callback"]
    )
    return brevo.TransactionalSMSApi(good).send_transac_sms(message).sms_count


steps.run(
    {
        "stranger": lambda: account(client(told["stranger"])),
        "account": lambda: account(good),
        "mail": mail,
        "text": text,
        "retired": lambda: account(client(told["retired"])),
    },
    lambda error: {"status": getattr(error, "status", None)},
)
