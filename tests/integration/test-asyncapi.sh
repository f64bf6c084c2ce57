#!/bin/bash
# deploy/asyncapi.yaml: AsyncAPI's own parser has nothing to say about it; its examples fit our schemas; its headers are
# those that the manual lists and the code reads and writes.
. "$(dirname "$0")/../lib/scene.sh"

skip() {
    echo "SKIPPED test-asyncapi: $*"
    exit 77
}

modules=$("$ROOT/tests/lib/asyncapi-parser" 2>npm.log) || skip "AsyncAPI's parser cannot be had (npm): $(tail -n 1 npm.log)"
(cd "$modules" && node "$ROOT/tests/lib/check_asyncapi.mjs" "$ROOT/deploy/asyncapi.yaml" "$WORK") >parser.log 2>&1 ||
    fail "deploy/asyncapi.yaml: $(cat parser.log)"
python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
for name in request reply; do
    "$ROOT/tests/lib/validate-json" --member record "$ROOT/deploy/schemas/$name.schema.json" <"examples-$name.jsonl" ||
        fail "an example of a $name does not fit its schema"
done

# Names of a section of sluice(7).
listed() {
    "$SLUICE" man 7 | awk -v title=".SH $1" '/^\.SH / { on = $0 == title } on && /^\.B / { print substr($0, 4) }' |
        sed 's/\\-/-/g' | tr -s ', ' '\n'
}
same() { # WHAT ONE OTHER
    diff <(sort -u "$2") <(sort -u "$3") >differs || fail "$1: $(grep '^[<>]' differs | tr '\n' ' ')"
}
listed "HEADERS OF REQUESTS" >man-request
listed "HEADERS OF REPLIES" | grep -v '\*$' >man-reply
same "headers of requests: < only asyncapi.yaml, > only sluice(7)" headers-request man-request
same "headers of replies: < only asyncapi.yaml, > only sluice(7)" headers-reply man-reply

literals() { grep -ohE "\"($1)[a-zA-Z_-]*\"" "$ROOT/core/task/reply_headers.c" "$ROOT/core/io/kafka/parcel.c" | tr -d '"'; }
literals 'sluice-|ce_' >code-reply
while read -r name; do
    grep -qxF "$name" headers-reply || fail "a reply has the header $name, and asyncapi.yaml does not"
done <code-reply
literals 'kafka_dlt-' >code-dead
same "headers of dead letters: < only asyncapi.yaml, > only the code" headers-dead code-dead
echo "asyncapi: $(cat examples-*.jsonl | wc -l) examples, $(cat headers-* | wc -l) headers: all good"
