"""Calls the station with Stripe's own package."""

import stripe

import steps

told = steps.scenario()


def client(keys):
    # No second tries: one call, one trip.
    return stripe.StripeClient(keys["secret_key"], base_addresses={"api": keys["beacon.url"]}, max_network_retries=0)


def account():
    account = good.v1.accounts.retrieve_current()
    return {"id": account.id, "charges": account.charges_enabled, "type": account.type, "country": len(account.country)}


def balance():
    balance = good.v1.balance.retrieve()
    return {"live": balance.livemode, "funds": balance.available[0].amount > 0, "currency": balance.available[0].currency}


def customer():
    made = good.v1.customers.create({"email": told["email"], "name": told["name"]})
    found = good.v1.customers.retrieve(made.id)
    listed = good.v1.customers.list()
    return {
        "id": made.id.startswith("cus_"),
        "email": made.email,
        "same": (found.id, found.email, found.name, found.created) == (made.id, made.email, made.name, made.created),
        "listed": [item.id for item in listed.data] == [made.id],
    }


def charge():
    return good.v1.payment_intents.create({"amount": 4200, "currency": "eur", "description": told["name"]}).id


def explain(error):
    return {
        "status": getattr(error, "http_status", None),
        "code": getattr(error, "code", None),
        "request id": str(getattr(error, "request_id", None)).startswith("req_"),
    }


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: client(told["stranger"]).v1.balance.retrieve().livemode,
        "account": account,
        "balance": balance,
        "charges": lambda: [charge.id for charge in good.v1.charges.list()],
        "customer": customer,
        "no customer": lambda: good.v1.customers.retrieve("cus_none").id,
        "payment": charge,
        "retired": lambda: client(told["retired"]).v1.balance.retrieve().livemode,
        "restricted": lambda: client(told["restricted"]).v1.balance.retrieve().livemode,
        "beyond": lambda: client(told["restricted"]).v1.accounts.retrieve_current().id,
    },
    explain,
)
