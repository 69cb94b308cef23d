//! AUTH (RFC 4954): PLAIN, LOGIN and CRAM-MD5, as Postfix passes them on to Dovecot.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lapwing_core::Carrier;
use md5::Md5;

use super::Session;
use crate::station::Recognised;
use crate::visit::{Account, Act, Ended, Visit};

/// Longest line of a client's part (RFC 4954 section 4).
const LONGEST_LINE: usize = 12_288;

/// What a client offers.
struct Offer {
    mechanism: &'static str,
    user: Vec<u8>,
    secret: Secret,
}

enum Secret {
    Password(Vec<u8>),
    /// What was to be signed, and the signature.
    Digest(String, Vec<u8>),
}

impl Secret {
    /// Whether it is the account's.
    fn is_of(&self, account: &Account) -> bool {
        match self {
            Self::Password(password) => account.knows(password),
            Self::Digest(challenge, digest) => {
                let password = account.password.as_deref().unwrap_or_default();
                let mac = Hmac::<Md5>::new_from_slice(password.as_bytes());
                mac.is_ok_and(|mac| mac.chain_update(challenge).verify_slice(digest).is_ok())
            }
        }
    }
}

impl Session {
    /// The conversation after `AUTH`; gives what is said at its end.
    pub(super) async fn log_in(&mut self, visit: &mut Visit, rest: &str) -> Result<String, Ended> {
        let mut heard = Heard(vec![rest.as_bytes().to_vec()]);
        let refusal = if !self.extended {
            "503 5.5.1 Error: send HELO/EHLO first"
        } else if self.account.is_some() {
            "503 5.5.1 Error: already authenticated"
        } else if self.sender.is_some() {
            "503 5.5.1 Error: MAIL transaction in progress"
        } else if rest.is_empty() {
            "501 5.5.4 Syntax: AUTH mechanism"
        } else {
            ""
        };
        if !refusal.is_empty() {
            self.note(visit, &heard).await;
            return Ok(refusal.to_owned());
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let offer = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => self.plain(visit, initial, &mut heard).await?,
            "LOGIN" => self.login(visit, initial, &mut heard).await?,
            "CRAM-MD5" => self.cram(visit, &mut heard).await?,
            _ => {
                self.note(visit, &heard).await;
                let unknown =
                    "535 5.7.8 Error: authentication failed: Invalid authentication mechanism";
                return Ok(unknown.to_owned());
            }
        };
        match offer {
            Ok(offer) => Ok(self.decide(visit, offer).await),
            Err(reply) => {
                self.note(visit, &heard).await;
                Ok(reply)
            }
        }
    }

    async fn decide(&mut self, visit: &mut Visit, offer: Offer) -> String {
        let Offer {
            mechanism,
            user,
            secret,
        } = offer;
        let found = match &secret {
            Secret::Password(password) => {
                visit.recognise(&[(Carrier::User, &user), (Carrier::Password, password)])
            }
            Secret::Digest(..) => visit.recognise(&[(Carrier::User, &user)]),
        };
        let account = visit.account(&found);
        let right = account
            .as_ref()
            .is_some_and(|own| own.is_user(&user) && secret.is_of(own));
        let accepted = right
            && account
                .as_ref()
                .is_some_and(|own| own.canary.retired.is_none());
        let mut act = self.act("AUTH", 535);
        act.capture("login.user", String::from_utf8_lossy(&user));
        act.capture("login.mechanism", mechanism);
        if let Some(account) = account {
            act.decoy = Some(account.decoy(right, "AUTH", if accepted { 235 } else { 535 }));
            if accepted {
                let own = found.iter().filter(|it| it.canary.id == account.canary.id);
                visit.remember(&own.cloned().collect::<Vec<Recognised>>());
                self.account = Some(account);
            }
        }
        visit.notice(found, act).await;
        if accepted {
            return "235 2.7.0 Authentication successful".to_owned();
        }
        self.failed(mechanism)
    }

    /// Postfix repeats the last thing that Dovecot said.
    fn failed(&self, mechanism: &str) -> String {
        let why = match mechanism {
            _ if self.system.release.postfix.starts_with("3.8") => "(reason unavailable)",
            "LOGIN" => "UGFzc3dvcmQ6",
            _ => "",
        };
        format!("535 5.7.8 Error: authentication failed: {why}")
    }

    async fn plain(
        &self,
        visit: &mut Visit,
        initial: &str,
        heard: &mut Heard,
    ) -> Result<Result<Offer, String>, Ended> {
        let said = match initial {
            "" => self.prompt(visit, "", heard).await?,
            initial => answer(initial.as_bytes()),
        };
        Ok(said
            .map_err(|aborted| aborted.reply(self, "PLAIN"))
            .and_then(|said| {
                let mut parts = said.splitn(3, |byte| *byte == 0);
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(_), Some(user), Some(password)) => Ok(Offer {
                        mechanism: "PLAIN",
                        user: user.to_vec(),
                        secret: Secret::Password(password.to_vec()),
                    }),
                    _ => Err(self.failed("PLAIN")),
                }
            }))
    }

    async fn login(
        &self,
        visit: &mut Visit,
        initial: &str,
        heard: &mut Heard,
    ) -> Result<Result<Offer, String>, Ended> {
        let user = match initial {
            "" => self.prompt(visit, "VXNlcm5hbWU6", heard).await?,
            initial => answer(initial.as_bytes()),
        };
        let user = match user {
            Ok(user) => user,
            Err(aborted) => return Ok(Err(aborted.reply(self, "LOGIN"))),
        };
        let password = self.prompt(visit, "UGFzc3dvcmQ6", heard).await?;
        Ok(match password {
            Ok(password) => Ok(Offer {
                mechanism: "LOGIN",
                user,
                secret: Secret::Password(password),
            }),
            Err(aborted) => Err(aborted.reply(self, "LOGIN")),
        })
    }

    /// RFC 2195, with a challenge as Dovecot draws it.
    async fn cram(
        &self,
        visit: &mut Visit,
        heard: &mut Heard,
    ) -> Result<Result<Offer, String>, Ended> {
        let number: u64 = rand::random_range(1_000_000_000_000_000..9_999_999_999_999_999);
        let seconds = visit.station().clock.now().micros() / 1_000_000;
        let challenge = format!("<{number}.{seconds}@{}>", self.short_host());
        let said = self
            .prompt(visit, &BASE64.encode(challenge.as_bytes()), heard)
            .await?;
        Ok(said
            .map_err(|aborted| aborted.reply(self, "CRAM-MD5"))
            .and_then(|said| {
                let space = said.iter().rposition(|byte| *byte == b' ');
                let (user, digest) = said.split_at(space.unwrap_or(0));
                let digest = HEXLOWER_PERMISSIVE.decode(digest.trim_ascii());
                digest.map_or_else(
                    |_| Err(self.failed("CRAM-MD5")),
                    |digest| {
                        Ok(Offer {
                            mechanism: "CRAM-MD5",
                            user: user.to_vec(),
                            secret: Secret::Digest(challenge, digest),
                        })
                    },
                )
            }))
    }

    /// Asks for a part, and reads it.
    async fn prompt(
        &self,
        visit: &mut Visit,
        text: &str,
        heard: &mut Heard,
    ) -> Result<Result<Vec<u8>, Aborted>, Ended> {
        visit.notice(Vec::new(), self.act("AUTH", 334)).await;
        visit.send(format!("334 {text}\r\n").as_bytes()).await?;
        match visit.line(LONGEST_LINE).await {
            Ok(line) => {
                let line = line.trim_ascii();
                heard.0.push(line.to_vec());
                Ok(answer(line))
            }
            // Whoever leaves here may have named a user before; else all of it is on record.
            Err(ended) => {
                if !heard.bait(visit).is_empty() {
                    self.note(visit, heard).await;
                }
                Err(ended)
            }
        }
    }

    /// A login that did not come to its end: nothing of it is shown, and bait in it is found all the same.
    async fn note(&self, visit: &mut Visit, heard: &Heard) {
        let found = heard.bait(visit);
        let mut act: Act = self.act("AUTH", 0);
        if let Some(account) = visit.account(&found) {
            act.decoy = Some(account.decoy(false, "AUTH", 535));
        }
        Self::note_decoy(&mut act, &found, 535);
        visit.notice(found, act).await;
    }
}

/// What a client said of a login, line by line; the first is what stood behind `AUTH`.
struct Heard(Vec<Vec<u8>>);

impl Heard {
    /// The bait in it, as sent or decoded.
    fn bait(&self, visit: &Visit) -> Vec<Recognised> {
        let decoded = self.decoded();
        let mut parts: Vec<(Carrier, &[u8])> = Vec::new();
        parts.extend(self.0.iter().map(|line| (Carrier::Message, &line[..])));
        // Which is the user and which the password is not known of a login that is in no order.
        for part in decoded.iter().flat_map(|it| it.split(|byte| *byte == 0)) {
            for carrier in [Carrier::User, Carrier::Password, Carrier::Message] {
                parts.push((carrier, part));
            }
        }
        visit.recognise(&parts)
    }

    /// What of it is in base 64, decoded.
    fn decoded(&self) -> Vec<Vec<u8>> {
        let words = self.0.iter();
        let words = words.flat_map(|line| line.split(u8::is_ascii_whitespace));
        words.filter_map(|word| BASE64.decode(word).ok()).collect()
    }
}

/// Why a part is none.
#[derive(Clone, Copy)]
enum Aborted {
    /// The client gave up.
    Star,
    /// It is not in base 64.
    Garbage,
}

impl Aborted {
    fn reply(self, session: &Session, mechanism: &str) -> String {
        match self {
            Self::Star => "501 5.7.0 Authentication aborted".to_owned(),
            Self::Garbage => session.failed(mechanism),
        }
    }
}

fn answer(text: &[u8]) -> Result<Vec<u8>, Aborted> {
    match text {
        b"*" => Err(Aborted::Star),
        // An empty first part.
        b"=" => Ok(Vec::new()),
        text => BASE64.decode(text).map_err(|_| Aborted::Garbage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_of_a_login_is_decoded() {
        let heard = Heard(vec![
            b"PLAIN AGEAYg==".to_vec(),
            b"*".to_vec(),
            b"Yw==".to_vec(),
        ]);
        assert_eq!(heard.decoded()[..], [b"\0a\0b".to_vec(), b"c".to_vec()]);
    }
}
