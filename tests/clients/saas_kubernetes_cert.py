"""Calls the station with the client of the Kubernetes project, from a kubeconfig with a client certificate."""

import json
import ssl

import yaml
from kubernetes import client, config

import steps

told = steps.scenario()


def loaded(keys):
    return config.new_client_from_config_dict(yaml.safe_load(keys["kubeconfig"]))


def files():
    """What the client made of certificate and key, which it shows over TLS only: they belong together."""
    secure = {"kubeconfig": told["good"]["kubeconfig"].replace("http://", "https://")}
    settings = loaded(secure).configuration
    ssl.create_default_context().load_cert_chain(settings.cert_file, settings.key_file)
    with open(settings.cert_file) as certificate, open(settings.key_file) as key:
        return [certificate.read() == told["good"]["client_certificate"], key.read() == told["good"]["client_key"]]


def allowed():
    asked = client.V1ResourceAttributes(namespace="default", verb="list", resource="secrets")
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
    return client.AuthorizationV1Api(good).create_self_subject_access_review(review).status.allowed


def me():
    user = client.AuthenticationV1Api(good).create_self_subject_review(client.V1SelfSubjectReview()).status.user_info
    return [user.username, user.groups]


def explain(error):
    try:
        said = json.loads(error.body)
    except (AttributeError, TypeError, ValueError):
        return {"status": getattr(error, "status", None), "said": getattr(error, "body", str(error))}
    return {"status": error.status, "kind": said["kind"], "reason": said["reason"], "message": said["message"]}


good = loaded(told["good"])
core = client.CoreV1Api(good)

steps.run(
    {
        "stranger": lambda: client.CoreV1Api(loaded(told["stranger"])).list_namespace().items,
        "files": files,
        "version": lambda: client.VersionApi(good).get_code().minor,
        "groups": lambda: [group.name for group in client.ApisApi(good).get_api_versions().groups],
        "resources": lambda: len(core.get_api_resources().resources) > 5,
        "me": me,
        "allowed": allowed,
        "pods": lambda: core.list_namespaced_pod("payments").items,
        "secret": lambda: core.read_namespaced_secret("db", "payments"),
        "deployments": lambda: client.AppsV1Api(good).list_deployment_for_all_namespaces().items,
        "retired": lambda: client.CoreV1Api(loaded(told["retired"])).list_namespace().items,
    },
    explain,
)
