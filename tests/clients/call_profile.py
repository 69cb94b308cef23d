"""Calls the station with boto3 and nothing but the name of a planted profile."""

import boto3

import steps

told = steps.scenario()
session = boto3.Session(profile_name=told["profile"])

steps.run(
    {"identity": lambda: session.client("sts").get_caller_identity()["Arn"]},
    lambda error: {"message": str(error)},
)
