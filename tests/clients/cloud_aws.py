"""Calls the station with boto3: the bucket that the key is for, mail, text messages."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import steps

told = steps.scenario()


def client(service, keys=told["good"]):
    """A client that tries once."""
    return boto3.client(
        service,
        endpoint_url=keys["beacon.url"],
        region_name=keys["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        aws_session_token=keys.get("session_token"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def listed(call, **more):
    """What a list of the bucket holds, and whether it counts itself right."""
    found = call(Bucket=bucket, **more)
    keys = [entry["Key"] for entry in found.get("Contents", [])]
    folders = [entry["Prefix"] for entry in found.get("CommonPrefixes", [])]
    return {
        "configuration": "backup.conf" in keys,
        "dumps": len([key for key in keys if key.startswith("dumps/") and key.endswith(".sql.gz")]) >= 5,
        "folders": folders,
        "counts": found.get("KeyCount", len(keys) + len(folders)) == len(keys) + len(folders),
        "whole": not found["IsTruncated"],
        "last": keys[-1] if keys else None,
    }


def configuration():
    """The one object that can be read: as long as the list says, and about the bucket."""
    sizes = {entry["Key"]: entry["Size"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    body = s3.get_object(Bucket=bucket, Key="backup.conf")["Body"].read()
    return {"size": len(body) == sizes["backup.conf"], "bucket": bucket.encode() in body}


def dump():
    keys = [entry["Key"] for entry in s3.list_objects(Bucket=bucket, Prefix="dumps/")["Contents"]]
    return s3.get_object(Bucket=bucket, Key=keys[-1])


def text(number):
    return len(sns.publish(PhoneNumber=number, Message=told["body"])["MessageId"])


def explain(error):
    if not isinstance(error, ClientError):
        return {"message": str(error)}
    said, met = error.response["Error"], error.response["ResponseMetadata"]
    return {"status": met["HTTPStatusCode"], "code": said["Code"], "message": said.get("Message")}


bucket = told["good"]["bucket"]
s3, ses, sns, mail = client("s3"), client("ses"), client("sns"), client("sesv2")
simple = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": told["body"]}}}}

steps.run(
    {
        "identity": lambda: client("sts").get_caller_identity()["Arn"],
        "buckets": lambda: [found["Name"] for found in s3.list_buckets()["Buckets"]],
        "location": lambda: s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1",
        "head": lambda: s3.head_bucket(Bucket=bucket)["BucketRegion"],
        "new list": lambda: listed(s3.list_objects_v2),
        "old list": lambda: listed(s3.list_objects),
        "folders": lambda: listed(s3.list_objects_v2, Delimiter="/"),
        "one folder": lambda: listed(s3.list_objects_v2, Prefix="dumps/", Delimiter="/"),
        "nothing": lambda: listed(s3.list_objects_v2, Prefix="secret/"),
        "configuration": configuration,
        "dump": dump,
        "none": lambda: s3.get_object(Bucket=bucket, Key="none"),
        "put": lambda: s3.put_object(Bucket=bucket, Key="loot", Body=b"x"),
        "acl": lambda: s3.get_bucket_acl(Bucket=bucket),
        "quota": lambda: ses.get_send_quota()["Max24HourSend"],
        "statistics": lambda: len(ses.get_send_statistics()["SendDataPoints"]),
        "identities": lambda: ses.list_identities()["Identities"],
        "account": lambda: mail.get_account()["ProductionAccessEnabled"],
        "mail": lambda: len(mail.send_email(FromEmailAddress="a@example.org", Destination={"ToAddresses": ["b@example.org"]}, Content=simple)["MessageId"]),
        "sandbox": lambda: sns.get_sms_sandbox_account_status()["IsInSandbox"],
        "attributes": lambda: sns.get_sms_attributes()["attributes"]["DefaultSMSType"],
        "text": lambda: text(told["to"]),
        "bad number": lambda: text("1"),
        "alarms": lambda: client("cloudwatch").describe_alarms(),
        "functions": lambda: client("lambda").list_functions(),
        "models": lambda: client("bedrock").list_foundation_models(),
    },
    explain,
)
