//! LDAP: slapd as its package sets it up, with a few people to find once somebody has bound. It is also
//! where a log4shell look-up arrives; no object that a program would load is ever given. (RFC 4511, 4513.)

mod ber;
mod message;

use lapwing_core::Carrier;

use crate::system::System;
use crate::visit::{Account, Act, Ended, Visit};
use message::{Asked, Search};

const SUCCESS: u8 = 0;
const PROTOCOL_ERROR: u8 = 2;
const METHOD_NOT_SUPPORTED: u8 = 7;
const NO_SUCH_OBJECT: u8 = 32;
const INVALID_CREDENTIALS: u8 = 49;
const INSUFFICIENT_ACCESS: u8 = 50;
const UNWILLING: u8 = 53;

const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";

/// Values of one request that are looked up.
const MOST_VALUES: usize = 32;

/// Attributes and their values.
type Entry = Vec<(String, Vec<String>)>;

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let mut session = Session {
        account: None,
        bound: String::new(),
    };
    loop {
        let (start, end) = loop {
            match ber::frame(visit.peek()) {
                Ok(Some((0x30, start, end))) => break (start, end),
                Ok(None) => visit.more().await?,
                // Not LDAP: slapd closes without a word.
                _ => return Ok(()),
            }
        };
        let bytes = visit.exact(end).await?;
        let Some((id, asked)) = message::read(&bytes[start..]) else {
            return Ok(());
        };
        let answer = match &asked {
            Some(asked) => session.answer(visit, id, asked).await,
            None => {
                visit.notice(Vec::new(), session.act("UNKNOWN")).await;
                message::result(0, 0x78, PROTOCOL_ERROR, "", "unrecognized request")
            }
        };
        visit.send(&answer).await?;
        match asked {
            Some(Asked::Unbind) | None => return Ok(()),
            Some(Asked::Extended { oid: START_TLS }) if can_secure(visit) => visit.secure().await?,
            Some(_) => {}
        }
    }
}

fn can_secure(visit: &Visit) -> bool {
    visit.station().tls.is_set() && !visit.is_secure()
}

struct Session {
    account: Option<Account>,
    /// Whose name it was bound under.
    bound: String,
}

impl Session {
    fn act(&self, method: &str) -> Act {
        Act {
            protocol: "ldap/3".to_owned(),
            method: method.to_owned(),
            target: self.bound.clone(),
            decoy: self.account.as_ref().map(|own| own.decoy(true, method, 0)),
            ..Act::default()
        }
    }

    /// Records a request; gives what is answered.
    async fn answer(&mut self, visit: &mut Visit, id: i64, asked: &Asked<'_>) -> Vec<u8> {
        match asked {
            Asked::Bind {
                version,
                name,
                password,
                mechanism,
            } => {
                let code = self.bind(visit, *version, name, *password, mechanism).await;
                message::result(id, 0x61, code, "", words(code))
            }
            Asked::Search(search) => self.search(visit, id, search).await,
            Asked::Extended { oid } => {
                let act = self.act("EXTENDED");
                // Passwords to be changed come in it.
                let found = visit.recognise_taken();
                visit.notice(found, act).await;
                match *oid {
                    START_TLS if can_secure(visit) => message::result(id, 0x78, SUCCESS, "", ""),
                    WHO_AM_I => {
                        let name = if self.bound.is_empty() {
                            String::new()
                        } else {
                            format!("dn:{}", self.bound)
                        };
                        let body = [
                            ber::element(0x0a, &[SUCCESS]),
                            ber::element(4, b""),
                            ber::element(4, b""),
                            ber::element(0x8b, name.as_bytes()),
                        ];
                        message::message(id, 0x78, &body.concat())
                    }
                    _ => message::result(
                        id,
                        0x78,
                        PROTOCOL_ERROR,
                        "",
                        "unsupported extended operation",
                    ),
                }
            }
            Asked::Compare { name } => {
                self.about(visit, "COMPARE", name).await;
                message::result(id, 0x6f, NO_SUCH_OBJECT, "", "")
            }
            Asked::Change { name, answer, verb } => {
                self.about(visit, verb, name).await;
                let code = if self.account.is_some() {
                    INSUFFICIENT_ACCESS
                } else {
                    UNWILLING
                };
                let words = match code {
                    INSUFFICIENT_ACCESS => "no write access to parent",
                    _ => "authentication required",
                };
                message::result(id, *answer, code, "", words)
            }
            Asked::Unbind | Asked::Abandon => {
                // Nothing is said to these.
                Vec::new()
            }
        }
    }

    /// Records a request about an entry.
    async fn about(&self, visit: &mut Visit, method: &str, name: &[u8]) {
        let mut act = self.act(method);
        act.capture("ldap.name", String::from_utf8_lossy(name));
        let mut found = visit.recognise(&[(Carrier::Name, name)]);
        found.extend(visit.recognise_taken());
        visit.notice(found, act).await;
    }

    async fn bind(
        &mut self,
        visit: &mut Visit,
        version: i64,
        name: &[u8],
        password: Option<&[u8]>,
        mechanism: &[u8],
    ) -> u8 {
        (self.account, self.bound) = (None, String::new());
        visit.remember(&[]);
        let secret = password.unwrap_or_default();
        let found = visit.recognise(&[(Carrier::User, name), (Carrier::Password, secret)]);
        let account = visit.account(&found);
        let text = String::from_utf8_lossy(name).into_owned();
        let mut act = self.act("BIND");
        act.capture("login.user", text.clone());
        if !mechanism.is_empty() {
            act.about.push((
                "mechanism".to_owned(),
                String::from_utf8_lossy(mechanism).into_owned(),
            ));
        }
        let mut code = match password {
            _ if version != 3 => PROTOCOL_ERROR,
            None => METHOD_NOT_SUPPORTED,
            Some(b"") if name.is_empty() => SUCCESS,
            // RFC 4513, 5.1.2.
            Some(b"") => UNWILLING,
            Some(_) => INVALID_CREDENTIALS,
        };
        if let Some(account) = account.filter(|_| !secret.is_empty()) {
            let right = same_name(account.user.as_deref().unwrap_or_default(), &text)
                && account.knows(secret);
            act.decoy = Some(account.decoy(right, "BIND", 0));
            if version == 3 && right && account.opens(secret) {
                code = SUCCESS;
                (self.account, self.bound) = (Some(account), text);
                visit.remember(&found);
            }
        }
        visit.notice(found, act).await;
        code
    }

    async fn search(&self, visit: &mut Visit, id: i64, search: &Search<'_>) -> Vec<u8> {
        let mut act = self.act("SEARCH");
        let base = String::from_utf8_lossy(search.base).into_owned();
        act.capture("ldap.base", base.clone());
        act.capture("ldap.filter", search.filter.text());
        let mut parts = vec![(Carrier::Name, search.base)];
        let values = search.filter.values();
        parts.extend(
            values
                .iter()
                .take(MOST_VALUES)
                .map(|value| (Carrier::Message, *value)),
        );
        let found = visit.recognise(&parts);
        visit.notice(found, act).await;
        let own = self
            .account
            .as_ref()
            .and_then(|account| account.user.as_deref());
        let suffix = own.and_then(suffix);
        let (code, entries) = if base.is_empty() && search.scope == 0 {
            (SUCCESS, vec![(String::new(), root(suffix))])
        } else if let Some(suffix) = suffix.filter(|suffix| is_under(&base, suffix)) {
            (
                SUCCESS,
                people(&visit.station().system, suffix, own.unwrap_or_default()),
            )
        } else {
            (NO_SUCH_OBJECT, Vec::new())
        };
        let mut out = Vec::new();
        let limit = usize::try_from(search.limit)
            .ok()
            .filter(|limit| *limit > 0);
        let matching = entries.iter().filter(|(name, entry)| {
            in_scope(name, &base, search.scope) && search.filter.matches(entry)
        });
        for (name, entry) in matching.take(limit.unwrap_or(usize::MAX)) {
            out.extend(message::entry(id, name, entry, &search.attributes));
        }
        out.extend(message::result(id, 0x65, code, "", ""));
        out
    }
}

fn words(code: u8) -> &'static str {
    match code {
        PROTOCOL_ERROR => "requested protocol version not allowed",
        METHOD_NOT_SUPPORTED => "SASL(-4): no mechanism available: ",
        UNWILLING => "unauthenticated bind (DN with no password) disallowed",
        _ => "",
    }
}

/// A name in one form: no blanks around its parts, lower case.
fn normal(name: &str) -> String {
    let parts = name.split(',').map(|part| {
        let (kind, value) = part.split_once('=').unwrap_or((part, ""));
        format!("{}={}", kind.trim(), value.trim())
    });
    parts.collect::<Vec<_>>().join(",").to_ascii_lowercase()
}

fn same_name(own: &str, other: &str) -> bool {
    normal(own) == normal(other)
}

/// `dc=corp,dc=internal` of a name below it.
fn suffix(name: &str) -> Option<&str> {
    let at = name.find("dc=")?;
    Some(&name[at..])
}

fn is_under(name: &str, suffix: &str) -> bool {
    let (name, suffix) = (normal(name), normal(suffix));
    name == suffix
        || name
            .strip_suffix(&suffix)
            .is_some_and(|rest| rest.ends_with(','))
}

/// Whether an entry is in a search's scope: 0 the base, 1 right below it, else anywhere below.
fn in_scope(name: &str, base: &str, scope: i64) -> bool {
    let depth = |name: &str| {
        if name.is_empty() {
            0
        } else {
            name.split(',').count()
        }
    };
    match scope {
        0 => same_name(name, base),
        1 => is_under(name, base) && depth(name) == depth(base) + 1,
        _ => is_under(name, base),
    }
}

fn attribute(name: &str, values: &[&str]) -> (String, Vec<String>) {
    (
        name.to_owned(),
        values.iter().map(|value| (*value).to_owned()).collect(),
    )
}

/// The entry that says what a server can.
fn root(suffix: Option<&str>) -> Entry {
    let mut entry = vec![
        attribute("objectClass", &["top", "OpenLDAProotDSE"]),
        attribute("supportedLDAPVersion", &["3"]),
        attribute(
            "supportedExtension",
            &[
                "1.3.6.1.4.1.1466.20037",
                "1.3.6.1.4.1.4203.1.11.1",
                "1.3.6.1.4.1.4203.1.11.3",
                "1.3.6.1.1.8",
            ],
        ),
        attribute(
            "supportedControl",
            &[
                "2.16.840.1.113730.3.4.18",
                "2.16.840.1.113730.3.4.2",
                "1.2.840.113556.1.4.319",
                "1.3.6.1.1.12",
            ],
        ),
        attribute("supportedSASLMechanisms", &["DIGEST-MD5", "CRAM-MD5"]),
        attribute("subschemaSubentry", &["cn=Subschema"]),
    ];
    if let Some(suffix) = suffix {
        entry.push(attribute("namingContexts", &[suffix]));
    }
    entry
}

/// Who is in the directory: the domain, its units, the account itself and a few service accounts.
fn people(system: &System, suffix: &str, own: &str) -> Vec<(String, Entry)> {
    let domain = suffix
        .trim_start_matches("dc=")
        .split(',')
        .next()
        .unwrap_or_default();
    let unit = |name: &str| {
        let classes = attribute("objectClass", &["top", "organizationalUnit"]);
        (
            format!("ou={name},{suffix}"),
            vec![classes, attribute("ou", &[name])],
        )
    };
    let account = |name: &str, dn: String| {
        let classes = attribute("objectClass", &["top", "account", "simpleSecurityObject"]);
        (
            dn,
            vec![classes, attribute("cn", &[name]), attribute("uid", &[name])],
        )
    };
    let own_name = own
        .split(',')
        .next()
        .unwrap_or_default()
        .trim_start_matches("cn=");
    let mut all = vec![
        (
            suffix.to_owned(),
            vec![
                attribute("objectClass", &["top", "dcObject", "organization"]),
                attribute("dc", &[domain]),
                attribute("o", &[domain]),
            ],
        ),
        unit("services"),
        unit("groups"),
        account(own_name, own.to_owned()),
    ];
    const SERVICES: &[&str] = &[
        "jenkins", "nagios", "backup", "gitlab", "printer", "wiki", "vpn", "mail",
    ];
    for name in SERVICES {
        if system.number(&format!("ldap {name}"), 0, 2) == 1 {
            all.push(account(name, format!("cn={name},ou=services,{suffix}")));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_names() {
        assert!(same_name("cn=a,dc=b", "CN=A, DC=B"));
        assert!(is_under("ou=x,dc=b,dc=c", "dc=b,dc=c"));
        assert!(!is_under("ou=x,xdc=b,dc=c", "dc=b,dc=c"));
        assert!(in_scope("ou=x,dc=b", "dc=b", 1));
        assert!(!in_scope("cn=y,ou=x,dc=b", "dc=b", 1));
        assert!(in_scope("cn=y,ou=x,dc=b", "dc=b", 2));
        assert_eq!(suffix("cn=a,ou=s,dc=b,dc=c"), Some("dc=b,dc=c"));
    }
}
