#!/bin/sh
# What the store reported as done is there after kill -9: ten lives of a writer on one store, each killed at
# another moment, then every number that was printed is looked up.
# Usage: test-store-kill.sh [STORE_WRITER]   (the program made from tests/integration/store_writer.c)
set -eu
writer=${1:-$BUILD/tests/integration/store_writer}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for life in 1 2 3 4 5 6 7 8 9 10; do
    "$writer" write "$dir/store" "${life}000000" >> "$dir/acks" &
    victim=$!
    sleep "0.$((life * 7 + 15))"
    kill -9 "$victim"
    status=0
    wait "$victim" 2> /dev/null || status=$? # the lock is free when the process is gone for good
    [ "$status" -eq 137 ] || { echo "life $life ended with $status instead of a kill"; exit 1; }
done
"$writer" read "$dir/store" < "$dir/acks"
