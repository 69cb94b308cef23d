"""Reports for programs before the programs that others wrote to judge them.

feeds.py FILE...        every file must pass; its format is told by how its name ends
feeds.py --spoil FILE   the file must pass, and not pass once it is spoiled in each of several ways
"""

import base64
import copy
import hashlib
import json
import re
import sys
from pathlib import Path

import jsonschema
import pycef
import referencing
import stix2
import stix2validator
import xarf
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from pymisp import MISPEvent, MISPObject

SCHEMAS = Path(__file__).parents[2] / "crates/report/schema"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def ours(name):
    """A validator for one of our own schemas, which may refer to each other."""
    known = [json.loads((SCHEMAS / file).read_text()) for file in ("report-1.json", "report-lines-1.json")]
    resources = [(one["$id"], referencing.Resource.from_contents(one)) for one in known]
    for one in known:
        jsonschema.Draft202012Validator.check_schema(one)
    schema = json.loads((SCHEMAS / name).read_text())
    return jsonschema.Draft202012Validator(schema, registry=referencing.Registry().with_resources(resources))


def check_json(text):
    ours("report-1.json").validate(json.loads(text))


def check_ndjson(text):
    validator = ours("report-lines-1.json")
    for line in lines(text):
        validator.validate(line)


def check_stix(text):
    options = stix2validator.ValidationOptions(version="2.1", enforce_refs=True, strict_properties=True)
    results = stix2validator.validate_string(text, options)
    for result in [results] if not isinstance(results, list) else results:
        for one in [result] + list(getattr(result, "object_results", [])):
            problems = list(one.errors or []) + list(one.warnings or [])
            # A proxy does not always tell the port; a program's own header names are as it sent them.
            problems = [it for it in problems if "src_port" not in str(it)]
            assert not problems, [str(it) for it in problems]
        assert result.is_valid
    for one in json.loads(text)["objects"]:
        parsed = stix2.parse(one, allow_custom=False)
        if hasattr(parsed, "_id_contributing_properties"):
            again = parsed._generate_id()
            assert again == one["id"], (again, one)


def check_misp(text):
    event = MISPEvent()
    event.load(json.loads(text))
    given = json.loads(text)["Event"]
    assert len(event.objects) == len(given["Object"]) > 0
    for one in given["Object"]:
        strict = MISPObject(one["name"], strict=True, standalone=True)
        assert (strict.template_uuid, str(strict.template_version)) == (one["template_uuid"], one["template_version"]), one
        assert strict._definition["meta-category"] == one["meta-category"]
        for attribute in one["Attribute"]:
            added = strict.add_attribute(attribute["object_relation"], value=attribute["value"])
            assert added.type == attribute["type"], (added.type, attribute)
            assert attribute["type"] in added.describe_types["category_type_mappings"][attribute["category"]], attribute
        strict.to_json()
    again = MISPEvent()
    again.load(json.loads(event.to_json()))
    assert len(again.objects) == len(event.objects)


def check_xarf(text):
    for line in text.splitlines():
        found = xarf.parse(line)
        assert not found.errors and not found.warnings, (found.errors, found.warnings)
        assert found.report is not None, line
        report = json.loads(line)
        assert 1 <= len(report["evidence"]) <= 50, len(report["evidence"])
        for one in report["evidence"]:
            content = base64.b64decode(one["payload"], validate=True)
            assert one["size"] == len(content), one["description"]
            assert one["hash"] == "sha256:" + hashlib.sha256(content).hexdigest(), one["description"]
        if "destination_ip" in report and "source_port" in report:
            # All that the standard recommends, but for a confidence, which its library cannot read as its schema
            # has it, and for probes that had success: none had.
            found = xarf.parse(report | {"confidence": 1}, strict=True)
            missing = [it for it in found.errors if "successful_probes" not in f"{it.field}{it.message}"]
            assert not missing, missing


OCSF = {}


def check_ocsf(text):
    if not OCSF:
        schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
        OCSF[2004] = jsonschema.Draft202012Validator(schema.get_class_schema(class_name="detection_finding", profiles=[]))
    for one in lines(text):
        OCSF[one["class_uid"]].validate(one)


def check_cef(text):
    for line in text.splitlines():
        found = pycef.parse(line)
        assert found and found["CEFVersion"] == "0", line
        assert found["DeviceVendor"] == found["DeviceProduct"] == "lapwing", line
        assert found["cnt"].isdigit() and found["rt"].isdigit(), line
        assert 0 <= int(found["Severity"]) <= 10, line


PLAIN = re.compile(r"[0-9a-f.:]+(/\d+)?")


def check_list(text):
    import ipaddress

    for line in text.splitlines():
        if not line.startswith("#"):
            ipaddress.ip_network(line)


def check_defanged(text):
    import ipaddress

    for line in text.splitlines():
        if not line.startswith("#"):
            shown = line.split("\t")[0]
            assert not PLAIN.fullmatch(shown), shown
            ipaddress.ip_network(shown.replace("[", "").replace("]", ""))


CHECKS = {
    ".ioc-plain.txt": check_list,
    ".ioc.txt": check_defanged,
    ".stix.json": check_stix,
    ".misp.json": check_misp,
    ".xarf.ndjson": check_xarf,
    ".ocsf.ndjson": check_ocsf,
    ".cef": check_cef,
    ".ndjson": check_ndjson,
    ".json": check_json,
}


def check_of(name):
    # The longest ending is the one that is meant.
    return next(check for end, check in sorted(CHECKS.items(), key=lambda it: -len(it[0])) if name.endswith(end))


def changed(text, change):
    """The text with its first line, or all of it, changed as JSON."""
    whole = text.startswith("{\n")
    first, rest = (text, "") if whole else text.split("\n", 1)
    value = json.loads(first)
    change(value)
    return json.dumps(value) + "\n" + rest


def each_object(kind, change):
    def spoil(bundle):
        for one in bundle["objects"]:
            if one["type"] == kind:
                change(one)

    return spoil


SPOILERS = {
    ".stix.json": [
        each_object("indicator", lambda one: one.update(pattern="[ipv4-addr:value = ")),
        each_object("ipv4-addr", lambda one: one.update(value="not an address")),
        each_object("observed-data", lambda one: one.pop("number_observed")),
        each_object("intrusion-set", lambda one: one.update(colour="red")),
        each_object("sighting", lambda one: one.update(sighting_of_ref="indicator--" + "0" * 8)),
        each_object("network-traffic", lambda one: one.update(id="network-traffic--5a5a5a5a-5a5a-5a5a-8a5a-5a5a5a5a5a5a")),
    ],
    ".misp.json": [
        lambda event: event["Event"]["Object"][0]["Attribute"][0].update(object_relation="colour"),
        lambda event: event["Event"]["Object"][0].update(name="no-such-template"),
        lambda event: event["Event"].pop("info"),
    ],
    ".xarf.ndjson": [
        lambda report: report.pop("first_seen"),
        lambda report: report.update(colour="red"),
        lambda report: report.update(source_port="50412"),
        lambda report: report.update(type="no_such_type"),
        lambda report: report["evidence"][-1].update(payload="R0VU"),
        lambda report: report["evidence"][-1].update(size=5242881),
    ],
    ".ocsf.ndjson": [
        lambda event: event.update(colour="red"),
        lambda event: event.pop("finding_info"),
        lambda event: event.update(severity_id=17),
        lambda event: event["evidences"][0].update(src_endpoint={"ip": "203.0.113.0/24x"}),
    ],
    ".ndjson": [lambda line: line["report"].pop("caution"), lambda line: line.update(trip={})],
    ".json": [lambda report: report.pop("caution"), lambda report: report["trips"][0].update(colour="red")],
}


def spoil(path):
    text = Path(path).read_text()
    end = next(end for end in sorted(SPOILERS, key=lambda it: -len(it)) if path.endswith(end))
    CHECKS[end](text)
    for number, change in enumerate(SPOILERS[end]):
        try:
            CHECKS[end](changed(text, copy.copy(change)))
        except Exception:
            continue
        raise AssertionError(f"{path}: passes although spoiled ({number})")


def main(arguments):
    if arguments[0] == "--spoil":
        for path in arguments[1:]:
            spoil(path)
    else:
        for path in arguments:
            try:
                check_of(path)(Path(path).read_text())
            except Exception as error:
                raise SystemExit(f"{path}: {type(error).__name__}: {str(error)[:3000]}") from error
    print(len(arguments))


main(sys.argv[1:])
