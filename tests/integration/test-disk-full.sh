#!/usr/bin/env bash
# A full disk, of the store and of the output: the batch says so and waits; when there is room again every row
# is answered once, nothing was paid for twice, and no line is torn. Needs a small tmpfs, so root.
. "$(dirname "$0")/../lib/scene.sh"

mkdir small
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=24m tmpfs small 2>mount.log; then
    echo "a full disk needs root and mount: $(cat mount.log 2>/dev/null)"
    exit 77
fi
umount_small() {
    local pid
    for pid in "${PIDS[@]}" $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    umount "$WORK/small" 2>/dev/null || umount -l "$WORK/small" 2>/dev/null || true
    cleanup
}
trap umount_small EXIT

lines() { [ -e "$1" ] && wc -l <"$1" || echo 0; }
has_more_than() { [ "$(lines "$1")" -gt "$2" ]; }
has_all() { [ "$(lines "$1")" = "$2" ]; }
fill_up() { dd if=/dev/zero of="small/ballast$RANDOM" bs=64k 2>/dev/null || true; }
make_room() { rm -f small/ballast*; }
N=800

# disk_full NAME PATTERN OUTPUT STORE REASON: fills the disk on the way, until the progress names the reason, and makes
# room again.
disk_full() {
    local name=$1 pattern=$2 out=$3 store=$4 reason=$5 pid rc=0 held
    sim_start --latency 80ms --answer-bytes 2k # 3 s are left when the disk is filled
    config_for_sim c.yaml
    prompts $N "$name" >"$name.jsonl"
    "$SLUICE" batch -i "$name.jsonl" -o "$out" -c c.yaml --store "$store" --max-in-flight 16 --progress json \
        --set cache.write_buffer=1MB --set pool.max_in_flight=64 2>"$name.said" &
    pid=$!
    wait_for 30 has_more_than "$out" 100 || fail "$name: no progress: $(cat "$name.said")"
    fill_up
    wait_for 30 grep -qE "$pattern" "$name.said" || fail "$name: a full disk was not noticed: $(cat "$name.said")"
    wait_for 30 grep -q "\"limited_by\":\"$reason\"" "$name.said" || fail "$name: $reason is not named: $(cat "$name.said")"
    kill -0 $pid || fail "$name: ended on a full disk: $(cat "$name.said")"
    held=$(sim_stats .calls)
    [ "$held" -lt $N ] || fail "$name: the disk was full too late for this test: $held calls"
    ! has_all "$out" $N || fail "$name: all lines are there although the disk is full"
    make_room
    wait $pid || rc=$?
    [ $rc = 0 ] || fail "$name: exit code $rc after there was room again: $(tail -5 "$name.said")"
    grep -qE "^  pool: .*$reason [0-9]+%" "$name.said" || fail "$name: the report does not name $reason: $(tail -20 "$name.said")"
    all_answered "$out" $N
    own_answers "$out"
    [ "$(sim_stats .calls)" = $N ] || fail "$name: $(sim_stats .calls) calls for $N rows"
    "$SLUICE" batch -i "$name.jsonl" -o "$out" -c c.yaml --store "$store" --progress none 2>/dev/null || fail "$name: second run"
    [ "$(sim_stats .calls)" = $N ] && [ "$(lines "$out")" = $N ] || fail "$name: a second run did something"
    sim_stop
    rm -rf small/*
}

disk_full store "store write failed.*No space" store.out small/store store_failing
disk_full output "output cannot be written.*No space" small/output.out output.store publish

# Stopped while the disk is full, and run again on the full disk: nothing is lost, and what cannot be done is said.
stopped() { # NAME CODE OUTPUT STORE
    local name=$1 code=$2 out=$3 store=$4 pid rc=0
    local batch=("$SLUICE" batch -i "$name.jsonl" -o "$out" -c c.yaml --store "$store" --max-in-flight 16 --progress none
        --set cache.write_buffer=1MB --set pool.drain_timeout=2s)
    sim_start --latency 80ms --answer-bytes 2k # 3 s are left when the disk is filled
    config_for_sim c.yaml
    prompts $N "$name" >"$name.jsonl"
    "${batch[@]}" 2>said.txt &
    pid=$!
    wait_for 30 has_more_than "$out" 100 || fail "$name: no progress: $(cat said.txt)"
    fill_up
    wait_for 30 grep -q "No space" said.txt || fail "$name: a full disk was not noticed: $(cat said.txt)"
    kill -INT $pid
    wait $pid || rc=$?
    [ $rc = "$code" ] && grep -q "run the same command again" said.txt || fail "$name: exit code $rc: $(cat said.txt)"
    if [ "$store" = small/store ]; then
        rc=0
        fill_up # a store that is closed gives some space back
        "${batch[@]}" 2>said.txt || rc=$?
        [ $rc = 73 ] && grep -q "cache.path.*make room" said.txt || fail "$name: exit code $rc on a full disk: $(cat said.txt)"
    fi
    make_room
    "${batch[@]}" 2>said.txt || fail "$name: resume: $(cat said.txt)"
    all_answered "$out" $N
    own_answers "$out"
    [ "$(sim_stats .calls)" = $N ] || fail "$name: $(sim_stats .calls) calls for $N rows"
    sim_stop
    rm -rf small/*
}
stopped later 74 small/output.out output.store
stopped again 130 again.out small/store
echo "disk-full: all good"
