"""Calls the station with RingCentral's own package, for which a server URL is a part of its configuration."""

from ringcentral import SDK

import steps

told = steps.scenario()


def platform(keys):
    return SDK(keys["client_id"], keys["client_secret"], keys["beacon.url"]).platform()


good = platform(told["good"])


def login(made, keys):
    made.login(jwt=keys["jwt_assertion"])
    return made.logged_in()


def text():
    answer = good.post(
        "/restapi/v1.0/account/~/extension/~/sms",
        {
            "from": {"phoneNumber": told["from"]},
            "to": [{"phoneNumber": told["to"]}, {"phoneNumber": told["other"]}],
            "text": told["body"],
        },
    ).json()
    return {
        "to": [to.phoneNumber for to in answer.to],
        "subject": answer.subject,
        "status": answer.messageStatus,
        "direction": answer.direction,
    }


def numbers():
    return good.get("/restapi/v1.0/account/~/extension/~/phone-number").json().paging.totalElements


def explain(error):
    answer = error.api_response().response() if hasattr(error, "api_response") else None
    return {"status": getattr(answer, "status_code", None)}


steps.run(
    {
        "stranger": lambda: login(platform(told["stranger"]), told["stranger"]),
        "login": lambda: login(good, told["good"]),
        "extension": lambda: good.get("/restapi/v1.0/account/~/extension/~").json().status,
        "numbers": numbers,
        "text": text,
        "retired": lambda: login(platform(told["retired"]), told["retired"]),
    },
    explain,
)
