//! What the credential of a request is worth: ours, wrong, retired, forged, unknown or absent. A kind
//! may have its callers show one in several ways; the best showing counts.

use lapwing_core::{Canary, DecoyOutcome};

use crate::answer::Hearing;
use crate::azure;
use crate::jwt;
use crate::sigv2;
use crate::sigv4;
use crate::ways::{Auth, Way};

/// Stands in for a secret where no canary is known, so that a miss verifies as a hit does.
const STAND_IN: &str = "c3RhbmRzIGluIHdoZXJlIG5vIHNlY3JldCBpcyBrbm93bg==";

/// What a credential is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing<'a> {
    Accepted(&'a Canary),
    Revoked(&'a Canary),
    Refused(&'a Canary),
    BadSignature(&'a Canary, Fault),
    Unknown,
    Missing,
    /// No credential is wanted.
    Open(Option<&'a Canary>),
}

/// Why a signature does not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not what the secret gives.
    Mismatch,
    /// Its time is too far from ours.
    Skewed,
    /// What was signed has lapsed.
    Expired,
    /// It comes with a session token that nobody gave out, or without the one it needs.
    Token,
}

impl Fault {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::Skewed => "skewed",
            Self::Expired => "expired",
            Self::Token => "token",
        }
    }
}

impl<'a> Standing<'a> {
    pub(crate) const fn canary(self) -> Option<&'a Canary> {
        match self {
            Self::Accepted(canary)
            | Self::Revoked(canary)
            | Self::Refused(canary)
            | Self::BadSignature(canary, _) => Some(canary),
            Self::Open(canary) => canary,
            Self::Unknown | Self::Missing => None,
        }
    }

    pub(crate) const fn outcome(self) -> DecoyOutcome {
        match self {
            Self::Accepted(_) | Self::Open(Some(_)) => DecoyOutcome::Accepted,
            Self::Revoked(_) => DecoyOutcome::Revoked,
            Self::Refused(_) => DecoyOutcome::Refused,
            Self::BadSignature(..) => DecoyOutcome::BadSignature,
            Self::Unknown | Self::Missing | Self::Open(None) => DecoyOutcome::Unknown,
        }
    }

    pub(crate) const fn is_let_in(self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Open(_))
    }

    pub(crate) const fn fault(self) -> Option<Fault> {
        match self {
            Self::BadSignature(_, fault) => Some(fault),
            _ => None,
        }
    }

    /// Of several showings the highest counts. Where no credential is wanted, a wrong one is still
    /// refused.
    const fn rank(self) -> u8 {
        match self {
            Self::Accepted(_) => 6,
            Self::Revoked(_) => 5,
            Self::BadSignature(..) => 4,
            Self::Refused(_) => 3,
            Self::Unknown => 2,
            Self::Open(_) => 1,
            Self::Missing => 0,
        }
    }
}

impl<'a> Hearing<'a> {
    pub(crate) fn canaries(&self) -> impl Iterator<Item = &'a Canary> + use<'a> {
        let id = &self.kind.id;
        self.asked
            .matched
            .iter()
            .map(|matched| matched.canary)
            .filter(move |canary| canary.kind == *id)
    }

    pub(crate) fn standing(&self, ways: &[Way]) -> Standing<'a> {
        ways.iter()
            .map(|way| self.shown_by(way))
            .fold(Standing::Missing, |best, next| {
                if next.rank() > best.rank() {
                    next
                } else {
                    best
                }
            })
    }

    fn shown_by(&self, way: &Way) -> Standing<'a> {
        let request = self.asked.request;
        match way.by {
            Auth::None => Standing::Open(self.canaries().next()),
            Auth::Basic => match request.basic() {
                Some((name, secret)) => self.pair(way, &[name], &[secret]),
                None => Standing::Missing,
            },
            Auth::Bearer | Auth::Token => self.token(way, &self.bearer(way.by)),
            Auth::Query | Auth::Header | Auth::Form | Auth::Json => {
                let secrets = self.shown(way, &way.passwords);
                if way.users.is_empty() {
                    return self.token(way, &secrets);
                }
                let names = self.shown(way, &way.users);
                if names.is_empty() && (secrets.is_empty() || way.by == Auth::Query) {
                    return Standing::Missing;
                }
                self.pair(way, &names, &secrets)
            }
            Auth::Path => self.in_path(way),
            Auth::Sigv4 => self.aws_signature(way),
            Auth::AzureSharedKey => self.azure_shared_key(way),
            Auth::AzureSas => self.azure_sas(way),
            Auth::AzureHeaders => self.azure_headers(way),
            Auth::Jwt => self.jwt(way),
            Auth::Certificate => {
                let shown = request.certificate.iter();
                let shown: Vec<String> = shown.map(|it| it.sha256.clone()).collect();
                self.token(way, &shown)
            }
        }
    }

    /// Values of sources, those of a header without the word in front of them.
    pub(crate) fn shown(&self, way: &Way, sources: &[String]) -> Vec<String> {
        let mut shown = Vec::new();
        for source in sources {
            for value in self.values(source, &[]) {
                let value = match &way.scheme {
                    Some(words) if source.starts_with("header.") => unworded(&value, words),
                    _ => Some(value.as_str()),
                };
                let Some(value) = value.filter(|value| !value.is_empty()) else {
                    continue;
                };
                shown.push(value.to_owned());
                if source.starts_with("header.") {
                    shown.extend(parameters(value).map(str::to_owned));
                }
            }
        }
        shown
    }

    fn bearer(&self, by: Auth) -> Vec<String> {
        let request = self.asked.request;
        let mut shown = Vec::new();
        if let Some((scheme, rest)) = request.authorization() {
            let known = scheme.eq_ignore_ascii_case("bearer")
                || by == Auth::Token && scheme.eq_ignore_ascii_case("token");
            shown.extend(known.then(|| rest.to_owned()));
        }
        if by == Auth::Token
            && let Some((user, secret)) = request.basic()
        {
            shown.extend([user, secret]);
        }
        shown
    }

    /// A name and a secret; a field the kind does not name is not looked at.
    fn pair(&self, way: &Way, names: &[String], secrets: &[String]) -> Standing<'a> {
        let is = |canary: &Canary, field: &str, shown: &[String]| {
            field.is_empty()
                || canary
                    .fields
                    .get(field)
                    .is_some_and(|value| shown.contains(value))
        };
        let right = self
            .canaries()
            .find(|canary| is(canary, &way.user, names) && is(canary, &way.password, secrets));
        if let Some(canary) = right {
            return admitted(canary);
        }
        let named = self
            .canaries()
            .find(|canary| !way.user.is_empty() && is(canary, &way.user, names));
        named
            .or_else(|| self.canaries().next())
            .map_or(Standing::Unknown, Standing::Refused)
    }

    fn token(&self, way: &Way, shown: &[String]) -> Standing<'a> {
        if shown.is_empty() {
            return Standing::Missing;
        }
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(&way.password)
                .is_some_and(|value| shown.contains(value))
        });
        match known {
            Some(canary) => admitted(canary),
            None => self
                .canaries()
                .next()
                .map_or(Standing::Unknown, Standing::Refused),
        }
    }

    /// A token that is a stretch of the path, such as `/bot<token>/getMe`.
    fn in_path(&self, way: &Way) -> Standing<'a> {
        let path = self.segments.join("/");
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(&way.password)
                .is_some_and(|value| !value.is_empty() && path.contains(value.as_str()))
        });
        match known {
            Some(canary) => admitted(canary),
            None => self
                .canaries()
                .next()
                .map_or(Standing::Unknown, Standing::Refused),
        }
    }

    fn aws_signature(&self, way: &Way) -> Standing<'a> {
        let Some(signed) = &self.signed else {
            return Standing::Missing;
        };
        let request = self.asked.request;
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(&way.user)
                .is_some_and(|value| *value == signed.key_id)
        });
        let secret = field(known, &way.password).unwrap_or(STAND_IN);
        let verified = match signed.version {
            2 => sigv2::verify(request, signed, secret, self.asked.now),
            _ => sigv4::verify(request, signed, secret, self.asked.now),
        };
        let wanted = way.session.as_ref().and_then(|name| field(known, name));
        // The vendor looks a session token up before it looks at the signature.
        let verified = if sigv4::session(request) == wanted {
            verified
        } else {
            Err(Fault::Token)
        };
        signed_by(known, verified)
    }

    fn azure_shared_key(&self, way: &Way) -> Standing<'a> {
        let request = self.asked.request;
        let Some(shown) = azure::shared_key(request) else {
            return Standing::Missing;
        };
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(&way.user)
                .is_some_and(|value| *value == shown.account)
        });
        let key = field(known, &way.password).unwrap_or(STAND_IN);
        signed_by(
            known,
            azure::verify_key(request, &shown, key, self.asked.now),
        )
    }

    fn azure_sas(&self, way: &Way) -> Standing<'a> {
        let request = self.asked.request;
        let Some(shown) = azure::sas(request) else {
            return Standing::Missing;
        };
        let verify = |canary: Option<&Canary>| {
            let account = field(canary, &way.user).unwrap_or_default();
            let key = field(canary, &way.password).unwrap_or(STAND_IN);
            azure::verify_sas(request, &shown, account, key, self.asked.now)
        };
        self.first_to_stand(verify)
    }

    fn azure_headers(&self, way: &Way) -> Standing<'a> {
        let request = self.asked.request;
        let Some(shown) = azure::signed_headers(request) else {
            return Standing::Missing;
        };
        let verify = |canary: Option<&Canary>| {
            let key = field(canary, &way.password).unwrap_or(STAND_IN);
            azure::verify_headers(request, &shown, key, self.asked.now)
        };
        self.first_to_stand(verify)
    }

    fn jwt(&self, way: &Way) -> Standing<'a> {
        let shown = self.jwt_shown(way);
        let Some(token) = shown else {
            return Standing::Missing;
        };
        let verify = |canary: Option<&Canary>| {
            let key = field(canary, &way.password).unwrap_or(STAND_IN);
            token.verify(key, self.asked.now)
        };
        self.first_to_stand(verify)
    }

    /// Where a signature names nobody: of the canaries in the request the first that it stands for,
    /// else the first. Without any it is verified all the same.
    fn first_to_stand(
        &self,
        verify: impl Fn(Option<&Canary>) -> Result<(), Fault>,
    ) -> Standing<'a> {
        let mut first = None;
        let mut tried: Vec<&Canary> = Vec::new();
        for canary in self.canaries() {
            if tried.iter().any(|known| known.id == canary.id) {
                continue;
            }
            tried.push(canary);
            let verified = verify(Some(canary));
            let stands = verified.is_ok();
            let standing = signed_by(Some(canary), verified);
            if stands {
                return standing;
            }
            first = first.or(Some(standing));
        }
        first.unwrap_or_else(|| signed_by(None, verify(None)))
    }

    /// The first value of a way's sources that is a web token.
    pub(crate) fn jwt_shown(&self, way: &Way) -> Option<jwt::Token> {
        let bearer = self.bearer(Auth::Bearer);
        bearer
            .iter()
            .chain(&self.shown(way, &way.passwords))
            .find_map(|text| jwt::Token::parse(text))
    }
}

fn field<'c>(canary: Option<&'c Canary>, name: &str) -> Option<&'c str> {
    canary?.fields.get(name).map(String::as_str)
}

/// Values of the parameters in a header: `Token token=..`, `Sentry sentry_key=.., sentry_version=7`.
fn parameters(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([',', ' '])
        .filter_map(|part| part.split_once('='))
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

/// The rest of a header's value behind one of the words `a|b`. Okta's own package leaves the blank out.
fn unworded<'v>(value: &'v str, words: &str) -> Option<&'v str> {
    words.split('|').find_map(|known| {
        let (word, rest) = value.split_at_checked(known.len())?;
        word.eq_ignore_ascii_case(known).then_some(rest.trim())
    })
}

fn signed_by(known: Option<&Canary>, verified: Result<(), Fault>) -> Standing<'_> {
    match (known, verified) {
        (None, _) => Standing::Unknown,
        (Some(canary), _) if canary.retired.is_some() => Standing::Revoked(canary),
        (Some(canary), Ok(())) => Standing::Accepted(canary),
        (Some(canary), Err(fault)) => Standing::BadSignature(canary, fault),
    }
}

fn admitted(canary: &Canary) -> Standing<'_> {
    if canary.retired.is_some() {
        Standing::Revoked(canary)
    } else {
        Standing::Accepted(canary)
    }
}
