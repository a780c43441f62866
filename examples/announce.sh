#!/bin/sh
# Run a command and tell everyone how it ended: examples/announce.sh make test
#
# Shows the shell commands: an announcement, a text from a pipe, and the exit codes. `confab` is on the PATH (see the
# README). CONFAB_NICK is the nick that speaks, CONFAB_BROKER the invite when the broker is on another machine.
set -u
: "${CONFAB_NICK:=ci}"
export CONFAB_NICK

if [ $# -eq 0 ]; then
    echo "usage: $0 COMMAND [ARGUMENT ...]" >&2
    exit 2
fi

output=$(mktemp) || exit
trap 'rm -f "$output"' EXIT

"$@" >"$output" 2>&1
code=$?
cat "$output"

if [ "$code" -eq 0 ]; then
    confab announce --title Done --priority low "$* succeeded"
else
    confab announce --title Failed --priority high "$* failed with $code"
fi
told=$?
if [ "$told" -eq 0 ] && [ "$code" -ne 0 ] && [ -s "$output" ]; then
    tail -n 20 "$output" | confab send '#general'
    told=$?
fi
case $told in
0) ;;
4) echo "$0: nobody was told: the broker cannot be reached" >&2 ;;
*) echo "$0: not everything was told" >&2 ;;
esac
exit "$code"
