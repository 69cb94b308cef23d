//! Values that look like their neighbours: dates in the neighbours' format and range, identifiers
//! of the same build, the commonest category. Nothing is made up that could be somebody's: no
//! foreign e-mail address, no telephone number outside the reserved ranges.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rusqlite::types::Value;
use uuid::Uuid;

use super::clock::Clock;
use super::row::column_values;
use super::schema::{Column, Table, listed_values};
use crate::{Options, names};

/// What is wrong and what to do about it.
pub(super) type Problem = (String, String);

/// Draws filling for one row.
pub(super) struct Shaping<'a> {
    table: &'a Table,
    rows: &'a [Vec<Value>],
    template: Option<&'a Vec<Value>>,
    options: &'a Options,
    /// Seconds between the template's times and ours.
    shift: i64,
    now: i64,
    pub notes: Vec<String>,
}

impl<'a> Shaping<'a> {
    pub(super) fn new(
        table: &'a Table,
        rows: &'a [Vec<Value>],
        template: Option<&'a Vec<Value>>,
        options: &'a Options,
    ) -> Self {
        let mut shaping = Self {
            table,
            rows,
            template,
            options,
            shift: 0,
            now: Timestamp::now().as_second(),
            notes: Vec::new(),
        };
        shaping.shift = shaping.draw_shift().unwrap_or_default();
        shaping
    }

    /// The template's value of a column, unless it is NULL.
    pub(super) fn template(&self, at: usize) -> Option<&'a Value> {
        self.template
            .map(|row| &row[at])
            .filter(|value| **value != Value::Null)
    }

    /// A value for a column; `None` leaves it to its default.
    pub(super) fn value(&mut self, at: usize) -> Result<Option<Value>, Problem> {
        let column = &self.table.columns[at];
        let values = column_values(self.rows, at);
        let Some(template) = self.template.map(|row| &row[at]) else {
            return self.without_neighbours(column);
        };
        let mostly_null = values.len() * 2 < self.rows.len();
        if !column.not_null && !column.primary && (*template == Value::Null || mostly_null) {
            return Ok(Some(Value::Null));
        }
        let template = if *template == Value::Null {
            values.first().copied().unwrap_or(template)
        } else {
            template
        };
        if let Some(value) = self.personal(column, &values)? {
            return Ok(Some(value));
        }
        if let Some(time) = Clock::of(column, &values) {
            return Ok(Some(self.shifted(time, template, &values)));
        }
        if let Some(category) = category(column, &values) {
            return Ok(Some(category));
        }
        Ok(Some(match template {
            Value::Text(text) => Value::Text(self.text(column, text, &values)),
            Value::Integer(_) if column.unique => Value::Integer(next_integer(&values)),
            Value::Blob(bytes) => Value::Blob(random_blob(bytes)),
            other => other.clone(),
        }))
    }

    /// Addresses, numbers and the like, which must not be somebody's.
    fn personal(&mut self, column: &Column, values: &[&Value]) -> Result<Option<Value>, Problem> {
        let name = names::snake(&column.name);
        let has = |word: &str| name.split('_').any(|part| part == word);
        let texts: Vec<&str> = values.iter().filter_map(|value| text_of(value)).collect();
        let mail = texts.iter().any(|text| is_mail(text)) || name.contains("email");
        let phone = ["phone", "msisdn", "mobile", "telephone", "cell", "fax"]
            .iter()
            .any(|word| has(word));
        let ip = texts
            .iter()
            .any(|text| text.parse::<std::net::IpAddr>().is_ok());
        if !(mail || phone || ip) {
            return Ok(None);
        }
        if !column.not_null {
            return Ok(Some(Value::Null));
        }
        if mail {
            return self.mail(column, &texts).map(Some);
        }
        if phone {
            self.notes.push(format!(
                "{} holds a number from a range reserved for fiction, which somebody who knows such ranges can tell",
                column.name
            ));
            let number = reserved_number(&texts);
            let numeric = values
                .iter()
                .any(|value| matches!(value, Value::Integer(_)));
            let digits = number.trim_start_matches('+').parse();
            return Ok(Some(match digits {
                Ok(digits) if numeric => Value::Integer(digits),
                _ => Value::Text(number),
            }));
        }
        let address = format!("203.0.113.{}", rand::rng().random_range(2..250));
        self.notes.push(format!(
            "{} holds an address from a range reserved for documentation",
            column.name
        ));
        Ok(Some(Value::Text(address)))
    }

    fn mail(&self, column: &Column, texts: &[&str]) -> Result<Value, Problem> {
        let Some(domain) = &self.options.mail_domain else {
            return Err((
                format!(
                    "the column {} wants an e-mail address, and a made-up one may be somebody's",
                    column.name
                ),
                "set the operator's own mail domain".to_owned(),
            ));
        };
        let local: Vec<&str> = texts
            .iter()
            .filter_map(|text| text.split_once('@'))
            .map(|(local, _)| local)
            .collect();
        let local = blended_word(&local);
        Ok(Value::Text(format!("{local}@{domain}")))
    }

    fn text(&self, column: &Column, template: &str, values: &[&Value]) -> String {
        let texts: Vec<&str> = values.iter().filter_map(|value| text_of(value)).collect();
        if let Ok(uuid) = Uuid::parse_str(template) {
            return fresh_uuid(&uuid, template);
        }
        let spaced = template.contains(' ');
        let name = names::snake(&column.name);
        let secret = [
            "password", "hash", "token", "secret", "salt", "digest", "key",
        ]
        .iter()
        .any(|word| name.contains(word));
        if let Some((base, last)) = template
            .rsplit_once('/')
            .filter(|_| template.contains("://"))
        {
            return format!("{base}/{}", shaped(last, 0));
        }
        if template.starts_with(['{', '[']) {
            return most_common(values)
                .and_then(text_of)
                .unwrap_or(template)
                .to_owned();
        }
        let digits = template.bytes().any(|byte| byte.is_ascii_digit());
        if secret || (!spaced && digits && template.len() >= 5) {
            return shaped_like(template, &texts);
        }
        if spaced {
            return blended_words(&texts);
        }
        if column.unique {
            return blended_word(&texts);
        }
        texts
            .choose(&mut rand::rng())
            .copied()
            .unwrap_or(template)
            .to_owned()
    }

    fn without_neighbours(&self, column: &Column) -> Result<Option<Value>, Problem> {
        if !column.primary && (column.default.is_some() || !column.not_null) {
            return Ok(None);
        }
        if let Some(first) = listed_values(&self.table.sql, &column.name)
            .into_iter()
            .next()
        {
            return Ok(Some(
                first.parse().map_or(Value::Text(first), Value::Integer),
            ));
        }
        let name = names::snake(&column.name);
        let timely = name.ends_with("_at") || name.contains("date") || name.contains("time");
        let number = column.kind.contains("INT");
        let value = if timely && number {
            Value::Integer(self.now)
        } else if timely {
            let at = Timestamp::from_second(self.now).unwrap_or_default();
            Value::Text(at.strftime("%Y-%m-%d %H:%M:%S").to_string())
        } else if number {
            Value::Integer(1)
        } else if column.kind.contains("REAL")
            || column.kind.contains("NUM")
            || column.kind.contains("DEC")
        {
            Value::Integer(0)
        } else if column.kind.contains("BLOB") {
            Value::Blob(random_blob(&[0; 16]))
        } else if column.unique {
            Value::Text(Uuid::new_v4().to_string())
        } else if name.contains("mail") {
            self.mail(column, &[])?
        } else {
            return Err((
                format!(
                    "the table is empty, so nothing tells what the column {} should hold",
                    column.name
                ),
                "plant in a table that is in use".to_owned(),
            ));
        };
        Ok(Some(value))
    }

    /// How far to move the template's times: behind the newest row where ids count up, else
    /// somewhere between the neighbours.
    fn draw_shift(&self) -> Option<i64> {
        let (at, clock) = self.clock()?;
        let mut times: Vec<i64> = column_values(self.rows, at)
            .into_iter()
            .filter_map(|value| clock.seconds(value))
            .collect();
        times.sort_unstable();
        let (first, last) = (*times.first()?, *times.last()?);
        let own = clock.seconds(self.template(at)?)?;
        let counted = self.table.columns.iter().any(|column| column.rowid);
        let mut random = rand::rng();
        let aim = if counted {
            let gaps: Vec<i64> = times
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .filter(|gap| *gap > 0)
                .collect();
            let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(3_600).max(2);
            let latest = (last + gap).min(self.now.max(last));
            random.random_range(last..=latest.max(last))
        } else {
            random.random_range(first..=last)
        };
        Some(aim - own)
    }

    /// The column that says when a row came into being.
    fn clock(&self) -> Option<(usize, Clock)> {
        let clocks: Vec<(usize, Clock)> = (0..self.table.columns.len())
            .filter_map(|at| {
                let column = &self.table.columns[at];
                Some((at, Clock::of(column, &column_values(self.rows, at))?))
            })
            .collect();
        let created = clocks.iter().find(|(at, _)| {
            let name = names::snake(&self.table.columns[*at].name);
            [
                "creat", "regist", "join", "insert", "added", "signup", "signed",
            ]
            .iter()
            .any(|word| name.contains(word))
        });
        created.or_else(|| clocks.first()).copied()
    }

    fn shifted(&self, clock: Clock, template: &Value, values: &[&Value]) -> Value {
        let latest = values.iter().filter_map(|value| clock.seconds(value)).max();
        let bound = latest.unwrap_or(self.now).max(self.now);
        let own = clock.seconds(template).unwrap_or(self.now);
        let aim = (own + self.shift).min(bound);
        clock.write(template, aim - own)
    }
}

const fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

fn is_mail(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !text.contains(' ')
    })
}

/// The commonest value, if values repeat as categories do.
fn category(column: &Column, values: &[&Value]) -> Option<Value> {
    if column.unique {
        return None;
    }
    let distinct = counts(values).len();
    let few = distinct <= 12 && (distinct * 2 <= values.len() || distinct == 1);
    few.then(|| most_common(values).cloned()).flatten()
}

fn counts<'v>(values: &[&'v Value]) -> BTreeMap<String, (usize, &'v Value)> {
    let mut counts = BTreeMap::new();
    for value in values {
        counts.entry(format!("{value:?}")).or_insert((0, *value)).0 += 1;
    }
    counts
}

fn most_common<'v>(values: &[&'v Value]) -> Option<&'v Value> {
    counts(values)
        .into_values()
        .max_by_key(|(count, _)| *count)
        .map(|(_, value)| value)
}

fn next_integer(values: &[&Value]) -> i64 {
    let numbers = values.iter().filter_map(|value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    });
    numbers
        .max()
        .unwrap_or_default()
        .saturating_add(rand::rng().random_range(1..=3))
}

fn random_blob(like: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; like.len()];
    rand::fill(&mut bytes[..]);
    if let (16, Ok(uuid)) = (like.len(), Uuid::from_slice(like))
        && uuid.get_variant() == uuid::Variant::RFC4122
    {
        return fresh(&uuid).into_bytes().to_vec();
    }
    bytes
}

fn fresh(like: &Uuid) -> Uuid {
    if like.get_version_num() == 7 {
        Uuid::now_v7()
    } else {
        Uuid::new_v4()
    }
}

fn fresh_uuid(like: &Uuid, written: &str) -> String {
    let uuid = fresh(like);
    let text = if written.contains('-') {
        uuid.hyphenated().to_string()
    } else {
        uuid.simple().to_string()
    };
    if written.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text.to_uppercase()
    } else {
        text
    }
}

/// As [`shaped`], keeping what all neighbours begin with, and the parameters of a password hash.
fn shaped_like(template: &str, texts: &[&str]) -> String {
    if template.starts_with('$') {
        let parts: Vec<String> = template
            .split('$')
            .map(|part| {
                if part.len() >= 16 && !part.contains('=') {
                    shaped(part, 0)
                } else {
                    part.to_owned()
                }
            })
            .collect();
        return parts.join("$");
    }
    if let Some((head, last)) = template
        .rsplit_once('$')
        .filter(|(head, _)| head.contains('$'))
    {
        let (scheme, salt) = head.rsplit_once('$').unwrap_or((head, ""));
        return format!("{scheme}${}${}", shaped(salt, 0), shaped(last, 0));
    }
    let common = texts.iter().fold(template.len(), |length, text| {
        template
            .bytes()
            .zip(text.bytes())
            .take_while(|(a, b)| a == b)
            .count()
            .min(length)
    });
    let common = if texts.len() < 2 {
        prefix_length(template)
    } else {
        common
    };
    shaped(template, if common == template.len() { 0 } else { common })
}

/// Length of a leading `word_` or `word-`.
fn prefix_length(text: &str) -> usize {
    text.rfind(['_', '-'])
        .filter(|at| *at < 10)
        .map_or(0, |at| at + 1)
}

/// Fresh characters of the same classes, from `keep` on: digit for digit, letter for letter, hex for
/// hex; whatever else stays.
pub(super) fn shaped(text: &str, keep: usize) -> String {
    let keep = if text.is_char_boundary(keep) { keep } else { 0 };
    let (head, tail) = text.split_at(keep);
    let hex = tail.len() >= 8 && tail.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let upper = tail.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut random = rand::rng();
    let mut pick = |letters: &[u8]| char::from(letters[random.random_range(0..letters.len())]);
    let fresh = tail.chars().map(|c| match c {
        '-' => '-',
        _ if hex && upper => pick(b"0123456789ABCDEF"),
        _ if hex => pick(b"0123456789abcdef"),
        c if c.is_ascii_digit() => pick(b"0123456789"),
        c if c.is_ascii_lowercase() => pick(b"abcdefghijklmnopqrstuvwxyz"),
        c if c.is_ascii_uppercase() => pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        c => c,
    });
    format!("{head}{}", fresh.collect::<String>())
}

/// The first words of one neighbour and the last of another: like a person, and like nobody.
fn blended_words(texts: &[&str]) -> String {
    let mut random = rand::rng();
    let (Some(one), Some(other)) = (texts.choose(&mut random), texts.choose(&mut random)) else {
        return String::new();
    };
    let head = one.split_once(' ').map_or(*one, |(head, _)| head);
    let tail = other.split_once(' ').map_or("", |(_, tail)| tail);
    format!("{head} {tail}").trim_end().to_owned()
}

/// A word nobody has yet: a neighbour's letters with two figures behind it.
fn blended_word(texts: &[&str]) -> String {
    let mut random = rand::rng();
    let word = texts.choose(&mut random).copied().unwrap_or("service");
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{letters}{}", random.random_range(10..100))
}

/// A number reserved for fiction, in the neighbours' country and form: NANP 555-0100 to 0199, Ofcom
/// 07700 900000 to 900999.
fn reserved_number(texts: &[&str]) -> String {
    let british = texts.iter().filter(|text| text.starts_with("+44")).count() * 2 > texts.len();
    let mut random = rand::rng();
    if british {
        return format!("+447700900{:03}", random.random_range(0..1_000));
    }
    let area = texts
        .iter()
        .find_map(|text| {
            text.strip_prefix("+1")?
                .get(..3)
                .filter(|a| a.bytes().all(|b| b.is_ascii_digit()))
        })
        .unwrap_or("202");
    format!("+1{area}55501{:02}", random.random_range(0..100))
}
