//! Names for what is planted: a role goes into each, its style is the neighbours', and it is never
//! one that exists, that programs read by default, or that the tree around refers to.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapwing_core::bounded;
use rand::seq::SliceRandom as _;

/// Roles for kinds that list none.
const ROLES: [&str; 8] = [
    "legacy",
    "backup",
    "migration",
    "standby",
    "archive",
    "old",
    "failover",
    "batch",
];

/// Names that programs read without being told to, whatever the kind says.
const DEFAULTS: [&str; 4] = ["default", "profile default", "root", "global"];

/// Where a directory already refers to every role, numbered ones are tried up to this.
const LAST_NUMBER: u32 = 40;

/// Roles to try, in random order; the operator's alone if one is named.
pub(crate) fn roles(listed: &[String], asked: Option<&str>) -> Vec<String> {
    if let Some(role) = asked {
        return vec![role.to_lowercase().replace('-', "_")];
    }
    let mut roles: Vec<String> = if listed.is_empty() {
        ROLES.iter().map(|role| (*role).to_owned()).collect()
    } else {
        listed.to_vec()
    };
    roles.shuffle(&mut rand::rng());
    let numbered: Vec<String> = (2..=LAST_NUMBER)
        .flat_map(|number| roles.iter().map(move |role| format!("{role}_{number}")))
        .collect();
    roles.extend(numbered);
    roles
}

/// Longest role, so that names are none that nobody would have chosen.
const LONGEST_ROLE: usize = 40;

/// Whether a role of the operator's can be part of a name in any sort of target.
pub(crate) fn is_role(role: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    role.len() <= LONGEST_ROLE && role.split(['-', '_']).all(word)
}

/// Puts a role into a template: `{ROLE}` in capitals, `{role}` in small letters.
pub(crate) fn fill(template: &str, role: &str) -> String {
    template
        .replace("{ROLE}", &role.to_uppercase())
        .replace("{role}", role)
}

/// Whether a name is read by default.
pub(crate) fn is_default(name: &str, listed: &[String]) -> bool {
    let is = |default: &str| name.eq_ignore_ascii_case(default);
    listed.iter().any(|default| is(default)) || DEFAULTS.iter().any(|default| is(default))
}

/// How names of several words are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Kebab,
    Camel,
    Pascal,
    Screaming,
}

impl Case {
    /// The style most names have; names of one word count only where they tell.
    pub(crate) fn most<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut votes = [0_usize; 5];
        const ALL: [Case; 5] = [
            Case::Snake,
            Case::Kebab,
            Case::Camel,
            Case::Pascal,
            Case::Screaming,
        ];
        for name in names {
            if let Some(case) = Self::of(name) {
                votes[case as usize] += 2;
            }
        }
        let most = ALL
            .into_iter()
            .rev()
            .max_by_key(|case| votes[*case as usize])?;
        (votes[most as usize] > 0).then_some(most)
    }

    fn of(name: &str) -> Option<Self> {
        let upper = name.chars().any(|c| c.is_ascii_uppercase());
        let lower = name.chars().any(|c| c.is_ascii_lowercase());
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        match (upper, lower) {
            (true, false) if name.len() > 1 => Some(Self::Screaming),
            (false, true) if name.contains('_') => Some(Self::Snake),
            (false, true) if name.contains('-') => Some(Self::Kebab),
            (true, true) if name.contains(['_', '-', '.', '/', ' ']) => None,
            (true, true) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Some(Self::Pascal)
            }
            (true, true) => Some(Self::Camel),
            _ => None,
        }
    }

    /// A name in lower snake case, written in this style.
    pub(crate) fn write(self, name: &str) -> String {
        let words = name.split(['_', '-']).filter(|word| !word.is_empty());
        match self {
            Self::Snake => name.replace('-', "_"),
            Self::Kebab => name.replace('_', "-"),
            Self::Screaming => name.replace('-', "_").to_uppercase(),
            Self::Pascal => words.map(capital).collect(),
            Self::Camel => words
                .enumerate()
                .map(|(at, word)| {
                    if at == 0 {
                        word.to_owned()
                    } else {
                        capital(word)
                    }
                })
                .collect(),
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A name in lower snake case: `camelCase`, `kebab-case` and `Two Words` included.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    out
}

/// The first word of a name, in lower case: what related neighbours share.
pub(crate) fn family(name: &str) -> String {
    let lower = snake(name);
    let lower = lower.strip_prefix("x_").unwrap_or(&lower);
    lower
        .split('_')
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// The words of the trees around targets, each tree read once. For one run of plantings: what others
/// write meanwhile is not seen.
#[derive(Clone, Debug, Default)]
pub struct Surroundings(Rc<RefCell<HashMap<PathBuf, Option<Words>>>>);

type Words = HashSet<Box<str>>;

/// Most words of a tree that are kept; a larger one is read each time.
const WORDS: usize = 1 << 20;

impl Surroundings {
    /// Which of `names` the tree mentions; `None` if it is too large to be kept.
    fn mentioned(&self, root: PathBuf, names: &HashSet<String>) -> Option<HashSet<String>> {
        let mut trees = self.0.borrow_mut();
        let words = trees
            .entry(root)
            .or_insert_with_key(|root| words_below(root))
            .as_ref()?;
        let known = names.iter().filter(|name| words.contains(name.as_str()));
        Some(known.cloned().collect())
    }
}

fn words_below(root: &Path) -> Option<Words> {
    let mut words = Words::new();
    walk(root, 0, &mut Budget::new(), &mut |_, bytes| {
        let pieces = bytes.split(|byte| !is_word(byte));
        for text in pieces.filter_map(|piece| std::str::from_utf8(piece).ok()) {
            for word in [text, text.trim_matches('-')] {
                if word.len() > 2 && words.len() < WORDS && !words.contains(word) {
                    words.insert(word.into());
                }
            }
        }
    });
    (words.len() < WORDS).then_some(words)
}

const fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Which of `names` the tree around a target mentions. `sections` says that they are short words,
/// which count only where they are quoted or called a profile.
pub(crate) fn mentioned(
    target: &Path,
    names: &HashSet<String>,
    sections: bool,
    surroundings: Option<&Surroundings>,
) -> HashSet<String> {
    let root = root_of(target);
    let kept = surroundings.filter(|_| !sections);
    if let Some(found) = kept.and_then(|kept| kept.mentioned(root.clone(), names)) {
        return found;
    }
    let mut found = HashSet::new();
    walk(&root, 0, &mut Budget::new(), &mut |path, bytes| {
        if sections && path == target {
            return;
        }
        for line in bytes.split(|byte| *byte == b'\n') {
            scan_line(line, names, sections, &mut found);
        }
    });
    found
}

struct Budget {
    files: usize,
    bytes: usize,
}

impl Budget {
    const fn new() -> Self {
        Self {
            files: 2_000,
            bytes: 256 << 20,
        }
    }
}

/// The project's directory: the nearest one with a `.git`, at most three up; else the target's own.
fn root_of(target: &Path) -> PathBuf {
    let own = target.parent().unwrap_or(Path::new("/"));
    own.ancestors()
        .take(4)
        .find(|directory| directory.join(".git").exists())
        .unwrap_or(own)
        .to_owned()
}

/// Directories that hold what others wrote, or nothing to read.
const SKIPPED: [&str; 8] = [
    ".git",
    "node_modules",
    "target",
    "vendor",
    ".venv",
    "venv",
    "__pycache__",
    ".cache",
];
const DEPTH: usize = 5;
const LARGEST: u64 = 1 << 20;

fn walk(directory: &Path, depth: usize, budget: &mut Budget, visit: &mut dyn FnMut(&Path, &[u8])) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut below = Vec::new();
    for entry in entries.take(10_000).flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_dir() {
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            if depth < DEPTH && !skipped {
                below.push(path);
            }
        } else if kind.is_file() && budget.files > 0 && budget.bytes > 0 {
            budget.files -= 1;
            let small = entry
                .metadata()
                .is_ok_and(|metadata| metadata.len() <= LARGEST);
            if let Some(bytes) = small
                .then(|| bounded::read_file(&path, LARGEST).ok())
                .flatten()
            {
                budget.bytes = budget.bytes.saturating_sub(bytes.len());
                visit(&path, &bytes);
            }
        }
    }
    for path in below {
        if budget.files == 0 {
            return;
        }
        walk(&path, depth + 1, budget, visit);
    }
}

fn scan_line(line: &[u8], names: &HashSet<String>, sections: bool, found: &mut HashSet<String>) {
    let mut at = 0;
    for piece in line.split(|byte| !is_word(byte)) {
        let start = at;
        at += piece.len() + 1;
        let Ok(text) = std::str::from_utf8(piece) else {
            continue;
        };
        let bare = text.trim_matches('-');
        let Some(name) = [text, bare].into_iter().find(|text| names.contains(*text)) else {
            continue;
        };
        let quoted = start.checked_sub(1).and_then(|before| line.get(before));
        let quoted = quoted.is_some_and(|byte| matches!(byte, b'"' | b'\''));
        let profile = || {
            line.to_ascii_lowercase()
                .windows(7)
                .any(|w| w == b"profile")
        };
        if !sections || quoted || profile() {
            found.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        assert_eq!(
            Case::most(["dbHost", "port", "logLevel"].into_iter()),
            Some(Case::Camel)
        );
        assert_eq!(
            Case::most(["Logging", "AllowedHosts"].into_iter()),
            Some(Case::Pascal)
        );
        assert_eq!(
            Case::most(["a-b", "c-d", "e_f"].into_iter()),
            Some(Case::Kebab)
        );
        assert_eq!(Case::most(["port"].into_iter()), None);
        assert_eq!(Case::Camel.write("sms_legacy"), "smsLegacy");
        assert_eq!(Case::Pascal.write("sms_legacy"), "SmsLegacy");
        assert_eq!(snake("createdAt"), "created_at");
        assert_eq!(snake("user-ID"), "user_id");
        assert_eq!(family("TWILIO_LEGACY_SID"), "twilio");
    }

    #[test]
    fn roles_are_words() {
        for role in ["legacy", "backup_2", "OLD-eu"] {
            assert!(is_role(role), "{role}");
        }
        for role in [
            "",
            "_",
            "a b",
            "a\nb",
            "a.b",
            "-a",
            "a__b",
            "früh",
            "a=b",
            &"a".repeat(41),
        ] {
            assert!(!is_role(role), "{role:?}");
        }
    }

    #[test]
    fn mentions_are_whole_words() {
        let names = HashSet::from(["SMS_OLD_URL".to_owned(), "legacy".to_owned()]);
        let scan = |line: &str, sections| {
            let mut found = HashSet::new();
            scan_line(line.as_bytes(), &names, sections, &mut found);
            found.len()
        };
        assert_eq!(scan("url = env['SMS_OLD_URL']", false), 1);
        assert_eq!(scan("MY_SMS_OLD_URL_2", false), 0);
        assert_eq!(scan("aws --profile legacy s3 ls", true), 1);
        assert_eq!(scan("the legacy way", true), 0);
    }
}
