//! What a scenario file says. Everything in it is chance within bounds; a seed makes it one world.
//!
//! A family of scenarios is one TOML file: sorts of hands that share a world of networks, programs and bait. Add a file,
//! and the benchmark runs it. Unknown keys are errors.

use std::path::Path;

use serde::Deserialize;

/// One family.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    /// What it is about, a line.
    pub(crate) about: String,
    /// Whether the linker's numbers were chosen with an eye on it. Families held back say no.
    pub(crate) tuned: bool,
    /// Worlds that are drawn of it with each seed.
    #[serde(default = "twenty")]
    pub(crate) worlds: u32,
    /// How long a world lasts, in days.
    #[serde(default = "fortnight")]
    pub(crate) days: f64,
    /// Bait that was planted, and in how many places.
    #[serde(default = "thirty")]
    pub(crate) canaries: u32,
    #[serde(default = "ten")]
    pub(crate) places: u32,
    /// Sorts of hands.
    #[serde(rename = "hand")]
    pub(crate) hands: Vec<Hands>,
}

/// Hands of one sort.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Hands {
    /// How many there are, from and to.
    pub(crate) count: (u32, u32),
    /// How often each comes, and how many trips it makes each time.
    pub(crate) sessions: (u32, u32),
    #[serde(default = "few")]
    pub(crate) trips: (u32, u32),
    /// Within how many days its visits lie.
    pub(crate) days: (f64, f64),
    /// Whether it stays away for a while in the middle, in days.
    #[serde(default)]
    pub(crate) pause: f64,
    pub(crate) network: Network,
    /// From how many addresses it comes; 0 is a new one each time.
    #[serde(default = "one")]
    pub(crate) addresses: u32,
    /// Addresses shared with the other hands of this name.
    #[serde(default)]
    pub(crate) pool: Option<Pool>,
    /// The programs that it uses, one after another by chance.
    pub(crate) programs: Vec<Program>,
    /// How likely a program is a newer version the next time, and a handshake a resumed one.
    #[serde(default)]
    pub(crate) upgrade: f64,
    #[serde(default)]
    pub(crate) resumption: f64,
    pub(crate) bait: Bait,
    /// Of how many canaries each has values.
    #[serde(default = "pair")]
    pub(crate) canaries: (u32, u32),
    /// How often it shows a public key, or the name of its machine.
    #[serde(default)]
    pub(crate) key: f64,
    #[serde(default)]
    pub(crate) machine: f64,
    /// How often it sends along something of its own, and how often something that everybody sends.
    #[serde(default)]
    pub(crate) payload: f64,
    #[serde(default)]
    pub(crate) common_payload: f64,
    /// How often its program asks for languages.
    #[serde(default)]
    pub(crate) language: f64,
    /// What it says that it forwards for.
    #[serde(default)]
    pub(crate) forged: Forged,
}

/// What an address is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Network {
    /// A household's or office's line.
    Fixed,
    /// A rented machine.
    Cloud,
    /// An exit of a service that hides its customers.
    Vpn,
    /// An exit of Tor or of a relay.
    Relay,
    /// A carrier's address, which many share.
    Carrier,
    /// The way out of a company.
    Company,
    /// A research scanner's own network.
    Scanner,
}

/// Addresses that hands share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) size: u32,
}

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Program {
    /// What many use as it comes; which one is drawn.
    Stock,
    Curl,
    Requests,
    Go,
    Boto3,
    Browser,
    /// A script of its own.
    Own,
    /// The same script as all others of this scenario that say so.
    Shared,
}

/// Which bait it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bait {
    /// Of one place that nobody else broke into.
    Own,
    /// Of any place.
    Any,
    /// One canary that all hands of the scenario have who say so.
    Leaked,
}

/// What it says of addresses that it forwards for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Forged {
    /// Nothing.
    #[default]
    Nothing,
    /// Another one each time.
    Random,
    /// The true one, which its proxy gives away.
    True,
    /// That of some other hand.
    Framing,
}

const fn twenty() -> u32 {
    20
}
const fn fortnight() -> f64 {
    14.0
}
const fn thirty() -> u32 {
    30
}
const fn ten() -> u32 {
    10
}
const fn one() -> u32 {
    1
}
const fn few() -> (u32, u32) {
    (1, 6)
}
const fn pair() -> (u32, u32) {
    (1, 2)
}

/// Every family in a directory, by name, in order.
///
/// # Errors
/// The directory or a file cannot be read, or a file says something that is not understood.
pub(crate) fn read(directory: &Path) -> Result<Vec<(String, Scenario)>, String> {
    let listed = std::fs::read_dir(directory)
        .map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
    let mut paths: Vec<_> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = lapwing_core::bounded::read_text(&path, 1 << 20)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let scenario =
                toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok((name.into_owned(), scenario))
        })
        .collect()
}
