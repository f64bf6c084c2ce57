#!/bin/bash
# The worker tells the service manager when it waits, is ready, is alive and drains; the unit file passes systemd's own
# checks. The manager is stood in for by a socket, on a path and abstract.
. "$(dirname "$0")/../lib/scene.sh"

manager() { # NAME FILE: writes each datagram as a line, the first line once it listens
    rm -f "$2"
    python3 - "$1" >"$2" 2>manager.log <<'P' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(("\0" + sys.argv[1][1:]) if sys.argv[1][0] == "@" else sys.argv[1])
print("listens", flush=True)
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
P
    PIDS+=($!)
    wait_for 20 test -s "$2" || fail "no socket: $(cat manager.log)"
}
worker_start() { # SOCKET BROKER
    NOTIFY_SOCKET=$1 "$SLUICE" worker -c c.yaml --set kafka.bootstrap.servers="$2" --set kafka.group.id=g \
        --set cache.path=store 2>worker.log &
    WORKER=$!
    PIDS+=("$WORKER")
}
worker_stop() {
    local code=0
    kill -TERM "$WORKER"
    wait "$WORKER" || code=$?
    [ $code = 0 ] || fail "the worker ended with $code: $(tail worker.log)"
}

sim_start
config_for_sim c.yaml

# Without a broker: it asks for more time, for as long as it waits, and is never ready.
manager "$WORK/notify" said
worker_start "$WORK/notify" 127.0.0.1:1
waits='^EXTEND_TIMEOUT_USEC=60000000 WATCHDOG=1 STATUS=not ready: not_member producer_not_ready; 0 partitions'
asked_twice() { [ "$(grep -c "$waits" said)" -ge 2 ]; }
wait_for 60 asked_twice || fail "without a broker: $(cat said)"
worker_stop
! grep -q READY said || fail "ready without a broker: $(cat said)"

# With one: ready once, then alive, and at last stopping.
"$SLUICE" dev -c c.yaml --partitions 2 --ready-file dev.ready --store dev.store >dev.out 2>dev.log &
PIDS+=($!)
wait_for 60 test -s dev.ready || fail "dev did not start: $(cat dev.log)"
manager "@sluice-test-$$" said
worker_start "@sluice-test-$$" "$(cat dev.ready)"
wait_for 60 grep -q '^READY=1 WATCHDOG=1 STATUS=ready; ' said || fail "not ready: $(cat said worker.log)"
wait_for 60 grep -q '^WATCHDOG=1 STATUS=ready; ' said || fail "not alive: $(cat said)"
worker_stop
wait_for 20 grep -q '^STOPPING=1 EXTEND_TIMEOUT_USEC=150000000 WATCHDOG=1 STATUS=draining; ' said ||
    fail "not stopping: $(cat said)"
[ "$(grep -c READY said)" = 1 ] || fail "ready more than once: $(cat said)"
tail -n 1 said | grep -q '^STOPPING=1' || fail "something after the end: $(cat said)"

# The unit as it is installed.
command -v systemd-analyze >/dev/null || {
    echo "no systemd-analyze (Debian package systemd)"
    exit 77
}
cp "$SLUICE" sluice
mkdir -p prefix/bin && mv sluice prefix/bin
unit=sluice-worker.service
sed "s|@PREFIX@|$PWD/prefix|" "$ROOT/deploy/systemd/$unit" >$unit
systemd-analyze verify --man=no "./$unit" 2>verify.log || fail "verify: $(cat verify.log)"
[ ! -s verify.log ] || fail "verify: $(cat verify.log)"
systemd-analyze security --offline=true --threshold=20 --no-pager "./$unit" >security.txt || fail "security: $(cat security.txt)"
tail -n 1 security.txt
sed 's/^ExecStart=.*/ExecStart=sluice-that-is-not-there/' $unit >broken.service
! systemd-analyze verify --man=no ./broken.service 2>broken.log || fail "verify sees nothing"
