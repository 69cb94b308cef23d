"""Calls the station with Vonage's own package."""

import logging

from requests.adapters import HTTPAdapter
from vonage import Auth, HttpClientOptions, Vonage
from vonage_account import GetCountryPricingRequest
from vonage_sms import SmsMessage

import steps

told = steps.scenario()
# The package logs what it also raises.
logging.disable()


class Plain(HTTPAdapter):
    """The package writes https in front of any host; the station stands behind no TLS here."""

    def send(self, request, **more):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **more)


def client(keys):
    host = keys["beacon.url"].removeprefix("http://")
    options = HttpClientOptions(rest_host=host, api_host=host, max_retries=0)
    made = Vonage(Auth(api_key=keys["api_key"], api_secret=keys["api_secret"]), options)
    made.http_client._session.mount("https://", Plain())
    return made


good = client(told["good"])


def balance(made):
    balance = made.account.get_balance()
    return {"funds": balance.value > 0, "reload": balance.auto_reload}


def text(made, **more):
    message = SmsMessage(to=told["to"], from_=told["from"], text=told["body"], **more)
    answer = made.sms.send(message)
    first = answer.messages[0]
    return {
        "count": answer.message_count,
        "to": first.to,
        "id": len(first.message_id) == 36,
        "status": first.status,
        "price": 0 < float(first.message_price) < 1,
        "left": float(first.remaining_balance) > 0,
    }


def price():
    price = good.account.get_country_pricing(GetCountryPricingRequest(country_code="DE", type="sms"))
    return {"country": price.country_code, "currency": price.currency, "priced": 0 < float(price.default_price) < 1}


def explain(error):
    answer = getattr(error, "response", None)
    return {"status": getattr(answer, "status_code", None), "says": "Credentials" in str(error)}


wrong = client(told["good"] | {"api_secret": "0" * 16})

steps.run(
    {
        "stranger": lambda: balance(client(told["stranger"])),
        "stranger's text": lambda: text(client(told["stranger"])),
        "balance": lambda: balance(good),
        "text": lambda: text(good, callback=told["callback"]),
        "numbers": lambda: list(good.numbers.list_owned_numbers()[0]),
        "price": price,
        "wrong secret": lambda: text(wrong),
        "retired": lambda: balance(client(told["retired"])),
    },
    explain,
)
