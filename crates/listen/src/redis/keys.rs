//! The few keys a Redis decoy has, and what its commands say of them. Nothing that is written is kept
//! longer than the connection.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::wire::Reply;
use crate::system::System;

/// Keys and bytes that one connection may write.
const MOST_WRITTEN: usize = 64;
const LONGEST_WRITTEN: usize = 16 << 10;
/// Longest key, and longest pattern that is looked for.
const LONGEST_KEY: usize = 512;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    Hash(Vec<(String, String)>),
    List(Vec<String>),
}

/// What one connection sees.
pub(super) struct Keys(BTreeMap<Vec<u8>, Value>);

impl Keys {
    /// The keys of a station, always the same: what a small application leaves in its cache.
    pub(super) fn of(system: &System) -> Self {
        let mut keys = BTreeMap::new();
        let id = |what: &str| HEXLOWER.encode(&system.bytes(what)[..12]);
        for number in 0..system.number("sessions", 3, 9) {
            let what = format!("session {number}");
            let user = system.number(&what, 11, 4000).to_string();
            let fields = vec![
                ("user_id".to_owned(), user),
                ("csrf".to_owned(), id(&format!("csrf {number}"))),
                ("remember".to_owned(), (number % 2).to_string()),
            ];
            keys.insert(
                format!("session:{}", id(&what)).into_bytes(),
                Value::Hash(fields),
            );
        }
        let jobs = (0..system.number("jobs", 1, 5)).map(|number| {
            let job = system.number(&format!("job {number}"), 1000, 90_000);
            format!(r#"{{"id":{job},"task":"send_batch","attempts":{number}}}"#)
        });
        keys.insert(b"queue:default".to_vec(), Value::List(jobs.collect()));
        let total = system.number("total", 20_000, 900_000).to_string();
        keys.insert(b"stats:total".to_vec(), Value::Text(total.into_bytes()));
        let release = system.number("release", 12, 240);
        let settings = format!(r#"{{"release":"1.{release}","maintenance":false}}"#);
        keys.insert(
            b"cache:settings".to_vec(),
            Value::Text(settings.into_bytes()),
        );
        Self(keys)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Answers a command about keys; `None` if it is none of these.
    pub(super) fn answer(&mut self, name: &str, arguments: &[Vec<u8>]) -> Option<Reply> {
        let key = arguments.first();
        Some(match name {
            "DBSIZE" => Reply::Number(self.len() as i64),
            "KEYS" => Reply::List(self.matching(key?)),
            "SCAN" => {
                let pattern = arguments
                    .windows(2)
                    .find(|pair| pair[0].eq_ignore_ascii_case(b"match"));
                let pattern = pattern.map_or(&b"*"[..], |pair| &pair[1]);
                Reply::List(vec![Reply::text("0"), Reply::List(self.matching(pattern))])
            }
            "EXISTS" => {
                let there = arguments.iter().filter(|key| self.0.contains_key(*key));
                Reply::Number(there.count() as i64)
            }
            "TYPE" => Reply::Simple(match self.0.get(key?) {
                None => "none",
                Some(Value::Text(_)) => "string",
                Some(Value::Hash(_)) => "hash",
                Some(Value::List(_)) => "list",
            }),
            "TTL" | "PTTL" => Reply::Number(if self.0.contains_key(key?) { -1 } else { -2 }),
            "GET" => match self.0.get(key?) {
                None => Reply::Null,
                Some(Value::Text(text)) => Reply::Bulk(text.clone()),
                Some(_) => wrong_type(),
            },
            "MGET" => Reply::List(
                (arguments.iter().take(MOST_WRITTEN))
                    .map(|key| match self.0.get(key) {
                        Some(Value::Text(text)) => Reply::Bulk(text.clone()),
                        _ => Reply::Null,
                    })
                    .collect(),
            ),
            "STRLEN" => match self.0.get(key?) {
                None => Reply::Number(0),
                Some(Value::Text(text)) => Reply::Number(text.len() as i64),
                Some(_) => wrong_type(),
            },
            "HGETALL" => match self.0.get(key?) {
                None => Reply::Map(Vec::new()),
                Some(Value::Hash(fields)) => Reply::Map(
                    (fields.iter())
                        .map(|(name, value)| (Reply::text(name), Reply::text(value)))
                        .collect(),
                ),
                Some(_) => wrong_type(),
            },
            "LRANGE" => match self.0.get(key?) {
                None => Reply::List(Vec::new()),
                Some(Value::List(items)) => range(items, arguments),
                Some(_) => wrong_type(),
            },
            "LLEN" => match self.0.get(key?) {
                None => Reply::Number(0),
                Some(Value::List(items)) => Reply::Number(items.len() as i64),
                Some(_) => wrong_type(),
            },
            _ => return self.write(name, arguments),
        })
    }

    /// Answers a command that changes keys.
    fn write(&mut self, name: &str, arguments: &[Vec<u8>]) -> Option<Reply> {
        let key = arguments.first();
        Some(match name {
            "SET" | "SETNX" | "SETEX" | "PSETEX" => {
                let at = if matches!(name, "SETEX" | "PSETEX") {
                    2
                } else {
                    1
                };
                self.set(key?, arguments.get(at)?);
                match name {
                    "SETNX" => Reply::Number(1),
                    _ => Reply::Simple("OK"),
                }
            }
            "DEL" | "UNLINK" => {
                let gone = arguments.iter().filter(|key| self.0.remove(*key).is_some());
                Reply::Number(gone.count() as i64)
            }
            "FLUSHALL" | "FLUSHDB" => {
                self.0.clear();
                Reply::Simple("OK")
            }
            _ => return None,
        })
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        let fits = key.len() <= LONGEST_KEY && value.len() <= LONGEST_WRITTEN;
        if self.0.len() < MOST_WRITTEN && fits {
            self.0.insert(key.to_vec(), Value::Text(value.to_vec()));
        }
    }

    fn matching(&self, pattern: &[u8]) -> Vec<Reply> {
        let pattern = &pattern[..pattern.len().min(LONGEST_KEY)];
        (self.0.keys())
            .filter(|key| matches(pattern, key))
            .map(|key| Reply::Bulk(key.clone()))
            .collect()
    }
}

fn wrong_type() -> Reply {
    Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value".to_owned())
}

fn range(items: &[String], arguments: &[Vec<u8>]) -> Reply {
    let number =
        |at: usize| -> Option<i64> { std::str::from_utf8(arguments.get(at)?).ok()?.parse().ok() };
    let (Some(from), Some(to)) = (number(1), number(2)) else {
        return Reply::Error("ERR value is not an integer or out of range".to_owned());
    };
    let count = items.len() as i64;
    let place = |at: i64| {
        if at < 0 {
            (at.saturating_add(count)).max(0)
        } else {
            at
        }
    };
    let (from, to) = (place(from), place(to).min(count - 1));
    let within = (0i64..)
        .zip(items)
        .filter(|(at, _)| (from..=to).contains(at));
    Reply::List(within.map(|(_, item)| Reply::text(item)).collect())
}

/// `*` and `?` only, which is what is asked for; anything else stands for itself. Time is bounded by the
/// product of the lengths.
pub(super) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < key.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == key[of] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((before, from)) => {
                    at = before + 1;
                    of = from + 1;
                    star = Some((before, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, key, fits) in [
            ("*", "a", true),
            ("session:*", "session:1", true),
            ("*:1", "session:1", true),
            ("s?ssion:*", "session:1", true),
            ("", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), key.as_bytes()),
                fits,
                "{pattern}"
            );
        }
    }
}
