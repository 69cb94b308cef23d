"""Calls the station with PyGithub."""

from datetime import datetime, timezone

from github import Auth, Github

import steps

told = steps.scenario()


def client(keys, auth=None):
    url = keys["beacon.url"] + "/api/v3"
    return Github(base_url=url, auth=auth or Auth.Token(keys["token"]), retry=None, timeout=20)


def user(made):
    user = made.get_user()
    return {
        "login": user.login,
        "id": user.id,
        "type": user.type,
        "in order": user.created_at < user.updated_at < datetime.now(timezone.utc),
        "scopes": made.oauth_scopes,
    }


def repositories():
    return [
        {
            "private": found.private,
            "full": found.full_name == f"{found.owner.login}/{found.name}",
            "push": found.permissions.push,
            "in order": found.created_at < found.pushed_at < datetime.now(timezone.utc),
        }
        for found in good.get_user().get_repos()
    ]


def rate():
    """What the answer says of the limit, and whether its own headers say the same."""
    rate = good.get_rate_limit().rate
    now = datetime.now(timezone.utc)
    return {
        "limit": rate.limit,
        "adds up": rate.used + rate.remaining == rate.limit,
        "within an hour": 0 < (rate.reset - now).total_seconds() <= 3600,
        "headers": abs(good.rate_limiting[0] - rate.remaining) <= 1,
        "reset": good.rate_limiting_resettime == rate.reset.timestamp(),
    }


def explain(error):
    return {"status": getattr(error, "status", None), "message": getattr(error, "data", {}).get("message")}


good = client(told["good"])
keys = told["good"]

steps.run(
    {
        "stranger": lambda: user(client(told["stranger"])),
        "user": lambda: user(good),
        "repositories": repositories,
        "organisations": lambda: [found.login for found in good.get_user().get_orgs()],
        "rate": rate,
        "repository": lambda: good.get_repo("platform/secrets").id,
        "login": lambda: user(client(keys, Auth.Login(keys["login"], keys["token"])))["login"],
        "retired": lambda: user(client(told["retired"])),
    },
    explain,
)
