"""Calls the station with Google's authentication package, from a service account's file."""

import json

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

import steps

told = steps.scenario()
SCOPES = ["https://www.googleapis.com/auth/devstorage.read_only"]


def token(keys, **more):
    """As a program does that has the file: the only word of it is its token_uri."""
    info = json.loads(keys["json"]) | more
    made = service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
    made.refresh(Request())
    return {"token": made.token.startswith("ya29."), "valid": made.valid}


good = told["good"]
# The account's name with somebody else's key.
other = json.loads(told["stranger"]["json"])["private_key"]

steps.run(
    {
        "stranger": lambda: token(told["stranger"]),
        "token": lambda: token(good),
        "wrong key": lambda: token(good, private_key=other),
        "retired": lambda: token(told["retired"]),
    },
    lambda error: {"message": error.args[0]} if isinstance(error, RefreshError) else {"message": str(error)},
)
