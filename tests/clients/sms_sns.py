"""Calls the station with boto3, which takes SNS's endpoint from a variable or the profile."""

import boto3
from botocore.config import Config

import steps

told = steps.scenario()


def client(keys, service="sns"):
    return boto3.client(
        service,
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        region_name=keys["region"],
        endpoint_url=keys["beacon.url"],
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


good = client(told["good"])


def who(keys):
    return client(keys, "sts").get_caller_identity()["Account"] == keys["account"]


def text(**more):
    return len(good.publish(PhoneNumber=told["to"], Message=told["body"], **more)["MessageId"])


SENDER = {"AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Alerts"}}


def explain(error):
    answer = getattr(error, "response", {})
    return {"code": answer.get("Error", {}).get("Code")}


steps.run(
    {
        "stranger": lambda: client(told["stranger"]).list_topics()["Topics"],
        "who": lambda: who(told["good"]),
        "attributes": lambda: good.get_sms_attributes()["attributes"]["DefaultSMSType"],
        "sandbox": lambda: good.get_sms_sandbox_account_status()["IsInSandbox"],
        "topics": lambda: len(good.list_topics()["Topics"]),
        "numbers": lambda: good.list_origination_numbers()["PhoneNumbers"],
        "text": lambda: text(MessageAttributes=SENDER),
        "wrong secret": lambda: client(told["good"] | {"secret_access_key": "x" * 40}).list_topics(),
        "retired": lambda: client(told["retired"]).list_topics(),
    },
    explain,
)
