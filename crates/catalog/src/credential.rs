//! What the credential of a request is worth: ours, wrong, retired, forged, unknown or absent.

use lapwing_core::{Canary, DecoyOutcome};

use crate::answer::Hearing;
use crate::schema::{ApiTable, Auth};
use crate::sigv4::{self, Fault};

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
}

impl<'a> Hearing<'a> {
    fn canaries(&self) -> impl Iterator<Item = &'a Canary> + use<'a> {
        let id = &self.kind.id;
        self.asked
            .matched
            .iter()
            .map(|matched| matched.canary)
            .filter(move |canary| canary.kind == *id)
    }

    pub(crate) fn standing(&self, auth: Auth, api: &ApiTable) -> Standing<'a> {
        let request = self.asked.request;
        let (user, password) = (
            api.user.as_deref().unwrap_or_default(),
            api.password.as_deref().unwrap_or_default(),
        );
        match auth {
            Auth::None => Standing::Open(self.canaries().next()),
            Auth::Basic => match request.basic() {
                Some((name, secret)) => self.pair(user, password, &name, &secret),
                None => Standing::Missing,
            },
            Auth::Query => {
                let value = |parameter: Option<&str>| {
                    parameter.and_then(|name| {
                        request
                            .form_value(name)
                            .or_else(|| request.query_value(name))
                    })
                };
                match value(api.user_parameter.as_deref().or(Some(user))) {
                    Some(name) => self.pair(
                        user,
                        password,
                        name,
                        value(api.password_parameter.as_deref().or(Some(password)))
                            .unwrap_or_default(),
                    ),
                    None => Standing::Missing,
                }
            }
            Auth::Bearer | Auth::Token => self.token(auth, password),
            Auth::Sigv4 => self.signature(user, password),
        }
    }

    fn pair(&self, user: &str, password: &str, name: &str, secret: &str) -> Standing<'a> {
        let known = self
            .canaries()
            .find(|canary| canary.fields.get(user).is_some_and(|value| value == name));
        match known {
            Some(canary)
                if canary
                    .fields
                    .get(password)
                    .is_some_and(|value| value == secret) =>
            {
                admitted(canary)
            }
            Some(canary) => Standing::Refused(canary),
            None => self
                .canaries()
                .next()
                .map_or(Standing::Unknown, Standing::Refused),
        }
    }

    fn token(&self, auth: Auth, password: &str) -> Standing<'a> {
        let request = self.asked.request;
        let basic = if auth == Auth::Token {
            request.basic()
        } else {
            None
        };
        let mut shown: Vec<&str> = match request.authorization() {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => vec![rest],
            Some((scheme, rest)) if auth == Auth::Token && scheme.eq_ignore_ascii_case("token") => {
                vec![rest]
            }
            _ => Vec::new(),
        };
        if let Some((user, secret)) = &basic {
            shown.extend([user.as_str(), secret.as_str()]);
        }
        if shown.is_empty() {
            return Standing::Missing;
        }
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(password)
                .is_some_and(|value| shown.contains(&value.as_str()))
        });
        match known {
            Some(canary) => admitted(canary),
            None => self
                .canaries()
                .next()
                .map_or(Standing::Unknown, Standing::Refused),
        }
    }

    fn signature(&self, user: &str, password: &str) -> Standing<'a> {
        let Some(signed) = &self.signed else {
            return Standing::Missing;
        };
        let known = self.canaries().find(|canary| {
            canary
                .fields
                .get(user)
                .is_some_and(|value| *value == signed.key_id)
        });
        let Some(canary) = known else {
            return Standing::Unknown;
        };
        if canary.retired.is_some() {
            return Standing::Revoked(canary);
        }
        let secret = canary.fields.get(password).map_or("", String::as_str);
        match sigv4::verify(self.asked.request, signed, secret, self.asked.now) {
            Ok(()) => Standing::Accepted(canary),
            Err(fault) => Standing::BadSignature(canary, fault),
        }
    }
}

fn admitted(canary: &Canary) -> Standing<'_> {
    if canary.retired.is_some() {
        Standing::Revoked(canary)
    } else {
        Standing::Accepted(canary)
    }
}
