#!/bin/bash
# enqueue, collect and batch over the embedded broker: apart and together, killed and resumed, repeated.
. "$(dirname "$0")/../lib/scene.sh"

dev_start() {
    rm -f ready
    "$SLUICE" dev --store "$WORK/store" --ready-file ready --partitions 8 --set router_settings.retry_base=50ms \
        --set router_settings.retry_max=500ms --set router_settings.cooldown_time=300ms "$@" >dev.out 2>dev.log &
    DEV=$!
    PIDS+=("$DEV")
    wait_for 20 test -s ready || { cat dev.log >&2; fail "sluice dev did not start"; }
    BROKER=$(cat ready)
}

# lines_reach FILE N
lines_reach() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

dev_start --sim-latency 20ms --fault 429:5 --fault 500:3 --fault reset:1

echo "apart: enqueue first, collect after it"
prompts 600 a >a.jsonl
code=0
"$SLUICE" collect --run a.jsonl.run -b "$BROKER" -o a.out --progress none 2>a.log || code=$?
[ "$code" = 66 ] && grep -q 'no such manifest' a.log || fail "collect before enqueue ended with $code: $(cat a.log)"
"$SLUICE" enqueue -i a.jsonl -b "$BROKER" --progress none >a.json 2>a.log || { cat a.log; fail "enqueue"; }
[ "$(jq -r .rows a.json)" = 600 ] || fail "enqueue says $(cat a.json)"
[ "$(jq -r .sent a.jsonl.run)" = 600 ] || fail "manifest says $(cat a.jsonl.run)"
"$SLUICE" collect --run a.jsonl.run -o a.out --timeout 120s --progress none 2>>a.log || { cat a.log; fail "collect"; }
all_answered a.out 600
own_answers a.out

echo "the same again: nothing to send, nothing to collect"
"$SLUICE" enqueue -i a.jsonl -b "$BROKER" --progress none >a2.json 2>a.log || fail "second enqueue"
[ "$(jq -r .run a.json)" = "$(jq -r .run a2.json)" ] || fail "a second enqueue made another run"
"$SLUICE" collect --run a.jsonl.run -o a.out --timeout 120s --progress none 2>a.log || fail "second collect"
all_answered a.out 600

echo "sent twice under one name: repeats are dropped; collect started first"
prompts 300 b >b.jsonl
"$SLUICE" collect --run twice --rows 300 -b "$BROKER" -o b.out --timeout 120s --progress none 2>b.log &
collect=$!
for n in 1 2; do
    "$SLUICE" enqueue -i b.jsonl -b "$BROKER" --run twice --manifest "b$n.run" --progress none >/dev/null 2>b2.log ||
        { cat b2.log; fail "enqueue $n of two"; }
done
wait "$collect" || { cat b.log; fail "collect of a named run"; }
all_answered b.out 300
own_answers b.out

echo "collect killed and resumed, beside the other runs' replies"
prompts 3000 c >c.jsonl
"$SLUICE" enqueue -i c.jsonl -b "$BROKER" --progress none >/dev/null 2>c.log &
enqueue=$!
wait_for 10 test -s c.jsonl.run || fail "no manifest"
for at in 300 1200; do
    "$SLUICE" collect --run c.jsonl.run -o c.out --timeout 120s --progress none 2>>c.log &
    collect=$!
    wait_for 20 lines_reach c.out "$at" || fail "no $at replies"
    kill -9 "$collect" 2>/dev/null || true
    wait "$collect" 2>/dev/null || true
done
printf '{"custom_id":"torn' >>c.out
"$SLUICE" collect --run c.jsonl.run -o c.out --timeout 120s --progress none 2>>c.log || { cat c.log; fail "resumed collect"; }
wait "$enqueue" || { cat c.log; fail "enqueue beside collect"; }
all_answered c.out 3000
own_answers c.out

echo "enqueue killed and resumed"
prompts 40000 d >d.jsonl
"$SLUICE" enqueue -i d.jsonl -b "$BROKER" --limit 4000 --progress none >/dev/null 2>d.log &
enqueue=$!
PIDS+=("$enqueue")
wait_for 10 test -s d.jsonl.run || fail "no manifest"
kill -9 "$enqueue" 2>/dev/null || true
wait "$enqueue" 2>/dev/null || true
"$SLUICE" enqueue -i d.jsonl -b "$BROKER" --limit 4000 --progress none >d.json 2>d.log || { cat d.log; fail "resumed enqueue"; }
[ "$(jq .sent d.jsonl.run)" = 4000 ] || fail "manifest says $(cat d.jsonl.run)"
"$SLUICE" collect --run d.jsonl.run -o d.out --timeout 120s --progress none 2>>d.log || { cat d.log; fail "collect"; }
all_answered d.out 4000
own_answers d.out

echo "batch over the broker, killed and resumed"
prompts 3000 e >e.jsonl
batch=("$SLUICE" batch -i e.jsonl -o e.out --set "kafka.bootstrap.servers=$BROKER" --progress none)
"${batch[@]}" 2>e.log &
pid=$!
PIDS+=("$pid")
wait_for 20 lines_reach e.out 500 || { cat e.log; fail "no replies"; }
kill -9 "$pid" 2>/dev/null || true # it may just have ended
wait "$pid" 2>/dev/null || true
"${batch[@]}" 2>e.log || { cat e.log; fail "resumed batch"; }
all_answered e.out 3000
own_answers e.out
"${batch[@]}" 2>e.log || fail "a finished batch again"
all_answered e.out 3000

echo "bad input is refused before the first record"
{
    prompts 3 f
    prompts 1 f
    echo '{"custom_id":"g","body":{"messages":"hello"}}'
} >f.jsonl
rc=0
"$SLUICE" enqueue -i f.jsonl -b "$BROKER" 2>f.log || rc=$?
[ "$rc" = 65 ] || fail "bad input ended with $rc"
grep -q 'f.jsonl:4:.*stands in line 1' f.log || { cat f.log; fail "the duplicate is not named"; }
grep -q 'f.jsonl:5:.*messages' f.log || fail "the bad row is not named"
[ ! -e f.jsonl.run ] || fail "a manifest of nothing"

echo "a manifest of another broker is refused"
kill "$DEV"
wait "$DEV" || true
dev_start --sim-latency 5ms
rc=0
"$SLUICE" enqueue -i a.jsonl -b "$BROKER" 2>f.log || rc=$?
[ "$rc" = 65 ] || fail "a run of another broker went on ($rc)"
rc=0
"$SLUICE" enqueue -i missing.jsonl -b "$BROKER" 2>f.log || rc=$?
[ "$rc" = 66 ] || fail "a missing input ended with $rc"
rc=0
"$SLUICE" collect -b "$BROKER" -o a.out --run nobody --rows 1 --timeout 1s --progress none 2>f.log || rc=$?
[ "$rc" = 73 ] || fail "an output of another run was taken ($rc)"
rc=0
"$SLUICE" collect -b "$BROKER" -o g.out --run nobody --rows 1 --timeout 1s --progress none 2>f.log || rc=$?
[ "$rc" = 75 ] || { cat f.log; fail "nothing collected ended with $rc"; }
echo PASSED
