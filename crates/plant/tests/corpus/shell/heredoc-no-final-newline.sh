#!/bin/bash
set -eu
NAME=backup
cat <<EOF > /tmp/readme
export INSIDE='nothing of mine'
it's text
EOF
export MULTI='one
two'
run() {
	local x="$1"
	echo "don't $x"
}
run "$NAME" # it's a comment