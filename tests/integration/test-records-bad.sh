#!/usr/bin/env bash
# Bad records on a topic, as any Kafka client may send them: each gets an error reply that says what is wrong,
# its bytes go to the dead-letter topic, and the good records around it are answered.
. "$(dirname "$0")/../lib/scene.sh"
command -v kcat >/dev/null || { echo "kcat is not installed"; exit 77; }

"$SLUICE" dev --store store --ready-file ready --partitions 4 --set kafka.producer.message.max.bytes=8000000 >dev.out 2>dev.log &
DEV=$!
PIDS+=("$DEV")
wait_for 30 test -s ready || fail "dev did not start: $(cat dev.log)"
BROKER=$(tr -d '\n' <ready)
BROKER=${BROKER#bootstrap.servers=}
send() { kcat -b "$BROKER" -P -t llm.requests "$@" 2>>kcat.log || fail "kcat: $(tail -3 kcat.log)"; }
good() { echo "{\"custom_id\":\"$1\",\"body\":{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"prompt $1\"}]}}"; }

# bad NAME PATTERN: standard input is one record with the key NAME; a good one goes before it.
: >wanted
bad() {
    echo "$1	$2" >>wanted
    cat >"bad.$1"
    good "before-$1" | send -k "before-$1"
    send -k "$1" "bad.$1"
}
# shellcheck disable=SC2119
body() { printf '{"body":%s}' "$1"; }
msgs='"messages":[{"role":"user","content":"x"}]'
printf 'not json' | bad notjson 'JSON'
printf '{"model":"fast","prompt":"\xe2\x82"}' | bad utf8 'UTF-8'
body "$(printf '{"model":"fast","messages":%s1%s}' "$(printf '[%.0s' $(seq 60))" "$(printf ']%.0s' $(seq 60))")" | bad deep 'deep'
body "{$msgs,\"model\":7}" | bad modeltype 'model'
body "{$msgs,\"model\":\"fasst\"}" | bad unknownmodel 'fasst'
body '{"model":"fast","messages":"hello"}' | bad messages 'messages'
body "{\"model\":\"fast\",\"model\":\"fast\",$msgs}" | bad duplicate 'model'
printf '{"custom_id":"a\\u0000b","body":{"model":"fast",%s}}' "$msgs" | bad nul 'u0000|NUL'
body "{\"model\":\"fast\",\"temperature\":\"hot\",$msgs}" | bad temperature 'temperature'
printf '{"url":"/v1/pictures","body":{"model":"fast",%s}}' "$msgs" | bad url 'url'
{ printf '{"body":{"model":"fast","messages":[{"role":"user","content":"'; head -c 2000000 /dev/zero | tr '\0' x; printf '"}]}}'; } >bad.big
kcat -b "$BROKER" -P -t llm.requests -X message.max.bytes=4000000 -k big bad.big 2>>kcat.log || fail "2 MB: $(tail -3 kcat.log)"
echo "big	record_bytes|large" >>wanted
printf 'tombstone\t' | kcat -b "$BROKER" -P -t llm.requests -K '\t' -Z 2>>kcat.log || fail "tombstone: $(tail -3 kcat.log)"
echo "tombstone	tombstone|null|empty|no value" >>wanted
good last | send -k last

N=$(wc -l <wanted)
GOOD=$((N - 1)) # no good one before the two that were sent otherwise, one at the end
replies() { kcat -b "$BROKER" -C -t llm.replies -o beginning -e -q -f '%k\t%s\n' 2>>kcat.log >replies; [ "$(wc -l <replies)" -ge $((N + GOOD)) ]; }
wait_for 30 replies || { tail -5 dev.log >&2; cut -c1-300 replies >&2; fail "$(wc -l <replies) replies of $((N + GOOD))"; }
[ "$(cut -f1 replies | sort | uniq -d | wc -l)" = 0 ] || fail "repeated replies: $(cut -f1 replies | sort | uniq -d)"
[ "$(cut -f2- replies | jq -r 'select(.response.status_code == 200 and .response.body.choices[0].message.content == "echo: prompt " + .custom_id) | .custom_id' | wc -l)" = "$GOOD" ] ||
    fail "the good records did not all get their own answer"
dead() { kcat -b "$BROKER" -C -t llm.dead -o beginning -e -q -f '%k\t%S\n' 2>>kcat.log >dead; [ "$(wc -l <dead)" -ge "$N" ]; }
wait_for 10 dead || { tail -5 dev.log >&2; fail "$(wc -l <dead) dead letters of $N: $(cut -f1 dead | tr '\n' ' ')"; }
while IFS=$'\t' read -r name pattern; do
    reply=$(awk -F'\t' -v k="$name" '$1 == k' replies | cut -f2-)
    [ -n "$reply" ] || fail "$name: no reply with its key: $(cut -f1 replies | tr '\n' ' ')"
    jq -r '.error.message // .response.body.error.message' <<<"$reply" | grep -qE "$pattern" || fail "$name: the reply does not name \"$pattern\": $reply"
    [ "$(awk -F'\t' -v k="$name" '$1 == k' dead | wc -l)" = 1 ] || fail "$name: no dead letter, or more than one"
    [ "$name" = tombstone ] || [ "$(awk -F'\t' -v k="$name" '$1 == k { print $2 }' dead)" = "$(stat -c %s "bad.$name")" ] ||
        fail "$name: the dead letter has not the bytes of the record"
done <wanted
good after | send -k after
N=$((N + 1))
wait_for 20 replies || fail "the pool does not go on"
kill "$DEV"
rc=0
wait "$DEV" || rc=$?
[ $rc = 0 ] || [ $rc = 143 ] || fail "dev ended with $rc: $(tail -3 dev.log)"
echo "records-bad: all good ($N bad records)"
