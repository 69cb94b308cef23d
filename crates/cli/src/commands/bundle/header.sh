#!/bin/sh
# Run it without arguments, or with check or uproot.
set -eu
fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
here=$(uname -s)/$(uname -m)
test "$here" = @RUNS_ON@ || fail "made for @RUNS_ON@, and this host is $here" \
    "make it again with --binary and the program for this host"
test -f "$self" || fail "$self is no file" "copy it to this host, and run it as sh FILE"
umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
tail -c +@START@ "$self" >"$dir/p"
chmod 700 "$dir/p"
"$dir/p" --version >/dev/null 2>&1 || fail "the program does not run from $dir" \
    "set TMPDIR to a directory from which programs may run; its C library may also be older than the program's"
code=0
"$dir/p" agent --bundle "$self" "${1:-plant}" || code=$?
case @KEEP@-${1:-plant}-$code in
0-plant-0 | 0-plant-3 | ?-uproot-0) rm -f "$self" ;;
esac
exit "$code"
