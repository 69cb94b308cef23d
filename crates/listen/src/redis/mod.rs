//! Redis: a server that asks for a password, and behind it a few keys. (<https://redis.io/docs/latest/commands/auth/>)

mod keys;
mod wire;

use data_encoding::HEXLOWER;
use lapwing_core::{Carrier, Timestamp};

use crate::system::System;
use crate::visit::{Account, Act, Ended, Visit};
use keys::Keys;
use wire::Reply;

/// Commands with their arity as `COMMAND INFO` has it: below zero, at least so many words.
const COMMANDS: &[(&str, i32)] = &[
    ("ACL", -2),
    ("APPEND", 3),
    ("AUTH", -2),
    ("BGREWRITEAOF", 1),
    ("BGSAVE", -1),
    ("BLPOP", -3),
    ("CLIENT", -2),
    ("CLUSTER", -2),
    ("COMMAND", -1),
    ("CONFIG", -2),
    ("DBSIZE", 1),
    ("DEBUG", -2),
    ("DECR", 2),
    ("DEL", -2),
    ("DUMP", 2),
    ("ECHO", 2),
    ("EVAL", -3),
    ("EVALSHA", -3),
    ("EXEC", 1),
    ("EXISTS", -2),
    ("EXPIRE", -3),
    ("FLUSHALL", -1),
    ("FLUSHDB", -1),
    ("GET", 2),
    ("GETSET", 3),
    ("HELLO", -1),
    ("HGET", 3),
    ("HGETALL", 2),
    ("HKEYS", 2),
    ("HLEN", 2),
    ("HSET", -4),
    ("INCR", 2),
    ("INFO", -1),
    ("KEYS", 2),
    ("LASTSAVE", 1),
    ("LLEN", 2),
    ("LPUSH", -3),
    ("LRANGE", 4),
    ("MEMORY", -2),
    ("MGET", -2),
    ("MODULE", -2),
    ("MONITOR", 1),
    ("MULTI", 1),
    ("PING", -1),
    ("PSETEX", 4),
    ("PSUBSCRIBE", -2),
    ("PTTL", 2),
    ("PUBLISH", 3),
    ("QUIT", -1),
    ("RENAME", 3),
    ("REPLICAOF", 3),
    ("RESTORE", -4),
    ("ROLE", 1),
    ("RPUSH", -3),
    ("SADD", -3),
    ("SAVE", 1),
    ("SCAN", -2),
    ("SCRIPT", -2),
    ("SELECT", 2),
    ("SET", -3),
    ("SETEX", 4),
    ("SETNX", 3),
    ("SHUTDOWN", -1),
    ("SLAVEOF", 3),
    ("SLOWLOG", -2),
    ("SMEMBERS", 2),
    ("STRLEN", 2),
    ("SUBSCRIBE", -2),
    ("TIME", 1),
    ("TTL", 2),
    ("TYPE", 2),
    ("UNLINK", -2),
    ("XADD", -5),
    ("ZADD", -4),
    ("ZRANGE", -4),
];

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let system = visit.station().system.clone();
    let mut session = Session {
        keys: Keys::of(&system),
        system,
        version: 2,
        account: None,
        name: String::new(),
        library: String::new(),
        number: 0,
        now: visit.station().clock.now(),
    };
    loop {
        let command = match wire::command(visit).await? {
            Ok(command) if command.is_empty() => continue,
            Ok(command) => command,
            Err(wrong) => {
                let act = session.act("GARBAGE");
                visit.notice(Vec::new(), act).await;
                return session
                    .send(visit, &Reply::Error(format!("ERR {wrong}")))
                    .await;
            }
        };
        let known =
            |(name, _): &&(&'static str, i32)| command[0].eq_ignore_ascii_case(name.as_bytes());
        let name = COMMANDS
            .iter()
            .find(known)
            .map_or("UNKNOWN", |(name, _)| name);
        let reply = session.answer(visit, name, &command).await;
        session.send(visit, &reply).await?;
        if name == "QUIT" {
            return Ok(());
        }
    }
}

struct Session {
    system: System,
    keys: Keys,
    version: u8,
    /// Who is logged in.
    account: Option<Account>,
    /// What the client calls itself, and its library.
    name: String,
    library: String,
    /// The connection's own, as `CLIENT ID` tells.
    number: i64,
    /// When the command in hand came.
    now: Timestamp,
}

impl Session {
    async fn send(&self, visit: &mut Visit, reply: &Reply) -> Result<(), Ended> {
        let mut out = Vec::new();
        reply.write(self.version, &mut out);
        visit.send(&out).await
    }

    fn act(&self, name: &str) -> Act {
        Act {
            protocol: format!("redis/resp{}", self.version),
            method: name.to_owned(),
            agent: self.library.clone(),
            about: (!self.name.is_empty())
                .then(|| ("client".to_owned(), self.name.clone()))
                .into_iter()
                .collect(),
            traits: self.library.clone(),
            ..Act::default()
        }
    }

    /// Records a command; gives what is then said to it.
    async fn answer(&mut self, visit: &mut Visit, name: &str, command: &[Vec<u8>]) -> Reply {
        self.now = visit.station().clock.now();
        let login = login(name, command);
        let found = match login {
            Some(Login { user, password }) => {
                visit.recognise(&[(Carrier::User, user), (Carrier::Password, password)])
            }
            None => {
                let parts = command.iter().map(|word| (Carrier::Message, &word[..]));
                visit.recognise(&parts.collect::<Vec<_>>())
            }
        };
        let mut decoy = None;
        let reply = match (self.refusal(name, command), login) {
            (Some(refusal), _) => Reply::Error(refusal),
            (None, Some(login)) => {
                let account = visit.account(&found);
                let mut accepted = false;
                if let Some(account) = account {
                    // The one user of a server that has a password and no users.
                    let right = login.user == b"default" && account.knows(login.password);
                    accepted = right && account.opens(login.password);
                    decoy = Some(account.decoy(right, name, 0));
                    if accepted {
                        self.account = Some(account);
                        visit.remember(&found);
                    }
                }
                self.logged_in(accepted, name, command)
            }
            (None, None) => self.obey(name, command),
        };
        let mut act = self.act(name);
        match login {
            Some(login) => act.capture("login.user", String::from_utf8_lossy(login.user)),
            None => {
                act.capture("redis.command", shown(name, command));
            }
        }
        let own = || Some(self.account.as_ref()?.decoy(true, name, 0));
        act.decoy = decoy.or_else(own);
        visit.notice(found, act).await;
        reply
    }

    /// Why Redis does not look at a command at all.
    fn refusal(&self, name: &str, command: &[Vec<u8>]) -> Option<String> {
        let Some((_, arity)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
            return Some(self.unknown(command));
        };
        let words = i32::try_from(command.len()).unwrap_or(i32::MAX);
        if words < arity.abs() || *arity > 0 && words != *arity {
            let name = name.to_ascii_lowercase();
            return Some(format!(
                "ERR wrong number of arguments for '{name}' command"
            ));
        }
        let open = matches!(name, "AUTH" | "HELLO" | "QUIT");
        (self.account.is_none() && !open).then(|| "NOAUTH Authentication required.".to_owned())
    }

    fn unknown(&self, command: &[Vec<u8>]) -> String {
        let text = |word: &[u8]| String::from_utf8_lossy(&word[..word.len().min(128)]).into_owned();
        let name = text(&command[0]);
        let (before, after) = if self.system.release.redis.starts_with("6.") {
            ('`', ", ")
        } else {
            ('\'', " ")
        };
        let end = if before == '`' { '`' } else { '\'' };
        let mut arguments = String::new();
        for word in &command[1..] {
            if arguments.len() >= 128 {
                break;
            }
            arguments += &format!("{before}{}{end}{after}", text(word));
        }
        format!("ERR unknown command {before}{name}{end}, with args beginning with: {arguments}")
    }

    /// What is said to a login, or to `HELLO` that carries one.
    fn logged_in(&mut self, accepted: bool, name: &str, command: &[Vec<u8>]) -> Reply {
        if !accepted {
            let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
            return Reply::Error(wrong.to_owned());
        }
        match name {
            "HELLO" => self.hello(command),
            _ => Reply::Simple("OK"),
        }
    }

    /// <https://redis.io/docs/latest/commands/hello/>
    fn hello(&mut self, command: &[Vec<u8>]) -> Reply {
        match command.get(1).map(Vec::as_slice) {
            None => {}
            Some(b"2") => self.version = 2,
            Some(b"3") => self.version = 3,
            Some(_) => return Reply::Error("NOPROTO unsupported protocol version".to_owned()),
        }
        if self.account.is_none() {
            self.version = 2;
            let wrong = "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
                         HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
                         select the RESP protocol version at the same time";
            return Reply::Error(wrong.to_owned());
        }
        if let Some(at) = command
            .iter()
            .position(|it| it.eq_ignore_ascii_case(b"setname"))
            && let Some(name) = command.get(at + 1)
        {
            self.name = String::from_utf8_lossy(name).into_owned();
        }
        let text = |name: &str, value: &str| (Reply::text(name), Reply::text(value));
        Reply::Map(vec![
            text("server", "redis"),
            text("version", self.system.release.redis),
            (Reply::text("proto"), Reply::Number(self.version.into())),
            (Reply::text("id"), Reply::Number(self.id())),
            text("mode", "standalone"),
            text("role", "master"),
            (Reply::text("modules"), Reply::List(Vec::new())),
        ])
    }

    fn id(&mut self) -> i64 {
        if self.number == 0 {
            self.number = rand::random_range(400..90_000);
        }
        self.number
    }

    /// What a command of somebody who is logged in gives. Nothing of it is done.
    fn obey(&mut self, name: &str, command: &[Vec<u8>]) -> Reply {
        let arguments = &command[1..];
        if let Some(reply) = self.keys.answer(name, arguments) {
            return reply;
        }
        let first = arguments.first().map(|word| word.to_ascii_uppercase());
        let first = first.as_deref().unwrap_or_default();
        match (name, first) {
            ("PING", b"") => Reply::Simple("PONG"),
            ("PING" | "ECHO", _) => Reply::Bulk(arguments[0].clone()),
            ("HELLO", _) => self.hello(command),
            ("INFO", section) => Reply::text(&self.info(section)),
            ("CLIENT", b"SETNAME") => {
                self.name = word(arguments.get(1));
                Reply::Simple("OK")
            }
            ("CLIENT", b"SETINFO") => {
                // `lib-name` and `lib-ver`.
                let joint = if self.library.is_empty() { "" } else { " " };
                self.library += &format!("{joint}{}", word(arguments.get(2)));
                let end = self.library.floor_char_boundary(200);
                self.library.truncate(end);
                Reply::Simple("OK")
            }
            ("CLIENT", b"GETNAME") if self.name.is_empty() => Reply::Null,
            ("CLIENT", b"GETNAME") => Reply::text(&self.name),
            ("CLIENT", b"ID") => Reply::Number(self.id()),
            ("CONFIG", b"GET") => Reply::Map(self.config(&word(arguments.get(1)))),
            ("COMMAND", b"COUNT") => Reply::Number(self.system.number("commands", 240, 241) as i64),
            ("COMMAND", b"DOCS") => Reply::Map(Vec::new()),
            ("TIME", _) => {
                let micros = self.micros();
                let time = [micros / 1_000_000, micros % 1_000_000];
                Reply::List(time.map(|it| Reply::text(&it.to_string())).into())
            }
            ("ROLE", _) => Reply::List(vec![
                Reply::text("master"),
                Reply::Number(0),
                Reply::List(Vec::new()),
            ]),
            ("LASTSAVE", _) => Reply::Number((self.micros() / 1_000_000 - 417) as i64),
            ("BGSAVE", _) => Reply::Simple("Background saving started"),
            ("EVAL" | "EVALSHA" | "BLPOP" | "HGET", _) => Reply::Null,
            (
                "PUBLISH" | "LPUSH" | "RPUSH" | "SADD" | "HSET" | "INCR" | "DECR" | "EXPIRE"
                | "HLEN",
                _,
            ) => Reply::Number(1),
            (
                "COMMAND" | "MODULE" | "SLOWLOG" | "CLUSTER" | "SMEMBERS" | "HKEYS" | "ZRANGE"
                | "SUBSCRIBE" | "PSUBSCRIBE" | "MEMORY" | "ACL",
                _,
            ) => Reply::List(Vec::new()),
            ("EXEC", _) => Reply::Error("ERR EXEC without MULTI".to_owned()),
            ("DEBUG" | "DUMP" | "RESTORE" | "RENAME", _) => {
                Reply::Error("ERR no such key".to_owned())
            }
            _ => Reply::Simple("OK"),
        }
    }

    /// <https://redis.io/docs/latest/commands/info/>
    fn info(&self, section: &[u8]) -> String {
        let system = &self.system;
        let up = self.up();
        let mut out = String::new();
        let sections = [
            (
                "Server",
                format!(
                    "redis_version:{}\r\nredis_mode:standalone\r\nos:Linux {} x86_64\r\narch_bits:64\r\n\
                     multiplexing_api:epoll\r\nprocess_id:{}\r\nrun_id:{}\r\ntcp_port:6379\r\n\
                     uptime_in_seconds:{up}\r\nuptime_in_days:{}\r\nhz:10\r\n\
                     executable:/usr/bin/redis-server\r\nconfig_file:/etc/redis/redis.conf\r\n",
                    system.release.redis,
                    system.release.kernel,
                    system.number("redis pid", 600, 1400),
                    HEXLOWER.encode(&system.bytes("redis run")[..20]),
                    up / 86_400,
                ),
            ),
            (
                "Clients",
                "connected_clients:1\r\nblocked_clients:0\r\n".to_owned(),
            ),
            (
                "Memory",
                "used_memory:884624\r\nused_memory_human:863.89K\r\nmaxmemory:0\r\n\
                 maxmemory_policy:noeviction\r\nmem_allocator:jemalloc-5.2.1\r\n"
                    .to_owned(),
            ),
            (
                "Replication",
                "role:master\r\nconnected_slaves:0\r\n".to_owned(),
            ),
            (
                "Keyspace",
                format!("db0:keys={},expires=0,avg_ttl=0\r\n", self.keys.len()),
            ),
        ];
        for (name, text) in sections {
            let all = matches!(section, b"" | b"ALL" | b"DEFAULT" | b"EVERYTHING");
            if all || section.eq_ignore_ascii_case(name.as_bytes()) {
                let joint = if out.is_empty() { "" } else { "\r\n" };
                out += &format!("{joint}# {name}\r\n{text}");
            }
        }
        out
    }

    /// Seconds since it was started: some weeks, at a moment that stays.
    fn up(&self) -> u64 {
        let period = 60 * 86_400;
        let offset = self.system.number("redis start", 0, period);
        3600 + (self.micros() / 1_000_000 + offset) % period
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.now.micros()).unwrap_or_default()
    }

    fn config(&self, pattern: &str) -> Vec<(Reply, Reply)> {
        let known = [
            ("dir", "/var/lib/redis"),
            ("dbfilename", "dump.rdb"),
            ("databases", "16"),
            ("maxmemory", "0"),
            ("appendonly", "no"),
            ("save", "3600 1 300 100 60 10000"),
            ("requirepass", self.password()),
        ];
        let asked = pattern.to_ascii_lowercase();
        (known.into_iter())
            .filter(|(name, _)| keys::matches(asked.as_bytes(), name.as_bytes()))
            .map(|(name, value)| (Reply::text(name), Reply::text(value)))
            .collect()
    }

    /// What whoever is logged in has sent already.
    fn password(&self) -> &str {
        let account = self.account.as_ref();
        account
            .and_then(|own| own.password.as_deref())
            .unwrap_or_default()
    }
}

/// A command as it is kept, without what may be a password.
fn shown(name: &str, command: &[Vec<u8>]) -> String {
    let secret = |(at, word): (usize, &Vec<u8>)| {
        let hidden = match name {
            "AUTH" => at >= 1,
            "HELLO" => at >= 3,
            "CONFIG" | "ACL" => at >= 3,
            _ => false,
        };
        if hidden {
            "...".to_owned()
        } else {
            String::from_utf8_lossy(word).into_owned()
        }
    };
    let words: Vec<_> = command.iter().enumerate().map(secret).collect();
    words.join(" ")
}

fn word(bytes: Option<&Vec<u8>>) -> String {
    bytes
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .unwrap_or_default()
}

/// User and password of a command that logs in.
#[derive(Clone, Copy)]
struct Login<'a> {
    user: &'a [u8],
    password: &'a [u8],
}

fn login<'a>(name: &str, command: &'a [Vec<u8>]) -> Option<Login<'a>> {
    let (user, password) = match (name, command) {
        ("AUTH", [_, password]) => (&b"default"[..], password),
        ("AUTH", [_, user, password]) => (&user[..], password),
        ("HELLO", [_, _, rest @ ..]) => {
            let mut at = 0;
            while rest.get(at)?.eq_ignore_ascii_case(b"setname") {
                at += 2;
            }
            if !rest[at].eq_ignore_ascii_case(b"auth") {
                return None;
            }
            (&rest.get(at + 1)?[..], rest.get(at + 2)?)
        }
        _ => return None,
    };
    Some(Login { user, password })
}
