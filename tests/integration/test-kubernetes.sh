#!/bin/bash
# The files for Kubernetes: kustomize builds them, each object fits the published schema of its kind, and what must agree
# with the rest of the project does: alerts, ports, configuration, times.
. "$(dirname "$0")/../lib/scene.sh"
files=$ROOT/deploy/kubernetes
tools=$("$ROOT/tests/lib/kubernetes-tools" 2>tools.log) || {
    tail -n 5 tools.log
    echo "kustomize and the schemas of Kubernetes cannot be fetched (go, python3-venv)"
    exit 77
}
valid() { "$tools/venv/bin/python" "$ROOT/tests/lib/check_kubernetes.py" "$tools/crd" "$1" >valid.log 2>&1; }
# value FILE KIND EXPRESSION: of the object o of that kind.
value() {
    "$tools/venv/bin/python" -c 'import sys, yaml
o = [d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == sys.argv[2]][0]
print(eval(sys.argv[3]))' "$@"
}
same() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }

for name in base example; do
    "$tools/kustomize" build "$files/$name" >$name.yaml 2>build.log || fail "$name: $(cat build.log)"
    valid $name.yaml || fail "$name: $(cat valid.log)"
    echo "$name: $(cat valid.log)"
done
for kind in ConfigMap NetworkPolicy PodDisruptionBudget PodMonitor PrometheusRule ScaledObject Service StatefulSet; do
    grep -q "^kind: $kind$" example.yaml || fail "there is no $kind"
done

# The check finds what it looks for: a wrong type and an unknown field, in Kubernetes' own kinds and in others'.
for change in 's/replicas: 2/replicas: two/' 's/runAsNonRoot:/runAsNobody:/'; do
    sed "$change" base.yaml >broken.yaml
    ! valid broken.yaml || fail "not seen: $change"
done
for change in 's/pollingInterval: 30/pollingInterval: often/' 's/jobLabel:/jobName:/' 's/expr:/expression:/'; do
    sed "$change" example.yaml >broken.yaml
    ! valid broken.yaml || fail "not seen: $change"
done

"$ROOT/deploy/prometheus/kubernetes-alerts" | cmp - "$files/monitoring/alerts.yaml" ||
    fail "monitoring/alerts.yaml is not what deploy/prometheus/kubernetes-alerts makes of alerts.yml"

# Labels that select: all objects mean the same pods.
pod='o["spec"]["template"]["spec"]'
labels="{'app.kubernetes.io/name': 'sluice'}"
same "labels of a pod" "$(value base.yaml StatefulSet 'o["spec"]["template"]["metadata"]["labels"]')" "$labels"
same StatefulSet "$(value base.yaml StatefulSet 'o["spec"]["selector"]["matchLabels"]')" "$labels"
same PodDisruptionBudget "$(value base.yaml PodDisruptionBudget 'o["spec"]["selector"]["matchLabels"]')" "$labels"
same NetworkPolicy "$(value base.yaml NetworkPolicy 'o["spec"]["podSelector"]["matchLabels"]')" "$labels"
same PodMonitor "$(value example.yaml PodMonitor 'o["spec"]["selector"]["matchLabels"]')" "$labels"

# The configuration, with the secrets where the pod has them: in order, on the port that is probed, and a drain
# (and the minute after it) fits into the grace period.
value base.yaml ConfigMap 'o["data"]["sluice.yaml"]' | sed "s|/run/secrets/sluice|$PWD|" >sluice.yaml
(umask 077 && echo key >provider_key && echo correct-horse >admin_token)
"$SLUICE" check -c sluice.yaml >check.log 2>&1 || fail "sluice.yaml: $(cat check.log)"
"$SLUICE" check --print -c sluice.yaml >printed.yaml 2>check.log || fail "sluice.yaml: $(cat check.log)"
grep -q 'listen: "\{0,1\}0.0.0.0:9464' printed.yaml || fail "the admin port: $(grep listen printed.yaml)"
same "the port" "$(value base.yaml StatefulSet "${pod}['containers'][0]['ports'][0]['containerPort']")" 9464
drain=$(sed -n 's/^ *drain_timeout: *\([0-9]*\)s.*/\1/p' printed.yaml)
[ -n "$drain" ] || fail "no drain_timeout: $(cat printed.yaml)"
grace=$(value base.yaml StatefulSet "${pod}['terminationGracePeriodSeconds']")
[ "$grace" -ge $((drain + 60)) ] || fail "the grace period of $grace s is too short for a drain of $drain s"
