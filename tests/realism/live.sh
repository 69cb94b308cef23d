#!/bin/sh
# Runs live.py in a network and mount namespace of its own: live.sh PYTHON DIRECTORY
set -eu
exec unshare --map-root-user --mount --net sh -c '
    set -eu
    ip link set lo up
    printf "nameserver 127.0.0.1\n" > "$2/resolv.conf"
    mount --bind "$2/resolv.conf" /etc/resolv.conf
    exec "$1" "$(dirname "$0")/live.py" "$2"
' "$0" "$1" "$2"
