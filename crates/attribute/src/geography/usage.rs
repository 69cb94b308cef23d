//! What records say a network is used for, and what sort of line it is: the flags of MaxMind's City, Country, ISP and
//! Anonymous IP databases (`traits.is_anycast`, `is_tor_exit_node`, ...) and the words of its connection and user
//! types, which others use too.

use lapwing_core::{NetworkClass, NetworkLine};

use super::file::Node;

/// Flags that are true where they hold.
const FLAGS: &[(&str, NetworkClass)] = &[
    ("is_tor_exit_node", NetworkClass::Tor),
    ("is_anonymous_vpn", NetworkClass::Vpn),
    ("is_anonymous_proxy", NetworkClass::Proxy),
    ("is_public_proxy", NetworkClass::Proxy),
    ("is_residential_proxy", NetworkClass::Proxy),
    ("is_hosting_provider", NetworkClass::Cloud),
    ("is_anycast", NetworkClass::Anycast),
    ("is_satellite_provider", NetworkClass::Satellite),
];

/// Fields of words.
const WORDS: &[&str] = &["connection_type", "user_type"];

/// What it is flagged as.
pub(super) fn classes(record: &Node) -> Vec<NetworkClass> {
    let flagged = FLAGS.iter().filter(|(name, _)| {
        let flag = at(record, name);
        flag.is_some_and(|flag| flag.is_true())
    });
    let mut classes: Vec<NetworkClass> = flagged.map(|(_, class)| *class).collect();
    for word in words(record) {
        classes.extend(match word.as_str() {
            "satellite" => Some(NetworkClass::Satellite),
            "hosting" => Some(NetworkClass::Cloud),
            "content_delivery_network" => Some(NetworkClass::Content),
            _ => None,
        });
    }
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// What sort of line it is.
pub(super) fn line(record: &Node) -> Option<NetworkLine> {
    words(record).find_map(|word| match word.as_str() {
        "cellular" => Some(NetworkLine::Mobile),
        "cable/dsl" | "corporate" | "dialup" | "residential" | "business" | "college"
        | "government" | "school" | "library" | "cafe" | "military" => Some(NetworkLine::Fixed),
        _ => None,
    })
}

/// Whether it says anything of that at all, be it that nothing holds.
pub(super) fn is_told(record: &Node) -> bool {
    let flags = FLAGS.iter().map(|(name, _)| name);
    flags.chain(WORDS).any(|name| at(record, name).is_some())
}

fn words(record: &Node) -> impl Iterator<Item = String> {
    let words = WORDS.iter().filter_map(|name| at(record, name)?.text());
    words.map(|word| word.to_ascii_lowercase())
}

/// A field at the top, or among the traits.
fn at<'a>(record: &'a Node, name: &str) -> Option<&'a Node> {
    record.at(&[name]).or_else(|| record.at(&["traits", name]))
}
