//! Writes what the licences ask for: `networks.json` for the program, `LICENSE.md` for people.

use std::path::Path;

use serde_json::json;

use crate::Outcome;
use crate::sources::Package;

const COUNTRY_NAME: &str = "DB-IP IP to Country Lite";
const COUNTRY_ATTRIBUTION: &str = "IP Geolocation by DB-IP (https://db-ip.com)";
const NETWORK_NAME: &str = "RouteViews, NRO and DB-IP networks";
const NETWORK_ATTRIBUTION: &str = "AS numbers from the University of Oregon RouteViews project \
    (https://www.routeviews.org), the Number Resource Organization (https://www.nro.net) and DB-IP \
    (https://db-ip.com), merged by ip-location-db";
const LICENCE: &str = "CC BY 4.0";

/// Writes both files.
pub(crate) fn write(
    output: &Path,
    country: &Package,
    asn: &Package,
    networks: usize,
) -> Outcome<()> {
    let facts = json!([
        {
            "name": COUNTRY_NAME, "fields": ["country"], "package": country.label,
            "date": country.date, "licence": LICENCE, "attribution": COUNTRY_ATTRIBUTION,
            "networks": networks,
        },
        {
            "name": NETWORK_NAME, "fields": ["asn", "as_name"], "package": asn.label,
            "date": asn.date, "licence": LICENCE, "attribution": NETWORK_ATTRIBUTION,
            "networks": networks,
        },
    ]);
    let mut text = serde_json::to_string_pretty(&facts)?;
    text.push('\n');
    std::fs::write(output.join("networks.json"), text)?;
    std::fs::write(output.join("LICENSE.md"), licence_text(country, asn))?;
    Ok(())
}

fn licence_text(country: &Package, asn: &Package) -> String {
    format!(
        "# Licence of networks.mmdb

`networks.mmdb` is data, not code: it is not under the licence of this repository but under the
Creative Commons Attribution 4.0 International licence (CC BY 4.0,
<https://creativecommons.org/licenses/by/4.0/>), as are both of its sources. Whoever passes it on, or
publishes what it says, gives these attributions; a web page that shows its results links to DB-IP.

| fields | source | npm package | date |
|---|---|---|---|
| country | {COUNTRY_NAME} | `{}` | {} |
| AS number, AS name | {NETWORK_NAME} | `{}` | {} |

Attribution:

- {COUNTRY_ATTRIBUTION}
- {NETWORK_ATTRIBUTION}

Changed by lapwing: both sources were merged into one file and reduced. Neighbouring networks that
say the same became one, AS names were cut to 60 characters, code `ZZ` and AS number 0 were left out.

Known limits: the publisher of the AS package says that its npm edition contains errors and will no
longer be updated. Four free country databases agree on about nine addresses in ten. An anycast
address (a public resolver, a content network) has no one country. No source places a person.

`build.sh` beside this file makes all three files anew.
",
        country.label, country.date, asn.label, asn.date,
    )
}
