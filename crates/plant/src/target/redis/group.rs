//! Groups of keys: which keys are alike but for what names one of them (`user:1`, `user:2`), as the
//! operator writes it (`user:*`) or as the keys show it.

use std::collections::BTreeMap;

use uuid::Uuid;

/// What separates the parts of keys, the most usual first.
const SEPARATORS: [char; 6] = [':', '/', '|', '.', '-', '_'];
/// So many keys that differ in a word are a group.
const WORDS: usize = 8;

/// `user:*`, `{shop}:order:*:lines`: a star for each part that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// What stands around the stars: one piece more than there are stars.
    pieces: Vec<String>,
}

impl Pattern {
    /// Reads one; `None` if it has no star or nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let pieces: Vec<String> = text.split('*').map(str::to_owned).collect();
        let inner = &pieces[1..pieces.len().saturating_sub(1).max(1)];
        let literal = pieces
            .iter()
            .any(|piece| piece.contains(char::is_alphanumeric));
        (pieces.len() > 1 && literal && inner.iter().all(|piece| !piece.is_empty()))
            .then_some(Self { pieces })
    }

    pub(super) fn text(&self) -> String {
        self.pieces.join("*")
    }

    /// What ends a part that a star stands for.
    fn separator(&self, star: usize) -> Option<char> {
        let mark = |c: &char| !c.is_alphanumeric();
        let before = self.pieces[star].chars().next_back().filter(mark);
        before.or_else(|| self.pieces[star + 1].chars().next().filter(mark))
    }

    /// What stands for the stars in a key of this group.
    pub(super) fn parts<'k>(&self, key: &'k str) -> Option<Vec<&'k str>> {
        let mut rest = key.strip_prefix(self.pieces[0].as_str())?;
        let last = self.pieces.len() - 1;
        let mut parts = Vec::with_capacity(last);
        for (star, piece) in self.pieces[1..].iter().enumerate() {
            let part = if star + 1 == last {
                rest.strip_suffix(piece.as_str())?
            } else {
                let (part, behind) = rest.split_once(piece.as_str())?;
                rest = behind;
                part
            };
            let ends = |c: char| match self.separator(star) {
                Some(separator) => c == separator,
                None => [':', '/', '|'].contains(&c),
            };
            if part.is_empty() || (part.contains(ends) && !is_uuid(part)) {
                return None;
            }
            parts.push(part);
        }
        Some(parts)
    }

    /// The key with these parts.
    pub(super) fn fill(&self, parts: &[String]) -> String {
        let mut key = self.pieces[0].clone();
        for (part, piece) in parts.iter().zip(&self.pieces[1..]) {
            key.push_str(part);
            key.push_str(piece);
        }
        key
    }

    /// How many stars it has.
    pub(super) const fn stars(&self) -> usize {
        self.pieces.len() - 1
    }

    /// The word that says what the keys are: `user` of `shop:user:*`.
    pub(super) fn stem(&self) -> &str {
        let words = self.pieces.iter().rev().skip(1).chain(self.pieces.last());
        let mut words = words.filter_map(|piece| last_word(piece));
        words.next().unwrap_or_default()
    }

    /// The word behind the last star, which says what of it is there: `email` of `user:*:email`.
    pub(super) fn facet(&self) -> Option<&str> {
        last_word(self.pieces.last()?)
    }
}

fn last_word(piece: &str) -> Option<&str> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut words = piece.rsplit(|c| !word(c));
    words.find_map(|found| {
        let bare = found.trim_matches(['_', '-']);
        (!bare.is_empty()).then_some(bare)
    })
}

fn is_uuid(part: &str) -> bool {
    part.len() == 36 && Uuid::parse_str(part).is_ok()
}

/// What separates the parts of a key.
pub(super) fn separator(key: &str) -> Option<char> {
    SEPARATORS
        .into_iter()
        .find(|separator| key.contains(*separator))
}

/// Whether a part names one of many: a number, a UUID, hexadecimal, a date, an address, random letters.
pub(super) fn is_id(part: &str) -> bool {
    let digit = part.bytes().any(|byte| byte.is_ascii_digit());
    let letter = part.bytes().any(|byte| byte.is_ascii_alphabetic());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let figures = part
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    digit && figures && !part.starts_with('-')
        || is_uuid(part)
        || (digit && hex && part.len() >= 8)
        || (digit && letter && part.bytes().all(plain) && part.len() >= 16)
        || part.contains('@')
}

/// The parts of a key; a UUID is one part, whatever separates.
fn split(key: &str) -> (Vec<&str>, char) {
    let separator = separator(key).unwrap_or(':');
    if separator == '-'
        && let Some(at) = key.len().checked_sub(36).filter(|at| *at > 1)
        && key.is_char_boundary(at)
        && is_uuid(&key[at..])
    {
        return (vec![&key[..at - 1], &key[at..]], separator);
    }
    (key.split(separator).collect(), separator)
}

/// The groups that keys fall into, largest first, with their members.
pub(super) fn groups(keys: &[String]) -> Vec<(Pattern, Vec<&str>)> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut words: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for key in keys.iter().filter(|key| !key.contains('*')) {
        let (parts, separator) = split(key);
        let separator = separator.to_string();
        // The first part says what it is, unless another does.
        let named = parts.iter().any(|part| !is_id(part));
        let starred = |(at, part): (usize, &&str)| {
            let id = named && is_id(part) && (at > 0 || parts.len() > 1);
            if id { "*" } else { *part }.to_owned()
        };
        let skeleton: Vec<String> = parts.iter().enumerate().map(starred).collect();
        if skeleton.iter().any(|part| part == "*") {
            known
                .entry(skeleton.join(&separator))
                .or_default()
                .push(key);
        } else if let Some((last, head)) = skeleton.split_last()
            && !head.is_empty()
            && !last.is_empty()
        {
            let pattern = format!("{}{separator}*", head.join(&separator));
            words.entry(pattern).or_default().push(key);
        }
    }
    // `user:next_id` beside `user:1` makes no group of words.
    for (pattern, members) in words {
        if members.len() >= WORDS && !known.contains_key(&pattern) {
            known.insert(pattern, members);
        }
    }
    let mut groups: Vec<(Pattern, Vec<&str>)> = known
        .into_iter()
        .filter_map(|(text, members)| Some((Pattern::parse(&text)?, members)))
        .filter(|(_, members)| members.len() > 1)
        .collect();
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    groups
}

/// A pattern as SCAN matches it, so that nothing but a star is special.
pub(super) fn glob(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "*?[]\\^".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect(text)
    }

    #[test]
    fn keys_of_a_group_and_keys_beside_it() {
        let user = pattern("shop:user:*");
        assert_eq!(user.parts("shop:user:42"), Some(vec!["42"]));
        for other in ["shop:user:42:cart", "shop:user:", "user:42", "shop:users"] {
            assert_eq!(user.parts(other), None, "{other}");
        }
        let cart = pattern("t:*:cart:*:v");
        assert_eq!(cart.parts("t:a:cart:7:v"), Some(vec!["a", "7"]));
        assert_eq!(cart.fill(&["b".into(), "8".into()]), "t:b:cart:8:v");
        assert_eq!((cart.stem(), cart.facet()), ("cart", Some("v")));
        let uuid = "session-6f2b3a0e-9a51-4c3f-8f0e-2d7c1b1f9a11";
        assert_eq!(
            pattern("session-*").parts(uuid).map(|parts| parts.len()),
            Some(1)
        );
        assert_eq!(pattern("session-*").parts("session-a-b"), None);
        assert_eq!(user.stem(), "user");
        assert_eq!(pattern("user_*").stem(), "user");
        for none in ["*", "user:1", "", "a**", ":*"] {
            assert_eq!(Pattern::parse(none), None, "{none}");
        }
    }

    #[test]
    fn groups_are_seen_in_keys() {
        let mut keys: Vec<String> = (1..20).map(|id| format!("user:{id}")).collect();
        keys.extend((1..9).map(|id| format!("user:{id}:cart")));
        keys.extend(["user:next_id", "user:ids", "config:smtp"].map(str::to_owned));
        let names = [
            "ana", "ben", "cleo", "dan", "eve", "finn", "gus", "hal", "ivy",
        ];
        keys.extend(names.map(|name| format!("login:{name}")));
        keys.push("session-6f2b3a0e-9a51-4c3f-8f0e-2d7c1b1f9a11".to_owned());
        keys.push("session-6f2b3a0e-9a51-4c3f-8f0e-2d7c1b1f9a12".to_owned());
        let found = groups(&keys);
        let texts: Vec<(String, usize)> = found
            .iter()
            .map(|(pattern, keys)| (pattern.text(), keys.len()))
            .collect();
        assert_eq!(
            texts,
            [
                ("user:*", 19),
                ("login:*", 9),
                ("user:*:cart", 8),
                ("session-*", 2)
            ]
            .map(|(text, count)| (text.to_owned(), count))
        );
    }

    #[test]
    fn nothing_in_a_name_is_special_to_a_scan() {
        assert_eq!(glob("a[1]?*"), "a\\[1\\]\\?\\*");
    }
}
