//! Keeping bait out of messages. Nothing that is shown is expected to hold a bait value, but an
//! intruder can put one into a User-Agent and an operator one into a memo.

use lapwing_core::{Canary, text};

/// What stands for a value that was taken out.
const TAKEN_OUT: &str = "[bait]";

/// Finds the values of one canary in text.
pub(crate) struct Scrub {
    /// Lower-case ASCII, longest first.
    values: Vec<String>,
}

impl Scrub {
    /// For the values of a canary: each as a whole, and of those with a beacon in them each part
    /// long enough to be the telling one. Short plain words (`active`, `users`) are no secrets and
    /// stay.
    pub(crate) fn new(canary: &Canary) -> Self {
        let mut values: Vec<String> = Vec::new();
        for value in canary.fields.values() {
            let lower = value.to_ascii_lowercase();
            if lower.contains("://") {
                let parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
                values.extend(
                    parts
                        .filter(|part| part.len() >= 8 && has_digit(part))
                        .map(str::to_owned),
                );
            }
            if lower.len() >= 12 || (lower.len() >= 6 && has_digit(&lower)) {
                values.push(lower);
            }
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// The text without bait, printable on one line, cut to `limit` characters.
    pub(crate) fn line(&self, text: &str, limit: usize) -> String {
        text::escape_short(self.take_out(text).as_bytes(), limit)
    }

    /// As [`Scrub::line`] for text the peer chose: also masks every run that looks like a key,
    /// since it may be another canary's.
    pub(crate) fn hostile_line(&self, text: &str, limit: usize) -> String {
        text::escape_short(mask_keys(&self.take_out(text)).as_bytes(), limit)
    }

    fn take_out(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for value in &self.values {
            // ASCII lower case keeps every byte offset.
            let lower = out.to_ascii_lowercase();
            if !lower.contains(value.as_str()) {
                continue;
            }
            let mut rest = 0;
            let mut next = String::with_capacity(out.len());
            for (start, found) in lower.match_indices(value.as_str()) {
                next.push_str(&out[rest..start]);
                next.push_str(TAKEN_OUT);
                rest = start + found.len();
            }
            next.push_str(&out[rest..]);
            out = next;
        }
        out
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Masks runs of 16 and more letters, digits and underscores with a digit among them, and of 32
/// and more without.
fn mask_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if run.len() >= 32 || (run.len() >= 16 && has_digit(run)) {
            out.push_str(&text::mask(run));
        } else {
            out.push_str(run);
        }
        let end = after.find(word).unwrap_or(after.len());
        out.push_str(&after[..end]);
        rest = &after[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn takes_values_out_in_any_case() {
        let scrub = Scrub::new(&samples::canary());
        for (text, expected) in [
            ("plain /srv/sms/.env", "plain /srv/sms/.env"),
            ("AcM4RK3RS3CR3T!", "[bait]!"),
            (
                "see https://x7k2live9q.example.org/t/z9y8x7w6v5u4",
                "see [bait]",
            ),
            ("see x7k2live9q.example.org", "see [bait].example.org"),
            ("é AcM4RK3RS3CR3T é", "é [bait] é"),
        ] {
            assert_eq!(scrub.line(text, 200), expected);
        }
    }

    #[test]
    fn masks_what_looks_like_a_key() {
        let scrub = Scrub::new(&samples::canary());
        for (text, expected) in [
            (
                "Boto3/1.34.0 md/Botocore#1.34.0 os/linux#5.15.0-1051-aws",
                "Boto3/1.34.0 md/Botocore#1.34.0 os/linux#5.15.0-1051-aws",
            ),
            ("Slackbot-LinkExpanding 1.0", "Slackbot-LinkExpanding 1.0"),
            ("x 0123456789abcdef0123456789abcdef y", "x 01…ef y"),
        ] {
            assert_eq!(scrub.hostile_line(text, 200), expected);
        }
    }
}
