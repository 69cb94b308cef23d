"""Calls the station with python-gitlab."""

import gitlab

import steps

told = steps.scenario()


def client(keys, **more):
    return gitlab.Gitlab(keys["beacon.url"], timeout=20, **({"private_token": keys["token"]} | more))


def user(made):
    made.auth()
    return {"name": made.user.username, "id": made.user.id, "state": made.user.state}


def token():
    found = good.personal_access_tokens.get("self")
    return {"active": found.active, "revoked": found.revoked, "user": found.user_id, "scopes": found.scopes}


def project():
    return [{"private": found.visibility == "private", "host": found.web_url.startswith(told["good"]["beacon.url"])} for found in good.projects.list(get_all=True)]


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: user(client(told["stranger"])),
        "user": lambda: user(good),
        "bearer": lambda: user(client(told["good"], private_token=None, oauth_token=told["good"]["token"])),
        "token": token,
        "version": lambda: good.version()[0].split(".")[0],
        "projects": project,
        "groups": lambda: [found.path for found in good.groups.list(get_all=True)],
        "project": lambda: good.projects.get("platform/secrets").id,
        "variables": lambda: good.projects.get("7", lazy=True).variables.list(get_all=True),
        "retired": lambda: user(client(told["retired"])),
    },
    lambda error: {"status": getattr(error, "response_code", None), "message": getattr(error, "error_message", str(error))},
)
