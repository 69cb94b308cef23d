"""Calls the station with the client of the Kubernetes project, from the kubeconfig as it was minted."""

import json

import yaml
from kubernetes import client, config

import steps

told = steps.scenario()
space = told["good"]["namespace"]


def loaded(keys):
    return config.new_client_from_config_dict(yaml.safe_load(keys["kubeconfig"]))


def version(made):
    found = client.VersionApi(made).get_code()
    return [found.major, found.minor]


def allowed(verb, resource, namespace):
    asked = client.V1ResourceAttributes(namespace=namespace, verb=verb, resource=resource)
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
    return client.AuthorizationV1Api(good).create_self_subject_access_review(review).status.allowed


def rules():
    review = client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace=space))
    status = client.AuthorizationV1Api(good).create_self_subject_rules_review(review).status
    return {"incomplete": status.incomplete, "resources": sorted({name for rule in status.resource_rules for name in rule.resources})}


def pods():
    return [[pod.metadata.namespace, pod.status.phase] for pod in core.list_namespaced_pod(space).items]


def secrets():
    return [[secret.type, sorted(secret.data)] for secret in core.list_namespaced_secret(space).items]


def explain(error):
    try:
        said = json.loads(error.body)
    except (AttributeError, TypeError, ValueError):
        return {"said": str(error)}
    return {"status": error.status, "kind": said["kind"], "reason": said["reason"], "message": said["message"]}


good = loaded(told["good"])
core = client.CoreV1Api(good)

steps.run(
    {
        "stranger": lambda: [item.metadata.name for item in client.CoreV1Api(loaded(told["stranger"])).list_namespace().items],
        "version": lambda: version(good),
        "versions": lambda: client.CoreApi(good).get_api_versions().versions,
        "groups": lambda: [group.name for group in client.ApisApi(good).get_api_versions().groups],
        "resources": lambda: len(core.get_api_resources().resources) > 5,
        "allowed": lambda: [allowed("list", "secrets", space), allowed("delete", "pods", space), allowed("list", "secrets", "kube-system")],
        "rules": rules,
        "namespaces": lambda: [item.metadata.name for item in core.list_namespace().items],
        "pods": pods,
        "secrets": secrets,
        "all secrets": lambda: core.list_secret_for_all_namespaces().items,
        "elsewhere": lambda: core.list_namespaced_secret("kube-system").items,
        "retired": lambda: client.CoreV1Api(loaded(told["retired"])).list_namespace().items,
    },
    explain,
)
