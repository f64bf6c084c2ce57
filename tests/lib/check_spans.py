#!/usr/bin/env python3
"""check_spans.py FILE: each line is an ExportTraceServiceRequest by OpenTelemetry's own definition.

OTLP's JSON differs from protobuf's in two things, which are looked at here and then undone: ids are hex, and enums are
numbers. Needs opentelemetry-proto (tests/lib/pypi-python). Prints how many spans there were.
"""
import base64
import json
import re
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ID_LENGTHS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
NUMBERS = {"kind", "code"}
TEXT_NUMBERS = {"startTimeUnixNano", "endTimeUnixNano", "intValue"}


def undo(value):
    """The same value with ids in base64, as protobuf has them."""
    if isinstance(value, list):
        return [undo(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for name, v in value.items():
        if name in ID_LENGTHS:
            assert re.fullmatch("[0-9a-f]{%d}" % ID_LENGTHS[name], v), f"{name}: {v}"
            v = base64.b64encode(bytes.fromhex(v)).decode()
        elif name in NUMBERS:
            assert isinstance(v, int), f"{name}: {v!r} is no number"
        elif name in TEXT_NUMBERS:
            assert isinstance(v, str), f"{name}: {v!r} is no text"
        out[name] = undo(v)
    return out


def main():
    count = 0
    for line in open(sys.argv[1]):
        request = json_format.ParseDict(undo(json.loads(line)), ExportTraceServiceRequest())
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    assert span.name and span.start_time_unix_nano <= span.end_time_unix_nano
                    assert len({a.key for a in span.attributes}) == len(span.attributes), span
                count += len(scope.spans)
    assert count > 0
    print(count)


main()
