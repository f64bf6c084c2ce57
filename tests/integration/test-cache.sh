#!/bin/sh
# `sluice cache` as a user types it: import, list, get, export (a round trip byte for byte), remove, verify,
# with the store free and with it held by another process.
# Usage: test-cache.sh [SLUICE STORE_WRITER]; tests/run sets SLUICE and BUILD
set -eu
sluice=${1:-$SLUICE}
holder=${2:-$BUILD/tests/integration/store_writer}
dir=$(mktemp -d)
trap 'exec 9>&-; rm -rf "$dir"' EXIT
cd "$dir"

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

expect() # WANTED GOT WHAT
{
    [ "$1" = "$2" ] || fail "$3: wanted '$1', got '$2'"
}

cache()
{
    verb=$1
    shift
    "$sluice" cache "$verb" --path store "$@"
}

for i in 1 2 3 4 5 6; do
    model=fast
    expires=0
    [ "$i" -le 4 ] || model=smart
    [ "$i" -ne 6 ] || expires=5
    printf '{"key":"%064d","model":"%s","provider":"openai","upstream_model":"up","request_id":"r%d",' \
        "$i" "$model" "$i"
    printf '"finish":"stop","created_ms":%d,"expires_ms":%d,"cost_usd":0.25,' "$((1000 + i))" "$expires"
    printf '"usage":{"input_tokens":1,"cached_input_tokens":null,"cache_write_tokens":null,'
    printf '"output_tokens":2,"reasoning_tokens":null},"body":"{\\"n\\": %d.0}"}\n' "$i"
done > in.jsonl
key3=$(printf '%064d' 3)

status=0
cache stat 2> err || status=$?
expect 66 "$status" "exit code of stat without a store"
grep -q 'cache.path' err || fail "no store: $(cat err)"

cache import in.jsonl 2> err
expect "6 imported, 0 refused" "$(cat err)" import
cache export > out.jsonl
cmp in.jsonl out.jsonl || fail "export is not what was imported"
expect 6 "$(cache ls | wc -l)" ls
expect 2 "$(cache ls --model smart | wc -l)" "ls --model"
expect 1 "$(cache ls --expired | wc -l)" "ls --expired"
expect 3 "$(cache ls --limit 3 | wc -l)" "ls --limit"
cache ls --json | head -1 | grep -q '"bytes":10' || fail "ls --json"
expect '{"n": 3.0}' "$(cache get "$key3")" get
cache stat --json | grep -q '"completions":6' || fail "stat: $(cache stat --json)"
cache verify | grep -q '^completions: 6 good, 0 bad' || fail verify

status=0
printf 'nonsense\n{"key":"12"}\n' | cache import 2> err || status=$?
expect 1 "$status" "exit code of an import with bad lines"
grep -q '^-:2: ' err || fail "import names no line: $(cat err)"
status=0
cache get "$(printf '%064d' 99)" 2> /dev/null || status=$?
expect 1 "$status" "exit code of get without a match"
status=0
cache rm 2> /dev/null || status=$?
expect 64 "$status" "exit code of rm without anything"

expect "1 removed" "$(cache rm "$key3" 2>&1)" "rm KEY"
expect 5 "$(cache ls | wc -l)" "ls after rm"

# A worker holds the store: the same commands go through it.
mkfifo input said
"$holder" hold store < input > said &
exec 9> input
read -r word < said
expect held "$word" holder
expect 5 "$(cache ls | wc -l)" "ls beside a holder"
expect "1 removed" "$(cache rm --expired 2>&1)" "rm --expired beside a holder"
expect "3 removed" "$(cache rm --model fast 2>&1)" "rm --model beside a holder"
expect "6 imported, 0 refused" "$(cache import in.jsonl 2>&1)" "import beside a holder"
cache export > out.jsonl
cmp in.jsonl out.jsonl || fail "export beside a holder"
expect "6 removed" "$(cache rm --all 2>&1)" "rm --all beside a holder"
exec 9>&-
wait
cache import in.jsonl 2> /dev/null
cache export > out.jsonl
cmp in.jsonl out.jsonl || fail "export after the holder"
echo "cache: good"
