"""Calls the station with boto3, as an S3-compatible store."""

import boto3
from botocore.config import Config

import steps

told = steps.scenario()
bucket = told["good"]["bucket"]


def client(keys, **more):
    # No second tries: one call, one trip.
    settings = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3",
        endpoint_url=keys["beacon.url"],
        region_name="us-east-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=more.get("secret", keys["secret_access_key"]),
        config=settings,
    )


def objects():
    listed = good.list_objects_v2(Bucket=bucket)
    folders = good.list_objects_v2(Bucket=bucket, Delimiter="/")
    dumps = good.list_objects_v2(Bucket=bucket, Prefix="dumps/")
    return {
        "count": listed["KeyCount"] == len(listed["Contents"]),
        "sizes": all(item["Size"] > 0 for item in listed["Contents"]),
        "folders": [item["Prefix"] for item in folders["CommonPrefixes"]],
        "dumps": [item["Key"].startswith("dumps/") for item in dumps["Contents"]],
        "same": {item["Key"] for item in dumps["Contents"]} < {item["Key"] for item in listed["Contents"]},
    }


def note():
    found = good.get_object(Bucket=bucket, Key="README.txt")
    listed = good.list_objects_v2(Bucket=bucket, Prefix="README")["Contents"][0]
    text = found["Body"].read()
    return {"size": len(text) == listed["Size"] == good.head_object(Bucket=bucket, Key="README.txt")["ContentLength"], "tag": found["ETag"] == listed["ETag"]}


def dump():
    return good.get_object(Bucket=bucket, Key=good.list_objects_v2(Bucket=bucket, Prefix="dumps/")["Contents"][0]["Key"])["ContentLength"]


def explain(error):
    response = getattr(error, "response", {})
    return {"code": response.get("Error", {}).get("Code"), "status": response.get("ResponseMetadata", {}).get("HTTPStatusCode")}


good = client(told["good"])

steps.run(
    {
        "stranger": lambda: client(told["stranger"]).list_buckets()["Buckets"],
        "forged": lambda: client(told["good"], secret=told["stranger"]["secret_access_key"]).list_buckets()["Buckets"],
        "buckets": lambda: [item["Name"] for item in good.list_buckets()["Buckets"]],
        "head": lambda: good.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"],
        "objects": objects,
        "note": note,
        "dump": dump,
        "write": lambda: good.put_object(Bucket=bucket, Key="x", Body=b"x")["ETag"],
        "other": lambda: good.list_objects_v2(Bucket="none-of-ours")["KeyCount"],
        "retired": lambda: client(told["retired"]).list_buckets()["Buckets"],
    },
    explain,
)
