//! What the server is asked. Reading is SCAN, TYPE, PTTL, lengths and values, bounded; never KEYS, which
//! stops a large server, never MONITOR or CONFIG, which only administrators may.

use std::collections::HashSet;

use super::address::Address;
use super::form::{FIELDS, Form, Leaf, leaves};
use super::wire::{Client, Reply};
use crate::error::{PlantError, Problem};
use crate::table::address::Said;

/// How many steps of a scan are taken, and how many keys each asks for.
const STEPS: usize = 2_000;
const STEP: &str = "1000";
/// How many names are kept.
const NAMES: usize = 200_000;
/// Longest string that is looked at, and how many bytes of values are.
const LONGEST: i64 = 64 << 10;
const LOOKED_AT: usize = 32 << 20;

/// A database that is connected to.
pub(super) struct Server {
    client: Client,
    place: String,
    /// Who asks, for hints.
    account: String,
}

/// Names of keys.
pub(super) struct Names {
    pub keys: Vec<String>,
    /// Whether these are all there are.
    pub all: bool,
}

/// A key and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub key: String,
    pub form: Form,
    pub fields: Vec<Leaf>,
    /// The whole of a string; empty for a hash.
    pub text: String,
}

/// What was read of a key.
pub(super) enum Look {
    /// A hash or a string.
    Held(Found),
    /// It is another sort of key, too long, or not text.
    Passed,
    /// The account may not read it: what the server said.
    Denied(String),
    Missing,
}

/// Keys that were read, and those that were passed over.
#[derive(Default)]
pub(super) struct Read {
    pub found: Vec<Found>,
    /// Keys that expire.
    pub expiring: usize,
    /// Keys of another type, or with values too long to look at.
    pub passed: usize,
    /// What the server said of a key that the account may not read.
    pub denied: Option<String>,
}

/// What an error of the server's is to the operator.
pub(super) fn refusal(place: &str, account: &str, doing: &'static str, said: &str) -> PlantError {
    let word = said.split(' ').next().unwrap_or_default();
    let refused = |what: &str, hint: String| {
        PlantError::Refused(
            Problem::new(place, format!("cannot {doing}: {what}: {said}")).hint(hint),
        )
    };
    match word {
        "NOPERM" => refused(
            "the account has no right to",
            format!(
                "let it with ACL SETUSER {account}: docs/PLANTING.md lists the commands, and the keys are those of the target"
            ),
        ),
        "NOAUTH" | "WRONGPASS" => refused(
            "the login is refused",
            "put user and password into the address, or the password into REDISCLI_AUTH".to_owned(),
        ),
        "READONLY" => refused(
            "this is a replica",
            "plant at its master: what stands there comes here by itself".to_owned(),
        ),
        "MOVED" | "ASK" | "CROSSSLOT" | "TRYAGAIN" | "CLUSTERDOWN" => refused(
            "the cluster keeps this key elsewhere",
            "name the node that the message names, or a key with --key whose slot is here"
                .to_owned(),
        ),
        "OOM" => refused(
            "it is full",
            "raise maxmemory, or choose another server".to_owned(),
        ),
        _ => PlantError::Database {
            place: place.to_owned(),
            doing,
            source: Box::new(Said(said.to_owned())),
        },
    }
}

impl Server {
    /// Connects, logs in, and chooses the database.
    pub(super) fn open(address: &Address) -> Result<Self, PlantError> {
        let place = address.place();
        let failed = |source: Said| PlantError::Database {
            place: place.clone(),
            doing: "connect to the server",
            source: Box::new(source),
        };
        let client = address.door(Client::connect)?.map_err(failed)?;
        let account = if address.user.is_empty() {
            "default"
        } else {
            &address.user
        };
        let mut server = Self {
            client,
            place: place.clone(),
            account: account.to_owned(),
        };
        if let Some(password) = address.password() {
            let mut words = vec!["AUTH", &address.user, &password];
            words.retain(|word| !word.is_empty());
            server.ask("log in", &words)?;
        }
        let number = address.database.to_string();
        if number == "0" {
            server.ask("ask anything", &["PING"])?;
        } else {
            server.ask("choose the database", &["SELECT", &number])?;
        }
        Ok(server)
    }

    pub(super) fn refusal(&self, doing: &'static str, said: &str) -> PlantError {
        refusal(&self.place, &self.account, doing, said)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(Said) -> PlantError + use<> {
        let place = self.place.clone();
        move |source| PlantError::Database {
            place: place.clone(),
            doing,
            source: Box::new(source),
        }
    }

    /// Asks; an error of the server's is one of ours.
    pub(super) fn ask(&mut self, doing: &'static str, words: &[&str]) -> Result<Reply, PlantError> {
        match self.client.ask(words).map_err(self.failed(doing))? {
            Reply::Error(said) => Err(self.refusal(doing, &said)),
            reply => Ok(reply),
        }
    }

    /// Asks; an error of the server's is no answer.
    pub(super) fn try_ask(&mut self, words: &[&str]) -> Option<Reply> {
        let reply = self.client.ask(words).ok()?;
        (!matches!(reply, Reply::Error(_))).then_some(reply)
    }

    fn ask_all(
        &mut self,
        doing: &'static str,
        commands: &[Vec<&str>],
    ) -> Result<Vec<Reply>, PlantError> {
        self.client.ask_all(commands).map_err(self.failed(doing))
    }

    /// The commands of a transaction as the server takes them before it runs any: rights, slots, room and
    /// replication are judged there. Nothing is run.
    pub(super) fn rehearse(
        &mut self,
        doing: &'static str,
        commands: &[Vec<&str>],
    ) -> Result<(), PlantError> {
        self.ask(doing, &["MULTI"])?;
        let replies = self.ask_all(doing, commands)?;
        self.client.ask(&["DISCARD"]).map_err(self.failed(doing))?;
        let error = replies.into_iter().find_map(|reply| match reply {
            Reply::Error(said) => Some(said),
            _ => None,
        });
        error.map_or(Ok(()), |said| Err(self.refusal(doing, &said)))
    }

    /// Runs commands in one transaction; `false` if somebody has changed what was watched.
    pub(super) fn run(
        &mut self,
        doing: &'static str,
        commands: &[Vec<&str>],
    ) -> Result<bool, PlantError> {
        self.ask(doing, &["MULTI"])?;
        for reply in self.ask_all(doing, commands)? {
            if let Reply::Error(said) = reply {
                self.client.ask(&["DISCARD"]).map_err(self.failed(doing))?;
                return Err(self.refusal(doing, &said));
            }
        }
        let Some(replies) = self.ask(doing, &["EXEC"])?.list() else {
            return Ok(false);
        };
        for reply in replies {
            if let Reply::Error(said) = reply {
                return Err(self.refusal(doing, &said));
            }
        }
        Ok(true)
    }

    /// Names of keys that match, without doubles.
    pub(super) fn names(&mut self, glob: Option<&str>) -> Result<Names, PlantError> {
        let doing = "look at the names of keys";
        let (mut keys, mut seen) = (Vec::new(), HashSet::new());
        let mut cursor = "0".to_owned();
        for _ in 0..STEPS {
            let mut words = vec!["SCAN", &cursor, "COUNT", STEP];
            if let Some(glob) = glob {
                words.extend(["MATCH", glob]);
            }
            let pair = self.ask(doing, &words)?.list().unwrap_or_default();
            let mut pair = pair.into_iter();
            let next = pair.next().and_then(Reply::text);
            let found = pair.next().and_then(Reply::list);
            let (Some(next), Some(found)) = (next, found) else {
                let said = Said("its answer to SCAN has another form".to_owned());
                return Err(self.failed(doing)(said));
            };
            for key in found.into_iter().filter_map(Reply::text) {
                if keys.len() < NAMES && seen.insert(key.clone()) {
                    keys.push(key);
                }
            }
            if next == "0" {
                return Ok(Names {
                    all: keys.len() < NAMES,
                    keys,
                });
            }
            cursor = next;
        }
        Ok(Names { keys, all: false })
    }

    /// Types of keys: `none`, `string`, `hash`, `set`...; empty for one that the account may not read.
    pub(super) fn types(&mut self, keys: &[&str]) -> Result<Vec<String>, PlantError> {
        let commands: Vec<Vec<&str>> = keys.iter().map(|key| vec!["TYPE", key]).collect();
        let replies = self.ask_all("look at a key's type", &commands)?;
        let texts = replies
            .into_iter()
            .map(|reply| reply.text().unwrap_or_default());
        Ok(texts.collect())
    }

    /// Reads keys that last.
    pub(super) fn read(&mut self, keys: &[&str]) -> Result<Read, PlantError> {
        let mut read = Read::default();
        let mut looked_at = 0;
        for some in keys.chunks(64) {
            if looked_at > LOOKED_AT {
                break;
            }
            let times: Vec<Vec<&str>> = some.iter().map(|key| vec!["PTTL", key]).collect();
            let times = self.ask_all("look at how long a key lasts", &times)?;
            let looks = self.look(some)?;
            for (look, time) in looks.into_iter().zip(times) {
                if let Reply::Error(said) = time {
                    read.denied = Some(said);
                    continue;
                }
                match (look, time.integer()) {
                    (Look::Missing, _) => {}
                    (Look::Denied(said), _) => read.denied = Some(said),
                    (_, Some(0..)) => read.expiring += 1,
                    (Look::Held(found), _) => {
                        looked_at += found.text.len();
                        looked_at += found
                            .fields
                            .iter()
                            .map(|leaf| leaf.text.len())
                            .sum::<usize>();
                        read.found.push(found);
                    }
                    (Look::Passed, _) => read.passed += 1,
                }
            }
        }
        Ok(read)
    }

    /// Reads keys, whether they last or not.
    pub(super) fn look<'k>(&mut self, keys: &[&'k str]) -> Result<Vec<Look>, PlantError> {
        let doing = "read a key";
        let types = self.types(keys)?;
        let length = |(key, sort): (&&'k str, &String)| match sort.as_str() {
            "hash" => vec!["HLEN", *key],
            "string" => vec!["STRLEN", *key],
            _ => vec!["TYPE", *key],
        };
        let lengths: Vec<Vec<&str>> = keys.iter().zip(&types).map(length).collect();
        let lengths = self.ask_all(doing, &lengths)?;
        let mut values = Vec::new();
        for ((key, sort), length) in keys.iter().zip(&types).zip(&lengths) {
            let fits = |most: i64| length.integer().is_some_and(|length| length <= most);
            values.push(match sort.as_str() {
                "hash" if fits(i64::try_from(FIELDS).unwrap_or(i64::MAX)) => vec!["HGETALL", key],
                "string" if fits(LONGEST) => vec!["GET", key],
                _ => vec!["TYPE", key],
            });
        }
        let replies = self.ask_all(doing, &values)?;
        let mut looks = Vec::with_capacity(keys.len());
        for (((key, sort), command), reply) in keys.iter().zip(&types).zip(&values).zip(replies) {
            looks.push(match (command[0], reply) {
                (_, Reply::Error(said)) => Look::Denied(said),
                (_, _) if sort == "none" => Look::Missing,
                ("HGETALL", reply) => held(key, hash(reply), String::new()),
                ("GET", reply) => reply.text().map_or(Look::Passed, |text| string(key, text)),
                _ => Look::Passed,
            });
        }
        Ok(looks)
    }

    /// The milliseconds a key lasts, -1 if it does for ever.
    pub(super) fn life(&mut self, key: &str) -> Result<i64, PlantError> {
        let reply = self.ask("look at how long a key lasts", &["PTTL", key])?;
        Ok(reply.integer().unwrap_or(-1))
    }
}

/// Fields and values of a hash; `None` if they are no text.
fn hash(reply: Reply) -> Option<Vec<Leaf>> {
    let items = reply.list()?;
    let texts: Option<Vec<String>> = items.into_iter().map(Reply::text).collect();
    let texts = texts?;
    let pairs = texts.chunks_exact(2);
    Some(pairs.map(|pair| Leaf::plain(&pair[0], &pair[1])).collect())
}

fn held(key: &str, fields: Option<Vec<Leaf>>, text: String) -> Look {
    fields.map_or(Look::Passed, |fields| {
        Look::Held(Found {
            key: key.to_owned(),
            form: Form::Hash,
            fields,
            text,
        })
    })
}

fn string(key: &str, text: String) -> Look {
    let (form, fields) = match leaves(&text) {
        Some(fields) => (Form::Json, fields),
        None => (Form::Plain, vec![Leaf::plain("", &text)]),
    };
    Look::Held(Found {
        key: key.to_owned(),
        form,
        fields,
        text,
    })
}
