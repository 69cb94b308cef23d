"""Calls the station as the programs of registries do: the login in the file, then what the registry asks for."""

import base64

import requests

import steps

told = steps.scenario()


def session(keys, user="username", password="password"):
    made = requests.Session()
    made.auth = (keys[user], keys[password])
    return made


def challenge(keys):
    """The address of tokens that the registry names to whoever comes without one."""
    answer = requests.get(keys["beacon.url"] + "/v2/", timeout=20)
    said = answer.headers["WWW-Authenticate"]
    return {"status": answer.status_code, "bearer": said.startswith('Bearer realm="'), "code": answer.json()["errors"][0]["code"]}


def docker(keys, path, method="GET"):
    """The answer to a docker client: a token for the login, then the path with the token."""
    url = keys["beacon.url"]
    given = session(keys).get(url + "/token", params={"service": "registry", "scope": "repository:a/b:pull"}, timeout=20)
    given.raise_for_status()
    token = given.json()
    headers = {"Authorization": "Bearer " + (token.get("token") or token["access_token"])}
    return requests.request(method, url + path, headers=headers, timeout=20)


def catalog():
    names = docker(told["docker"], "/v2/_catalog").json()["repositories"]
    tags = docker(told["docker"], f"/v2/{names[0]}/tags/list").json()
    return {"names": len(names), "same": tags["name"] == names[0], "latest": "latest" in tags["tags"]}


def manifest():
    answer = docker(told["docker"], "/v2/acme/secret/manifests/latest")
    return {"status": answer.status_code, "code": answer.json()["errors"][0]["code"]}


def login(keys, path, user, password):
    body = {user: keys["username"], password: keys["token"]}
    answer = requests.post(keys["beacon.url"] + path, json=body, timeout=20)
    return {"status": answer.status_code, "said": sorted(answer.json())}


def entry():
    """What stands in config.json, as docker reads it."""
    user, _, password = base64.b64decode(told["docker"]["auth"]).decode().partition(":")
    return (user, password) == (told["docker"]["username"], told["docker"]["password"])


def get(keys, path, **more):
    answer = requests.get(keys["beacon.url"] + path, timeout=20, **more)
    return {"status": answer.status_code, "said": answer.text.strip()[:200]}


docker_keys, hub = told["docker"], told["hub"]

steps.run(
    {
        "challenge": lambda: challenge(docker_keys),
        "entry": entry,
        "ping": lambda: docker(docker_keys, "/v2/").text.strip(),
        "catalog": catalog,
        "manifest": manifest,
        "push": lambda: docker(docker_keys, "/v2/acme/app/blobs/uploads/", "POST").status_code,
        "wrong": lambda: docker(docker_keys | {"password": "x" * 24}, "/v2/").status_code,
        "hub login": lambda: login(hub, "/v2/users/login", "username", "password"),
        "hub token": lambda: login(hub, "/v2/auth/token", "identifier", "secret"),
        "hub wrong": lambda: login(hub | {"token": "dckr_pat_" + 27 * "x"}, "/v2/auth/token", "identifier", "secret"),
        "gems": lambda: get(told["gems"], "/api/v1/gems.json", headers={"Authorization": told["gems"]["api_key"]}),
        "cargo": lambda: get(told["cargo"], "config.json", headers={"Authorization": told["cargo"]["token"]})["status"],
        "terraform": lambda: get(told["terraform"], "/api/v2/account/details", headers={"Authorization": "Bearer " + told["terraform"]["token"]})["status"],
        "jenkins": lambda: session(told["jenkins"], "username", "token").get(told["jenkins"]["beacon.url"] + "/me/api/json", timeout=20).json()["id"],
    },
    lambda error: {"status": getattr(getattr(error, "response", None), "status_code", None)},
)
