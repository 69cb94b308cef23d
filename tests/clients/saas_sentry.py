"""Sends events to the station with Sentry's own package."""

import logging

import sentry_sdk

import steps

told = steps.scenario()


def report(keys):
    """The package sends in the background and tells nobody; what it is told, its debug log says."""
    heard = []

    class Heard(logging.Handler):
        def emit(self, record):
            heard.append(record.getMessage())

    log = logging.getLogger("sentry_sdk.errors")
    log.handlers, log.propagate = [Heard()], False
    log.setLevel(logging.DEBUG)
    sentry_sdk.init(keys["beacon.url"], default_integrations=False, release=told["release"], server_name="build-7", debug=True)
    log.handlers = [Heard()]
    event = sentry_sdk.capture_message(told["message"], level="error")
    sentry_sdk.flush(20)
    sentry_sdk.get_client().close()
    return {"id": len(event), "refused": sum("403" in line for line in heard)}


steps.run(
    {"stranger": lambda: report(told["stranger"]), "good": lambda: report(told["good"])},
    lambda error: {"said": str(error)},
)
