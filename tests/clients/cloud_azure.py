"""Calls the station with Azure's package for blobs."""

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

import steps

told = steps.scenario()


def client(keys):
    """As a program does that has the connection string: the only word of it is where the blobs are."""
    return BlobServiceClient.from_connection_string(keys["connection_string"], retry_total=0, connection_timeout=20)


def containers(keys):
    return [found.name for found in client(keys).list_containers()]


def blobs(**more):
    found = list(client(told["good"]).get_container_client(told["good"]["container"]).list_blobs(**more))
    return {"count": len(found), "first": found[0].name, "size": found[0].size, "archived": sorted({blob.blob_tier for blob in found[1:]}), "last": found[-1].name}


def fetch(name):
    return client(told["good"]).get_blob_client(told["good"]["container"], name).download_blob().readall().decode()


def configuration():
    text = fetch("backup.conf")
    return {"size": len(text.encode()) == blobs()["size"], "names itself": told["good"]["container"] in text}


def archived():
    named = [blob.name for blob in client(told["good"]).get_container_client(told["good"]["container"]).list_blobs()]
    return fetch(named[-1])


def upload():
    client(told["good"]).get_blob_client(told["good"]["container"], "x").upload_blob(b"loot", overwrite=True)


def explain(error):
    if not isinstance(error, HttpResponseError):
        return {"message": str(error)}
    return {"status": error.status_code, "code": str(getattr(error, "error_code", None))}


good = told["good"]
# A key of the right form that is not this account's.
wrong = {"connection_string": good["connection_string"].replace(good["account_key"], told["stranger"]["account_key"])}

steps.run(
    {
        "stranger": lambda: containers(told["stranger"]),
        "containers": lambda: containers(good),
        "account": lambda: client(good).get_account_information()["sku_name"],
        "blobs": lambda: blobs() | {"size": blobs()["size"] > 0},
        "configuration": configuration,
        "archived": archived,
        "none": lambda: fetch("none"),
        "elsewhere": lambda: [blob.name for blob in client(good).get_container_client("secrets").list_blobs()],
        "upload": upload,
        "wrong": lambda: containers(wrong),
        "retired": lambda: containers(told["retired"]),
    },
    explain,
)
