"""Calls the station with hvac."""

import hvac

import steps

told = steps.scenario()


def client(keys):
    return hvac.Client(url=keys["beacon.url"], token=keys.get("token"), timeout=20)


def me(made):
    data = made.lookup_token()["data"]
    return {"id": data["id"], "accessor": data["accessor"], "type": data["type"], "policies": data["policies"], "ttl": 0 < data["ttl"] <= data["creation_ttl"]}


def health():
    found = good.sys.read_health_status(method="GET")
    return {name: found[name] for name in ("initialized", "sealed", "standby")}


def secrets():
    kv = good.secrets.kv.v2
    app = told["good"]["app"]
    top = kv.list_secrets("")["data"]["keys"]
    config = kv.read_secret_version(app + "/config", raise_on_deleted_version=False)["data"]["data"]
    return {"top": top, "under": kv.list_secrets(app)["data"]["keys"], "config": sorted(config)}


def approle():
    made = hvac.Client(url=told["role"]["beacon.url"], timeout=20)
    auth = made.auth.approle.login(role_id=told["role"]["role_id"], secret_id=told["role"]["secret_id"])["auth"]
    return {"role": auth["metadata"]["role_name"], "me": me(made)["id"] == auth["client_token"], "accessor": auth["accessor"]}


def wrong_role():
    made = hvac.Client(url=told["role"]["beacon.url"], timeout=20)
    return made.auth.approle.login(role_id=told["role"]["role_id"], secret_id="00000000-0000-4000-8000-000000000000")["auth"]


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: me(client(told["stranger"])),
        "health": health,
        "in": good.is_authenticated,
        "me": lambda: me(good),
        "secrets": secrets,
        "missing": lambda: good.secrets.kv.v2.read_secret_version("none", raise_on_deleted_version=False),
        "beyond": lambda: good.sys.list_auth_methods(),
        "role": approle,
        "wrong role": wrong_role,
        "retired": lambda: me(client(told["retired"])),
    },
    lambda error: {"said": getattr(error, "errors", None)},
)
