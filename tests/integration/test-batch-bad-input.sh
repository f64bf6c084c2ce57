#!/usr/bin/env bash
# Bad input: each gets a clear error that names the place, the right exit code, and nothing is lost.
. "$(dirname "$0")/../lib/scene.sh"

sim_start
config_for_sim c.yaml
prompts 3 >good.jsonl

# expect CODE PATTERN ARGS...: batch ends with this code and says this.
expect() {
    local code=$1 pattern=$2 rc=0
    shift 2
    "$SLUICE" batch --progress none --store store "$@" 2>said.txt >/dev/null || rc=$?
    [ "$rc" = "$code" ] || { cat said.txt >&2; fail "exit code $rc instead of $code for: $*"; }
    grep -qE -- "$pattern" said.txt || { cat said.txt >&2; fail "no \"$pattern\" for: $*"; }
}

# bad_row PATTERN: standard input is the second of three rows.
bad_row() {
    { head -1 good.jsonl; cat; tail -1 good.jsonl; } >bad.jsonl
    rm -f o.jsonl*
    expect 65 "bad.jsonl:2.*$1" -i bad.jsonl -o o.jsonl -c c.yaml
}

body() { printf '{"custom_id":"b","body":%s}\n' "$1"; }
body '{"model":"fast","messages":[{"role":"user"' | bad_row "JSON"
printf '{"custom_id":"b","prompt":"\xe2\x82","model":"fast"}\n' | bad_row "UTF-8"
body "$(printf '{"model":"fast","messages":%s1%s}' "$(printf '[%.0s' $(seq 60))" "$(printf ']%.0s' $(seq 60))")" | bad_row "deep"
body "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"$(head -c 2000000 /dev/zero | tr '\0' x)\"}]}" | bad_row "limits.record_bytes"
body '{"messages":[{"role":"user","content":"x"}]}' | bad_row "model"
body '{"model":"fasst","messages":[{"role":"user","content":"x"}]}' | bad_row 'fast'
body '{"model":"fast","messages":"hello"}' | bad_row "messages"
body '{"model":"fast","model":"fast","messages":[{"role":"user","content":"x"}]}' | bad_row "model"
printf '{"custom_id":"a\\u0000b","body":{"model":"fast","messages":[{"role":"user","content":"x"}]}}\n' | bad_row "u0000|NUL"
body '{"model":"fast","temperature":"hot","messages":[{"role":"user","content":"x"}]}' | bad_row 'temperature.*hot'
printf '{"custom_id":"b","url":"/v1/pictures","body":{"model":"fast","messages":[{"role":"user","content":"x"}]}}\n' | bad_row "url"

# Duplicates are found with both line numbers, before the first call.
cat good.jsonl good.jsonl >twice.jsonl
expect 65 'twice.jsonl:4.*"q1".*line 1' -i twice.jsonl -o o.jsonl -c c.yaml
[ "$(sim_stats .requests)" = 0 ] || fail "calls were made before the input was checked"

# With --keep-going a bad row gets an error reply and the others are answered.
{ head -1 good.jsonl; echo 'not json'; tail -1 good.jsonl; } >mixed.jsonl
rm -f o.jsonl*
expect 1 "bad_record" -i mixed.jsonl -o o.jsonl -c c.yaml --keep-going
[ "$(wc -l <o.jsonl)" = 3 ] || fail "three rows did not get three replies"
[ "$(jq -r 'select(.error.code == "bad_record") | .custom_id' o.jsonl)" = row-2 ] || fail "wrong error reply"

# Templates and CSV.
printf 'id,question\n1,"two\nlines, and a comma"\n2,simple\n' >t.csv
rm -f o.jsonl*
"$SLUICE" batch -i t.csv -o o.jsonl -t 'Q: {question}' -m fast -c c.yaml --store store --progress none 2>said.txt || fail "CSV: $(cat said.txt)"
jq -r .response.body.choices[0].message.content o.jsonl | grep -q "two" || fail "CSV: quoted field"
expect 64 "template" -i t.csv -o o2.jsonl -m fast -c c.yaml
expect 65 't.csv:.*"answer"' -i t.csv -o o2.jsonl -t '{answer}' -m fast -c c.yaml
expect 64 "brace" -i t.csv -o o2.jsonl -t '{answer' -m fast -c c.yaml

# Files.
expect 66 "missing.jsonl" -i missing.jsonl -o o2.jsonl -c c.yaml
mkdir adir
expect 73 "adir" -i good.jsonl -o adir -c c.yaml
expect 64 "same file" -i good.jsonl -o good.jsonl -c c.yaml
expect 66 "directory" -i adir -o o2.jsonl -c c.yaml
echo '{"custom_id":"other","response":null,"error":{"code":"x","message":"y"}}' >foreign.jsonl
expect 73 'foreign.jsonl:1.*"other"' -i good.jsonl -o foreign.jsonl -c c.yaml

# Configurations.
printf 'model_lst: []\n' >typo.yaml
expect 78 'typo.yaml:1:1.*model_list' -i good.jsonl -o o2.jsonl -c typo.yaml
printf 'pool:\n\tworkers: 4\n' >tab.yaml
expect 78 'tab.yaml:2' -i good.jsonl -o o2.jsonl -c tab.yaml
# shellcheck disable=SC2016
printf 'default_model: ${NOT_SET_ANYWHERE}\n' >unset.yaml
expect 78 'unset.yaml:1.*NOT_SET_ANYWHERE' -i good.jsonl -o o2.jsonl -c unset.yaml
expect 78 'nothere.yaml' -i good.jsonl -o o2.jsonl -c nothere.yaml

# Output on a full disk: it waits, and a stop loses nothing.
rm -f o.jsonl*
rc=0
"$SLUICE" batch -i good.jsonl -o /dev/full -c c.yaml --store store5 --progress none 2>said.txt & pid=$!
wait_for 20 grep -q "output cannot be written" said.txt || fail "a full disk was not noticed: $(cat said.txt)"
kill -INT "$pid"; kill -INT "$pid" 2>/dev/null || true
wait "$pid" || rc=$?
[ "$rc" != 0 ] || fail "success on a full disk"
echo "batch-bad-input: all good"
