"""Calls the station with boto3."""

import io
import subprocess
import time
from functools import partial

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import steps

told = steps.scenario()
# Everything that canonical requests are got wrong over.
ODD = "a b/ü+%20&=~!'()*;,:@$é漢/x"


def client(service, keys=told["good"], **more):
    """A client that tries once."""
    return boto3.client(
        service,
        endpoint_url=keys["beacon.url"],
        region_name=keys["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, **more),
    )


def answer(result):
    """An answer without the part that the package adds."""
    return {name: value for name, value in result.items() if name != "ResponseMetadata"}


def identity(keys=told["good"]):
    return answer(client("sts", keys).get_caller_identity())


def buckets(keys=told["good"]):
    listed = client("s3", keys).list_buckets()
    return {"count": len(listed["Buckets"]), "named": [told["good"]["account"] in bucket["Name"] for bucket in listed["Buckets"]]}


def fetch(url, *more):
    """What curl gets at a presigned address."""
    curl = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "%{stderr}%{http_code}", *more, url]
    done = subprocess.run(curl, capture_output=True, text=True, check=True)
    return {"status": int(done.stderr), "code": done.stdout.partition("<Code>")[2].partition("</Code>")[0]}


def presigned(operation, expires=60, **parameters):
    return client("s3", signature_version="s3v4").generate_presigned_url(operation, parameters, ExpiresIn=expires)


def lapsed():
    url = presigned("list_buckets", expires=1)
    time.sleep(2.5)
    return fetch(url)


def explain(error):
    if not isinstance(error, ClientError):
        return {"message": str(error)}
    said, met = error.response["Error"], error.response["ResponseMetadata"]
    # Some errors have classes of their own.
    return {
        "error": "ClientError",
        "status": met["HTTPStatusCode"],
        "code": said["Code"],
        "message": said.get("Message"),
        "request id": bool(met.get("RequestId")),
    }


wrong = told["good"] | {"secret_access_key": 40 * "x"}
s3, mail = client("s3"), client("ses")
letter = {"Subject": {"Data": "ü & + %"}, "Body": {"Text": {"Data": "~*'()\n"}}}

CALLS = {
    # Nobody's key: no trips.
    "stranger sts": partial(identity, told["stranger"]),
    "stranger s3": partial(buckets, told["stranger"]),
    "identity": identity,
    "buckets": buckets,
    "list": lambda: s3.list_objects_v2(Bucket="backups", Prefix=ODD, Delimiter="/"),
    "get": lambda: s3.get_object(Bucket="backups", Key=ODD),
    "dots": lambda: s3.get_object(Bucket="backups", Key="a//b/../c/./d"),
    "put": lambda: s3.put_object(Bucket="backups", Key=ODD, Body=b"\x00\xff", Metadata={"note": "two  blanks"}),
    "upload": lambda: s3.upload_fileobj(io.BytesIO(20000 * b"x"), "backups", "k"),
    "head": lambda: s3.head_object(Bucket="backups", Key="k"),
    "users": lambda: client("iam").list_users(PathPrefix="/" + ODD + "/"),
    "create": lambda: client("iam").create_user(UserName="back+up@example.org"),
    "quota": lambda: answer(mail.get_send_quota())["Max24HourSend"],
    "mail": lambda: sorted(answer(mail.send_email(Source="a@example.org", Destination={"ToAddresses": ["b@example.org", "c@example.org"], "CcAddresses": ["d@example.org"]}, Message=letter))),
    "publish": lambda: sorted(answer(client("sns").publish(PhoneNumber=told["to"], Message=told["body"]))),
    "instances": lambda: client("ec2").describe_instances(),
    "tables": lambda: client("dynamodb").list_tables(),
    "secrets": lambda: client("secretsmanager").list_secrets(),
    "zones": lambda: client("route53").list_hosted_zones(),
    "function": lambda: client("lambda").get_function(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:f"),
    "model": lambda: client("bedrock-runtime").invoke_model(modelId="anthropic.claude-v2:1", body=b"{}"),
    "wrong sts": partial(identity, wrong),
    "wrong s3": partial(buckets, wrong),
    "wrong json": lambda: client("dynamodb", wrong).list_tables(),
    "presigned get": lambda: fetch(presigned("get_object", Bucket="backups", Key=ODD)),
    "presigned put": lambda: fetch(presigned("put_object", Bucket="backups", Key=ODD), "--upload-file", told["file"]),
    "presigned buckets": lambda: fetch(presigned("list_buckets")),
    "presigned sts": lambda: fetch(client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")),
    "presigned post": lambda: fetch(client("sts").generate_presigned_url("get_caller_identity"), "--request", "POST"),
    "presigned iam": lambda: fetch(client("iam").generate_presigned_url("list_users", HttpMethod="GET")),
    "tampered": lambda: fetch(presigned("get_object", Bucket="backups", Key="k").replace("/k?", "/l?")),
    "lapsed": lapsed,
    "retired": partial(identity, told["retired"]),
}

steps.run(CALLS, explain)
