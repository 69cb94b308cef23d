"""Runs calls of a client one by one and prints what came of each, as one JSON object.

A warning is an error here: a client that warns about an answer tells an intruder that something is odd.
Deprecations are not: they are about the client and this Python.
"""

import json
import sys
import warnings


def scenario():
    """What to call, and with which keys: the JSON file named by the first argument."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def run(calls, explain):
    """Prints what each call returned, or what `explain` makes of its exception."""
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)
    results = {}
    for name, call in calls.items():
        try:
            results[name] = call()
        except Exception as error:  # the test judges it
            results[name] = {"error": type(error).__name__} | explain(error)
    json.dump(results, sys.stdout)
