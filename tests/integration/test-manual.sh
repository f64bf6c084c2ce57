#!/bin/bash
# The man pages: one for each command, the configuration and the concepts; groff, man and mandoc find nothing wrong. The
# completions: bash gets the right words, zsh and fish read theirs. What is not installed is left out, and said.
. "$(dirname "$0")/../lib/scene.sh"

missing=()
have() { command -v "$1" >/dev/null || { missing+=("$1"); return 1; }; }

# ---- man pages ----

make -s -C "$ROOT" man BUILD="$(dirname "$SLUICE")" MAN_DIR="$WORK/man" || fail "make man"
commands=$("$SLUICE" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -gt 10 ] || fail "few commands: $commands"
for c in $commands; do
    [ -s "man/sluice-$c.1" ] || fail "no man page of $c"
    grep -q "sluice\\\\-${c//-/\\\\-} (1)" man/sluice.1 || fail "sluice(1) does not list $c"
done
for page in sluice.1 sluice.7 sluice.yaml.5; do [ -s "man/$page" ] || fail "no $page"; done
for page in man/*; do
    ! have groff || groff -ww -man -Tutf8 -z "$page" >>lint 2>&1
    ! have man || LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>>lint >/dev/null
    # A date is of no use: the page says which version it is of.
    ! have mandoc || mandoc -T lint -W warning "$page" 2>&1 | grep -v 'missing date' >>lint || true
done
[ ! -s lint ] || fail "man pages: $(sort -u lint | head -n 20)"
for section in "LIFE OF A TASK" "GUARANTEES AND LIMITS" FAILURES METRICS TOPICS FILES ENVIRONMENT SIGNALS "EXIT STATUS"; do
    grep -qx ".SH $section" man/sluice.7 || fail "sluice(7) has no section $section"
done

# ---- completions ----

for shell in bash zsh fish; do "$SLUICE" completion $shell >completion.$shell || fail "completion $shell"; done
# What bash offers behind these words; the last one is being typed.
bash_offers() {
    bash -c '. "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _sluice
        [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' _ completion.bash "$@"
}
offers() { # WANTED WORDS...
    local want=$1
    shift
    [ "$(bash_offers "$@" | tr '\n' ' ')" = "$want" ] || fail "bash offers for $*: $(bash_offers "$@" | tr '\n' ' ')"
}
offers "enqueue explain " sluice e
offers "import-litellm " sluice imp
offers "--token-file " sluice pause --tok
offers "" sluice nothing --tok
offers "create " sluice topics cr
offers "--config " sluice topics create --conf
for c in $commands; do bash_offers sluice "$c" -- | grep -q -- --help || fail "bash offers no --help for $c"; done
! have zsh || zsh -n completion.zsh || fail "zsh does not read its completions"
! have fish || fish --no-execute completion.fish || fail "fish does not read its completions"

if [ ${#missing[@]} -gt 0 ]; then
    echo "all good, but left out what needs: $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
    exit 77
fi
echo "manual: $(find man -type f | wc -l) pages, completions of three shells: all good"
