#!/bin/bash
# README, runbook, alerts and dashboard name nothing that is not there: commands and their options, keys of the
# configuration, metrics, exit codes, pages of the admin port, targets of make, tests, files.
. "$(dirname "$0")/../lib/scene.sh"

cd "$ROOT" || exit
readme=README.md
dead=() checked=0
is_dead() { dead+=("$*"); }

"$SLUICE" man 7 | sed 's/\\-/-/g; s/\\&//g' >"$WORK/man7"
"$SLUICE" man sluice.yaml | sed 's/\\-/-/g' >"$WORK/man5"
items() { awk -v title=".SH $1" '/^\.SH / { on = $0 == title } on && /^\.B / { print substr($0, 4) }' "$WORK/man7"; }

# ---- metrics ----

items METRICS >"$WORK/metrics"
[ "$(wc -l <"$WORK/metrics")" -gt 50 ] || fail "sluice(7) lists few metrics"
for name in $(cat $readme deploy/prometheus/* deploy/grafana/dashboards/* deploy/kubernetes/*/*.yaml |
    grep -oE '\b(sluice|gen_ai_client|process)_[a-z_]+[a-z]' | sort -u); do
    checked=$((checked + 1))
    grep -qxF -e "$name" -e "${name%_bucket}" -e "${name%_sum}" -e "${name%_count}" "$WORK/metrics" ||
        is_dead "metric $name"
done

# ---- commands and options ----

# Command lines: code of the README, with lines that go on joined, from the word sluice on.
{
    sed -n 's/^    //p' $readme | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}'
    grep -oE '`[^`]+`' $readme | tr -d '`'
} | grep -oE '(^|[ /])sluice [a-z][^|&;#>]*' | sed 's/.*sluice /sluice /' | sort -u >"$WORK/lines"
[ "$(wc -l <"$WORK/lines")" -gt 20 ] || fail "few commands in the README"
list=$("$SLUICE" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
while read -r _ name sub rest; do
    case $name in help | man | completion | listening | *[:/]*) continue ;; esac # and what is no command line
    for name in ${name//|/ }; do
        checked=$((checked + 1))
        grep -qxF "$name" <<<"$list" || { is_dead "command sluice $name"; continue; }
        help=$("$SLUICE" help "$name")
        if grep -q '^Commands:' <<<"$help" && [[ ${sub:-} =~ ^[a-z]+$ ]]; then
            help=$("$SLUICE" help "$name" "$sub" 2>/dev/null) || is_dead "command sluice $name $sub"
        fi
        for option in $(grep -oE -- '--[a-z][a-z-]+' <<<"${sub:-} $rest"); do
            checked=$((checked + 1))
            grep -q -- " $option\b" <<<"$help" || is_dead "option $option of sluice $name"
        done
    done
done <"$WORK/lines"

# ---- keys ----

grep -A1 '^\.TP' "$WORK/man5" | sed -n 's/^\.B //p' >"$WORK/keys"
sections=$(sed -n 's/^\([a-z_]*\)\..*/\1/p' "$WORK/keys" | sort -u | tr '\n' '|')
for key in $(grep -ohE '`[^`]+`' $readme deploy/prometheus/runbook.md | tr -d '`' |
    grep -oE "^(${sections%|})\.[a-z_]+(\.[a-z_]+)*" | sort -u); do
    checked=$((checked + 1))
    # Of a map of names, the rest is a name.
    grep -qxF -e "$key" -e "${key%.*}" "$WORK/keys" || is_dead "key $key"
done

# ---- exit codes, pages, targets, tests, files ----

items "EXIT STATUS" >"$WORK/exits"
for code in $(grep -ohE '(exits with|exit code|stops with|ends? with) [0-9]+' $readme | grep -oE '[0-9]+' | sort -u); do
    checked=$((checked + 1))
    grep -qxF "$code" "$WORK/exits" || is_dead "exit code $code"
done
while read -r method path; do
    checked=$((checked + 1))
    items "ADMIN PORT" | grep -qxF "$method $path" || is_dead "page $method $path"
done < <(grep -oE '^\| `(GET|POST) /[a-z-]*' $readme | tr -d '|\140' | sed 's/^ *//')
for target in $(grep -ohE '(^    |`)make [a-z][a-z-]+( |`|$)' $readme | grep -oE 'make [a-z-]+' | cut -d ' ' -f 2 | sort -u); do
    checked=$((checked + 1))
    grep -qE "^$target( [a-z -]*)?:|^[a-z -]* $target( [a-z -]*)?:" Makefile || is_dead "make $target"
done
for test in $(grep -oE '`test[-_][a-z_0-9-]+[a-z0-9]`' $readme | tr -d '\140' | sort -u); do
    checked=$((checked + 1))
    [ -n "$(find tests -name "$test.sh" -o -name "$test.c")" ] || grep -qE "^$test:" Makefile || is_dead "test $test"
done
for file in $(grep -oE '`(deploy|tests|core|cmd|providers)/[a-zA-Z_./-]+' $readme | tr -d '\140' | sort -u); do
    checked=$((checked + 1))
    [ -e "$file" ] || is_dead "file $file"
done

[ ${#dead[@]} = 0 ] || { printf '%s\n' "${dead[@]}" >&2; fail "${#dead[@]} of $checked names in the documents are of nothing that is there"; }
[ "$checked" -gt 200 ] || fail "few names were found: $checked"
echo "docs: $checked names, all of them there"
