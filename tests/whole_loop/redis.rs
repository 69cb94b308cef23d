//! Keys of Redis, in populations loaded by its own client: planted as neighbours are, found again, used,
//! and taken out so that every key is stored as before.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapwing_tests::{Home, Ran, finish, get, trips, within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::bait::{CURL, home};

const READY: Duration = Duration::from_secs(30);
/// Every key, what it holds as the server stores it, and whether it expires.
const WHOLE: &str = "local all, cursor = {}, '0' repeat \
    local page = redis.call('SCAN', cursor, 'COUNT', 1000) cursor = page[1] \
    for _, key in ipairs(page[2]) do all[key] = redis.sha1hex(redis.call('DUMP', key)) .. (redis.call('PTTL', key) < 0 and ' stays' or ' expires') end \
    until cursor == '0' local out = {} for key, text in pairs(all) do out[#out + 1] = key .. ' ' .. text end table.sort(out) return out";

const GIVEN: [&str; 12] = [
    "Ana", "Bruno", "Carla", "Diego", "Elena", "Fabio", "Greta", "Hugo", "Ines", "Jonas", "Karim",
    "Lena",
];
const FAMILY: [&str; 10] = [
    "Silva", "Moreau", "Keller", "Novak", "Larsen", "Rossi", "Weber", "Costa", "Meyer", "Vidal",
];

/// A running server, reached by a socket in a directory of its own.
struct Redis {
    process: Child,
    root: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(process, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

impl Redis {
    fn start(settings: &[&str]) -> Self {
        let root = tempfile::Builder::new().prefix("kv-").tempdir().unwrap();
        let socket = root.path().join("socket");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(root.path())
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Redis starts");
        let server = Self { process, root };
        within(READY, "Redis answers", || {
            let said = finish(server.client().arg("PING"));
            (said.stdout.contains("PONG") || said.stdout.contains("NOAUTH")).then_some(())
        });
        server
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("socket")
    }

    fn client(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.socket());
        command
    }

    fn ask(&self, words: &[&str]) -> String {
        let ran = finish(self.client().args(words));
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        ran.stdout.trim().to_owned()
    }

    /// Loads commands, one a line, as `redis-cli` reads them.
    fn load(&self, commands: &str) {
        let file = self.root.path().join("commands");
        fs::write(&file, commands).unwrap();
        let script = "socket=$1 file=$2; redis-cli -s \"$socket\" < \"$file\"";
        let ran = finish(
            Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(self.socket())
                .arg(file),
        );
        assert!(
            ran.code == 0 && !ran.stdout.contains("ERR"),
            "{}",
            ran.stdout
        );
    }

    fn whole(&self) -> String {
        self.ask(&["EVAL", WHOLE, "0"])
    }

    /// As `lapwing plant` takes it.
    fn target(&self, named: &str) -> String {
        format!(
            "redis://localhost/0?socket={}{named}",
            self.socket().display()
        )
    }
}

/// Subscribers as hashes with counter and list, API keys as JSON, sessions that expire, settings.
fn shop() -> String {
    let mut out = String::new();
    let people = GIVEN
        .iter()
        .flat_map(|given| FAMILY.iter().map(move |family| (given, family)));
    for (at, (given, family)) in people.enumerate() {
        let (id, day) = (at + 1, at % 28 + 1);
        let plan = ["free", "free", "free", "pro"][at * 7 % 4];
        let mail = format!("{given}.{family}@rookery.example").to_lowercase();
        let site = format!(
            "https://{}.example/{:06x}",
            family.to_lowercase(),
            at * 7919 + 40_961
        );
        let month = at / 28 + 1;
        writeln!(
            out,
            "HSET user:{id} id {id} name \"{given} {family}\" email {mail} plan {plan} website {site} created_at 2025-{month:02}-{day:02}T0{}:1{}:2{}Z",
            at % 10, at * 3 % 10, at * 7 % 10
        ).unwrap();
        writeln!(out, "SADD user:ids {id}").unwrap();
        let token = format!(
            "{:016x}{:016x}",
            (at as u64 + 3).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            (at as u64 + 9).wrapping_mul(0xd1b5_4a32_d192_ed03)
        );
        writeln!(
            out,
            r#"SET apikey:{token} '{{"name": "{}-{}", "owner_id": {id}, "callback_url": "https:\\/\\/{}.example\\/cb", "scopes": ["read"], "active": true}}'"#,
            given.to_lowercase(), at % 9, family.to_lowercase()
        ).unwrap();
        writeln!(out, "SET session:{token} '{{\"user\": {id}}}' EX 86400").unwrap();
    }
    out.push_str("SET user:next_id 120\nHSET integration:mailer host smtp.rookery.example token q7\nHSET integration:maps key w8 url https://maps.example\n");
    out
}

/// A shop of another make: spaced names with dots, members by UUID within a namespace, in nested JSON.
fn club() -> String {
    let mut out = String::new();
    let people = GIVEN
        .iter()
        .flat_map(|given| FAMILY.iter().map(move |family| (given, family)));
    for (at, (given, family)) in people.enumerate() {
        let seed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let uuid = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            seed >> 32,
            seed & 0xffff,
            seed >> 20 & 0xfff,
            seed >> 8 & 0xfff,
            seed >> 16
        );
        let mail = format!(
            "{}{}{}@posta.example",
            given.to_lowercase(),
            family.to_lowercase(),
            at % 90 + 10
        );
        writeln!(
            out,
            r#"SET club.member.{uuid}.card '{{"uuid":"{uuid}","profile":{{"firstName":"{given}","lastName":"{family}","email":"{mail}"}},"visits":{},"since":{}}}'"#,
            at * 13 % 57, 1_700_000_000 + at * 86_011
        ).unwrap();
        writeln!(
            out,
            "HSET club.login.{}_{} member {uuid} tries {}",
            given.to_lowercase(),
            family.to_lowercase(),
            at % 3
        )
        .unwrap();
    }
    out.push_str("SET club.config.smtp '{\"host\":\"mx\",\"password\":\"p\"}'\nSET club.config.maps '{\"apiKey\":\"k\"}'\n");
    out
}

fn conditions(home: &Home) -> Vec<String> {
    let checked: Value = serde_json::from_str(&home.run(&["check", "--json"]).stdout).unwrap();
    let rows = checked.as_array().unwrap().iter();
    rows.map(|row| row["condition"].as_str().unwrap().to_owned())
        .collect()
}

/// The value of a field in a planted hash.
fn field(server: &Redis, key: &str, name: &str) -> String {
    server.ask(&["HGET", key, name])
}

#[test]
fn keys_come_trip_and_go() {
    let (home, server) = (home(), Redis::start(&[]));
    server.load(&shop());
    let before = server.whole();
    let (users, keys, own) = (
        server.target("&table=user:*"),
        server.target("&table=apikey:*"),
        server.target(""),
    );
    let shown = home.ok(&["plant", "person", &users, "--dry-run"]);
    assert!(
        shown.contains("HSET user:121 with 6 fields") && shown.contains("SADD user:ids 121"),
        "{shown}"
    );
    assert_eq!(server.whole(), before, "a rehearsal leaves nothing");
    home.ok(&["plant", "person", &users, "--count", "3", "--yes"]);
    home.ok(&["plant", "api-client", &keys, "--yes"]);
    home.ok(&["plant", "twilio", &own, "--yes"]);
    assert_eq!(conditions(&home), ["unchanged"; 5]);
    assert_eq!(server.ask(&["GET", "user:next_id"]), "123");
    assert_eq!(server.ask(&["SISMEMBER", "user:ids", "122"]), "1");
    let person = server.ask(&["HGETALL", "user:122"]);
    // A long link changes how the server stores a hash, and with it the order in which it is shown.
    let mut names: Vec<&str> = person.lines().step_by(2).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["created_at", "email", "id", "name", "plan", "website"]
    );
    assert!(field(&server, "user:122", "created_at") > field(&server, "user:1", "created_at"));
    assert_eq!(field(&server, "user:122", "id"), "122");
    let said = home.ok(&["exclude", &users]);
    assert!(
        said.contains(r#"key not in ["user:121", "user:122", "user:123"]"#),
        "{said}"
    );
    // A client's secret names its key, as those of its neighbours do; slashes are escaped like theirs.
    let client = server.ask(&["EVAL", "for _, k in ipairs(redis.call('KEYS', 'apikey:*')) do local v = redis.call('GET', k) if v:find('example.org', 1, true) then return {k, v} end end", "0"]);
    let (key, text) = client.split_once('\n').unwrap();
    assert!(
        key.len() > 20
            && text.contains(r#""callback_url": "http:\/\/"#)
            && text.contains(r#""scopes": ["read"]"#),
        "{client}"
    );
    // What an intruder reads is used, and trips.
    let station = home.listen(&[]);
    let site = field(&server, "user:122", "website");
    let (host, path) = site
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    get(station.address(), host, &format!("/{path}"), &[CURL]);
    let secret = key.strip_prefix("apikey:").unwrap();
    assert!(
        secret.len() == 32
            && secret
                .bytes()
                .all(|byte| b"0123456789abcdef".contains(&byte)),
        "{secret}"
    );
    get(
        station.address(),
        "api.example.org",
        &format!("/?key={secret}"),
        &[CURL],
    );
    let tripped = trips(&home, 2);
    assert_eq!(tripped.len(), 2);
    drop(station);
    for target in [&own, &keys, &users] {
        home.ok(&["uproot", target, "--yes"]);
    }
    assert_eq!(server.whole(), before, "every key is as it was");
}

#[test]
fn another_population_is_met_as_well() {
    let (home, server) = (home(), Redis::start(&[]));
    server.load(&club());
    let before = server.whole();
    let cards = server.target("&table=club.member.*.card");
    let logins = server.target("&table=club.login.*");
    let shown = home.ok(&["plant", "person", &cards, "--dry-run", "--show"]);
    assert!(
        shown.contains("profile.firstName") && shown.contains("club.member."),
        "{shown}"
    );
    home.ok(&["plant", "person", &cards, "--yes"]);
    home.ok(&["plant", "person", &cards, "--yes"]);
    let ran = home.run(&["plant", "person", &logins, "--yes"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("no column"),
        "{}",
        ran.stderr
    );
    // A credential stands beside the settings, in their form and letters.
    home.ok(&[
        "plant",
        "vonage-api-key",
        &server.target(""),
        "--role",
        "standby",
        "--yes",
    ]);
    let text = server.ask(&["GET", "club.config.vonage_standby"]);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert!(
        read["apiKey"].is_string() && read["apiSecret"].is_string(),
        "{text}"
    );
    let rotated = server.target("");
    home.ok(&["rotate", &rotated, "--yes"]);
    let after: Value =
        serde_json::from_str(&server.ask(&["GET", "club.config.vonage_standby"])).unwrap();
    assert!(
        after["apiKey"] != read["apiKey"] && after["apiKey"].is_string(),
        "{after}"
    );
    assert_eq!(conditions(&home), ["unchanged"; 3]);
    let said = home.json(&["recommend", &server.target("")]);
    let proposed = said["proposals"].to_string();
    assert!(proposed.contains("club.member.*.card"), "{said}");
    home.ok(&["uproot", &rotated, "--yes"]);
    home.ok(&["uproot", &cards, "--yes"]);
    assert_eq!(server.whole(), before);
}

#[test]
fn what_others_have_done_is_seen_and_left() {
    let (home, server) = (home(), Redis::start(&[]));
    server.load(&shop());
    let users = server.target("&table=user:*");
    home.ok(&["plant", "person", &users, "--count", "4", "--yes"]);
    server.ask(&["HSET", "user:121", "plan", "gold"]);
    server.ask(&["EXPIRE", "user:122", "9000"]);
    server.ask(&["HSET", "user:123", "email", "x@x.example"]);
    server.ask(&["DEL", "user:124"]);
    server.ask(&["SREM", "user:ids", "124"]);
    let mut said = conditions(&home);
    said.sort();
    assert_eq!(said, ["changed", "missing", "present", "present"]);
    let ran = home.run(&["uproot", &users, "--yes"]);
    assert!(
        ran.code == 1 && server.ask(&["EXISTS", "user:121", "user:122", "user:123"]) == "3",
        "{}",
        ran.stderr
    );
    // The number of ours that is free again is given to somebody, whose key is not ours.
    server.ask(&[
        "HSET",
        "user:124",
        "id",
        "124",
        "name",
        "Mia Berg",
        "email",
        "mia@rookery.example",
    ]);
    server.ask(&["INCR", "user:next_id"]);
    home.ok(&["uproot", &users, "--force", "--yes"]);
    assert_eq!(
        server.ask(&["EXISTS", "user:121", "user:122", "user:123"]),
        "0"
    );
    assert_eq!(field(&server, "user:124", "name"), "Mia Berg");
    assert_eq!(
        server.ask(&["GET", "user:next_id"]),
        "125",
        "what others count goes on"
    );
}

/// A shop behind a password, with accounts of few rights, and little memory.
fn guarded() -> Redis {
    let server = Redis::start(&[
        "--requirepass",
        PASSWORD,
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "allkeys-lru",
    ]);
    let accounts = [
        "reader on >Hidden-7781 ~* +@read +@connection +info",
        "few on >Hidden-7781 ~session:* +@all",
        "part on >Hidden-7781 ~user:* +@all -@admin -@dangerous",
    ];
    let accounts = accounts.map(|account| format!("ACL SETUSER {account}\n"));
    let script = format!(
        "AUTH {PASSWORD}\nSET superuser 1\n{}{}",
        shop(),
        accounts.concat()
    );
    server.load(&script);
    server
}

const PASSWORD: &str = "Hidden-7781";

impl Redis {
    /// A target under a login.
    fn target_as(&self, login: &str, named: &str) -> String {
        let login = format!("{login}localhost");
        self.target(named).replacen("localhost", &login, 1)
    }
}

#[test]
fn what_could_do_harm_is_refused_and_named() {
    let (home, server) = (home(), guarded());
    let refused = |login: &str, named: &str, part: &str| {
        let target = server.target_as(login, named);
        let Ran { code, stderr, .. } = home.run(&["plant", "person", &target, "--yes"]);
        let said = stderr.contains(part) && stderr.contains("hint:");
        assert!(code == 1 && said, "{part}: {stderr}");
        assert!(!stderr.contains(PASSWORD), "{stderr}");
    };
    let all = ":Hidden-7781@";
    for (login, named, part) in [
        ("", "&table=user:*", "login is refused"),
        (":wrong@", "&table=user:*", "login is refused"),
        (all, "&table=session:*", "expire"),
        (all, "&table=integration:*", "different things"),
        (all, "&table=member:*", "user:*"),
        (all, "", "no group of keys is named"),
        ("reader:Hidden-7781@", "&table=user:*", "NOPERM"),
        ("few:Hidden-7781@", "&table=user:*", "no right"),
    ] {
        refused(login, named, part);
    }
    let named = server.target_as(all, "&key=integration:maps");
    let ran = home.run(&["plant", "twilio", &named, "--yes"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("there already"),
        "{}",
        ran.stderr
    );
    let far = "redis://cache.example.net/0?table=user:*";
    let ran = home.run(&["plant", "person", far, "--yes"]);
    assert!(ran.stderr.contains("ssh -L"), "{}", ran.stderr);
    server.load(&format!("AUTH {PASSWORD}\nREPLICAOF 127.0.0.1 1\n"));
    refused(all, "&table=user:*", "replica");
}

#[test]
fn a_login_is_used_and_forgotten() {
    let (home, server) = (home(), guarded());
    let users = "&table=user:*";
    let ran = home.run(&[
        "plant",
        "person",
        &server.target_as(":Hidden-7781@", users),
        "--yes",
    ]);
    assert!(
        ran.code == 0 && ran.stderr.contains("allkeys-lru"),
        "{}",
        ran.stderr
    );
    // An account that has rights to the group alone.
    let ran = home.run(&[
        "plant",
        "person",
        &server.target_as("part:Hidden-7781@", users),
        "--yes",
    ]);
    assert!(
        ran.code == 0 && ran.stderr.contains("may not ask INFO"),
        "{}",
        ran.stderr
    );
    let places = home.ok(&["places", "--json"]);
    assert!(
        places.contains("table=user:*") && !places.contains(PASSWORD),
        "{places}"
    );
    for login in ["part@", ""] {
        let mut command = home.command(&["uproot", &server.target_as(login, users), "--yes"]);
        let ran = finish(command.env("REDISCLI_AUTH", PASSWORD));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
}

#[test]
fn slots_of_other_nodes_are_refused() {
    let (home, server) = (home(), Redis::start(&["--cluster-enabled", "yes"]));
    // It has no slots at all: every key is elsewhere or nowhere.
    let ran = home.run(&["plant", "twilio", &server.target(""), "--yes"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("cluster"),
        "{}",
        ran.stderr
    );
    assert!(!Path::new(&home.path().join("nodes.conf")).exists());
}
