"""Calls the station with Hugging Face's package."""

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

import steps

told = steps.scenario()


def client(keys):
    return HfApi(endpoint=keys["beacon.url"], token=keys["token"])


def user(keys):
    found = client(keys).whoami()
    return {"name": found["name"], "type": found["type"], "role": found["auth"]["accessToken"]["role"]}


def explain(error):
    if not isinstance(error, HfHubHTTPError):
        return {"message": str(error)}
    return {"status": error.response.status_code, "said": error.server_message}


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: user(told["stranger"]),
        "user": lambda: user(told["good"]),
        "models": lambda: [found.id for found in good.list_models(search="llama")],
        "model": lambda: good.model_info("acme/secret").id,
        "create": lambda: good.create_repo("loot", private=True).repo_id,
        "retired": lambda: user(told["retired"]),
    },
    explain,
)
