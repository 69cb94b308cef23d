//! `rules.toml` as types.

use serde::Deserialize;

use super::values;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    pub(super) text: Vec<TextRule>,
    pub(super) reserved: Vec<Reserved>,
    pub(super) entropy: Vec<Entropy>,
    pub(super) since: Vec<Since>,
    pub(super) dates: Note,
    pub(super) remote: Remote,
    pub(super) external: External,
    pub(super) segment: Segment,
    pub(super) address: Note,
    pub(super) alone: Note,
    pub(super) neighbours: Note,
    pub(super) times: Times,
    pub(super) twice: Note,
    pub(super) checksum: Note,
}

/// What a text rule is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Where {
    #[default]
    Text,
    Value,
    Name,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextRule {
    pub(super) id: String,
    #[serde(default, rename = "where")]
    pub(super) place: Where,
    #[serde(default)]
    pub(super) find: Vec<String>,
    #[serde(default)]
    pub(super) all: Vec<String>,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reserved {
    pub(super) id: String,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    endings: Vec<String>,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    pub(super) words: Vec<String>,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entropy {
    pub(super) id: String,
    alphabet: Alphabet,
    length: usize,
    pub(super) least: f64,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Alphabet {
    Hex,
    Any,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    pub(super) prefix: String,
    pub(super) date: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remote {
    pub(super) known: Vec<String>,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct External {
    pub(super) mark: String,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    pub(super) length: usize,
    pub(super) source: String,
    pub(super) advice: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub(super) days: i64,
    pub(super) source: String,
    pub(super) advice: String,
}

impl Rules {
    pub(super) fn builtin() -> Self {
        toml::from_str(include_str!("rules.toml")).expect("the rules are tested to be readable")
    }
}

impl TextRule {
    /// The first of its texts that `text` holds; for a rule that wants all, its first if all are there.
    pub(super) fn finds(&self, text: &str) -> Option<&str> {
        let lower = text.to_lowercase();
        let holds = |find: &&String| lower.contains(find.as_str());
        if !self.all.is_empty() {
            return self
                .all
                .iter()
                .all(|find| holds(&find))
                .then(|| self.all[0].as_str());
        }
        self.find.iter().find(holds).map(String::as_str)
    }

    /// What a rule that wants all says.
    pub(super) fn said(&self) -> String {
        format!("holds {}", self.all.join(" and "))
    }
}

impl Reserved {
    pub(super) fn holds_host(&self, host: &str) -> bool {
        let below = |name: &String| {
            host.strip_suffix(name.as_str())
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        self.hosts.iter().any(below)
            || self
                .endings
                .iter()
                .any(|ending| host.ends_with(ending.as_str()))
            || self
                .networks
                .iter()
                .any(|network| host.starts_with(network.as_str()))
    }
}

impl Entropy {
    pub(super) fn is_for(&self, value: &str) -> bool {
        let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
        value.len() >= self.length
            && values::is_key(value)
            && hex == (self.alphabet == Alphabet::Hex)
    }
}
