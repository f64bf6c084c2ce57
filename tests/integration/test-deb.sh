#!/bin/bash
# The Debian package: built, installed into a copy of this machine's root (an overlay in a mount namespace of its own),
# its worker run as its user against a broker, and purged: nothing is left. A file that was edited stays until then.
# Lintian has nothing to say.
# shellcheck source=tests/lib/scene.sh
. "$(dirname "$0")/../lib/scene.sh"
skip() {
    echo "$1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root, to make a root file system to install into"
for tool in dpkg-deb dpkg-shlibdeps lintian unshare setpriv; do
    command -v $tool >/dev/null || skip "there is no $tool"
done
unshare --mount true 2>/dev/null || skip "no mount namespaces here"

make -s --no-print-directory -C "$ROOT" deb BUILD="${BUILD:-build}" DEB_DIR="$WORK/deb" >make.log 2>&1 ||
    fail "make deb: $(cat make.log)"
package=$(ls deb/*.deb)
dpkg-deb --field "$package" Depends | grep -q librdkafka1 || fail "depends on $(dpkg-deb --field "$package" Depends)"
dpkg-deb --contents "$package" >contents
for file in usr/bin/sluice etc/sluice/sluice.yaml usr/lib/systemd/system/sluice-worker.service usr/share/man/man1/sluice.1.gz usr/share/man/man7/sluice.7.gz usr/share/sluice/asyncapi.yaml \
    usr/share/bash-completion/completions/sluice usr/share/doc/sluice/copyright; do
    grep -q " \./$file$" contents || fail "not in the package: $file"
done

lintian --allow-root --no-cfg --fail-on error,warning "$package" >lintian.log 2>&1 || fail "lintian: $(cat lintian.log)"
[ ! -s lintian.log ] || fail "lintian: $(cat lintian.log)"

sim_start --latency 1ms
config_for_sim c.yaml
"$SLUICE" dev -c c.yaml --partitions 2 --ready-file dev.ready --store dev.store >dev.out 2>dev.log &
PIDS+=($!)
wait_for 60 test -s dev.ready || fail "dev did not start: $(cat dev.log)"
{
    cat c.yaml
    echo "kafka: {bootstrap.servers: \"$(cat dev.ready)\", group.id: packaged}"
} >edited.yaml

cat >inside.sh <<'I'
set -eu
work=$1 package=$2
mount -t tmpfs sluice-test "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
mount -t overlay sluice-test -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" "$work/root"
mount --bind /proc "$work/root/proc"
mount --bind /dev "$work/root/dev"
cp "$package" "$work/root/sluice.deb"
cp "$work/edited.yaml" "$work/root/edited.yaml"
cat >"$work/root/steps.sh" <<'S'
set -eu
say() { echo "deb: $*" >&2; }
accounts() { cat /etc/passwd /etc/group; }
accounts >/accounts.before
dpkg="dpkg --no-triggers --force-unsafe-io" # indexes of the manual and the like are of no interest here
$dpkg --install /sluice.deb
[ "$(stat -c '%U %a' /var/lib/sluice)" = "sluice 700" ] || { say "/var/lib/sluice: $(stat -c '%U %a' /var/lib/sluice)"; exit 1; }
dpkg --verify sluice
cp /edited.yaml /etc/sluice/sluice.yaml
as_sluice="setpriv --reuid sluice --regid sluice --clear-groups env HOME=/var/lib/sluice SLUICE__CACHE__PATH=/var/lib/sluice"
export ASAN_OPTIONS=detect_leaks=0 # a build with sanitizers: the list of known leaks is not in here
$as_sluice /usr/bin/sluice check -c /etc/sluice/sluice.yaml
$as_sluice /usr/bin/sluice worker -c /etc/sluice/sluice.yaml --ready-file /var/lib/sluice/ready 2>/worker.log &
worker=$!
for i in $(seq 600); do
    [ ! -e /var/lib/sluice/ready ] || break
    kill -0 $worker || break
    sleep 0.1
done
[ -e /var/lib/sluice/ready ] || { cat /worker.log; say "the worker is not ready"; kill -9 $worker; exit 1; }
kill -TERM $worker
wait $worker || { cat /worker.log; say "the worker ended with $?"; exit 1; }
[ -d /var/lib/sluice/slot-0 ] || { say "no store"; exit 1; }
enabled=/etc/systemd/system/multi-user.target.wants/sluice-worker.service
mkdir -p "${enabled%/*}"
ln -s /usr/lib/systemd/system/sluice-worker.service "$enabled" # as `systemctl enable` does
$dpkg --remove sluice
[ -d /var/lib/sluice/slot-0 ] && cmp /edited.yaml /etc/sluice/sluice.yaml || { say "remove has taken too much"; exit 1; }
$dpkg --purge sluice
[ ! -h "$enabled" ] || { say "the purge leaves the service enabled"; exit 1; }
accounts | diff /accounts.before - || { say "the purge leaves an account"; exit 1; }
! dpkg-query -W sluice 2>/dev/null || { say "dpkg still knows it"; exit 1; }
S
DEBIAN_FRONTEND=noninteractive chroot "$work/root" /bin/bash /steps.sh
# What the layer holds now, beyond what a start of the machine takes away, dpkg's own files, the rewritten accounts with
# their backups, and those of this test.
cd "$work/layer/upper"
find . -mindepth 2 \( ! -type d -o -name '*sluice*' \) ! -path './var/lib/dpkg/*' ! -path ./var/log/dpkg.log ! -path './run/*' |
    grep -vE '^\./etc/((passwd|group|shadow|gshadow|subuid|subgid)-?|\.pwd\.lock)$' >"$work/left" || true
[ ! -s "$work/left" ] || { echo "the purge leaves:"; cat "$work/left"; exit 1; }
I
mkdir layer root
unshare --mount --propagation private bash inside.sh "$WORK" "$package" >inside.log 2>&1 || {
    grep -q 'unknown filesystem\|wrong fs type\|permission denied' inside.log && skip "no overlay file system: $(tail -n 1 inside.log)"
    fail "$(tail -n 30 inside.log)"
}
echo "installed, ran and purged: $(basename "$package"), $(du -k "$package" | cut -f 1) KB"
