#!/bin/sh
# The JSON Schemas in deploy/schemas against what the codecs really write and read: replies of the unit
# tests, and the request fixtures. Needs the unit test program; $BUILD says where (default: build).
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
validate=tests/lib/validate-json
fixtures=tests/fixtures/records

if ! python3 -c 'import jsonschema' 2>/dev/null; then
    echo "SKIPPED test-schemas: python3-jsonschema is not installed (apt-get install python3-jsonschema)"
    [ "${CI:-}" = true ] && exit 1
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

[ -x "$build/tests/unit/task/test_reply" ] || make BUILD="$build" "$build/tests/unit/task/test_reply"
SLUICE_SAMPLES=$work/replies "$build/tests/unit/task/test_reply" --jobs 1 --quiet
echo "replies of the unit tests:"
$validate deploy/schemas/reply.schema.json <"$work/replies"
echo "request fixtures:"
$validate --member record deploy/schemas/request.schema.json <"$fixtures/good.jsonl"

# A schema that takes anything proves nothing: each of these must fail.
must_fail() { # SCHEMA LINE
    if printf '%s\n' "$2" | $validate "deploy/schemas/$1.schema.json" >/dev/null 2>&1; then
        echo "FAILED: the $1 schema accepts $2" >&2
        exit 1
    fi
}
must_fail request '{}'
must_fail request '{"body":{"messages":[]}}'
must_fail request '{"body":{"messages":[{"role":"boss","content":"x"}]}}'
must_fail request '{"messages":[{"role":"user"}]}'
must_fail request '{"prompt":"x","temperature":"hot"}'
must_fail request '{"prompt":"x","sluice":{"modles":["fast"]}}'
must_fail request '{"custom_id":7,"prompt":"x"}'
must_fail request '{"custom_id":"a","url":"/v1/images","body":{"prompt":"x"}}'
must_fail request '{"url":"/v1/responses","body":{"input":[]}}'
must_fail request '{"input":[{"role":"tool","content":"x"}]}'
must_fail request '{"input":"x","text":{"format":"json"}}'
must_fail reply '{}'
good=$(grep -m 1 '"status_code":200.*"cache":"miss"' "$work/replies")
must_fail reply "$(printf '%s' "$good" | sed 's/"error":null/"error":{"code":"x","message":"y"}/')"
must_fail reply "$(printf '%s' "$good" | sed 's/"cost_usd":[^,]*,//')"
must_fail reply "$(printf '%s' "$good" | sed 's/"cache":"miss"/"cache":"maybe"/')"
echo "test-schemas: ok"
