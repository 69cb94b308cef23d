//! The ways a caller may show who it is: as written under `[api]` and in `match.auth`, and compiled to
//! where each credential lies in a request.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize};

/// How a caller shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Auth {
    /// Not at all.
    None,
    /// HTTP Basic: user and password.
    Basic,
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Bearer` or `token`, or Basic with the token as user or password.
    Token,
    /// AWS Signature Version 4 (and 2 where the request has that), in the header or in the query.
    Sigv4,
    /// Query or form parameters.
    Query,
    /// A header of its own, or `Authorization` with a scheme word of its own.
    Header,
    /// Values of a form body.
    Form,
    /// Members of a JSON body.
    Json,
    /// Somewhere in the path.
    Path,
    /// Azure's SharedKey and SharedKeyLite.
    AzureSharedKey,
    /// Azure's shared access signatures.
    AzureSas,
    /// Azure's signatures over headers.
    AzureHeaders,
    /// A JSON web token, signed with a secret or key of the canary.
    Jwt,
    /// A certificate within TLS, known by its SHA-256.
    Certificate,
}

const WORDS: &str = "none, basic, bearer, token, sigv4, query, header, form, json, path, \
                     azure-shared-key, azure-sas, azure-headers, jwt or certificate";

/// One text or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub(crate) struct Texts(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

/// `[api]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiTable {
    pub(crate) auth: AuthList,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) user_parameter: Option<String>,
    pub(crate) password_parameter: Option<String>,
    #[serde(default)]
    pub(crate) header: Texts,
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) user_source: Texts,
    #[serde(default)]
    pub(crate) password_source: Texts,
    pub(crate) refusal: Option<Refusal>,
}

/// Where the answer to an unknown credential comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What it rests on.
    pub basis: Basis,
    /// The page that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What an answer rests on, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// An answer of the vendor's that somebody wrote down.
    Recorded,
    /// The source of the program that answers.
    Program,
    /// The vendor's documentation.
    Documented,
    /// The vendor's other answers; none to this was found.
    Inferred,
}

impl Basis {
    /// The word for it, as written in a kind's file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Program => "program",
            Self::Documented => "documented",
            Self::Inferred => "inferred",
        }
    }
}

/// One way, as written: a word, or a table that says more. What it leaves out it has from `[api]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthTable {
    pub(crate) by: Auth,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) session: Option<String>,
    #[serde(default)]
    pub(crate) header: Texts,
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) user_source: Texts,
    #[serde(default)]
    pub(crate) password_source: Texts,
}

impl From<Auth> for AuthTable {
    fn from(by: Auth) -> Self {
        Self {
            by,
            user: None,
            password: None,
            session: None,
            header: Texts::default(),
            scheme: None,
            user_source: Texts::default(),
            password_source: Texts::default(),
        }
    }
}

/// One way or several, each of which lets in.
#[derive(Clone, Debug)]
pub(crate) struct AuthList(pub(crate) Vec<AuthTable>);

impl<'de> Deserialize<'de> for AuthList {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Listed)
    }
}

/// Written out because an untagged enum would not say what is wrong.
struct Listed;

impl<'de> Visitor<'de> for Listed {
    type Value = AuthList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORDS}, a table with `by`, or a list of these")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<AuthList, E> {
        let by = Auth::deserialize(serde::de::value::StrDeserializer::<E>::new(word))
            .map_err(|_| E::custom(format!("auth is {WORDS}, not {word:?}")))?;
        Ok(AuthList(vec![by.into()]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AuthList, A::Error> {
        let table = AuthTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AuthList(vec![table]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AuthList, A::Error> {
        let mut all = Vec::new();
        while let Some(AuthList(one)) = list.next_element()? {
            all.extend(one);
        }
        if all.is_empty() {
            return Err(A::Error::custom("auth is an empty list"));
        }
        Ok(AuthList(all))
    }
}

/// One way, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) by: Auth,
    /// The field that holds the user; empty if there is none.
    pub(crate) user: String,
    /// The field that holds the password, token or key; empty if there is none.
    pub(crate) password: String,
    /// The field that holds the session token of AWS.
    pub(crate) session: Option<String>,
    /// Where the user is shown.
    pub(crate) users: Vec<String>,
    /// Where the password, token or signature is shown.
    pub(crate) passwords: Vec<String>,
    /// The word in front of the value of a header.
    pub(crate) scheme: Option<String>,
}

/// Compiles ways; an error is what is wrong, in words.
pub(crate) fn compile(list: &AuthList, api: Option<&ApiTable>) -> Result<Vec<Way>, String> {
    list.0.iter().map(|table| way(table, api)).collect()
}

fn way(table: &AuthTable, api: Option<&ApiTable>) -> Result<Way, String> {
    let own = |of: fn(&ApiTable) -> &Option<String>| api.and_then(|api| of(api).clone());
    let all = |mine: &Texts, of: fn(&ApiTable) -> &Texts| match (mine.0.as_slice(), api) {
        ([], Some(api)) => of(api).0.clone(),
        (mine, _) => mine.to_vec(),
    };
    let by = table.by;
    let user = table.user.clone().or_else(|| own(|api| &api.user));
    let password = table.password.clone().or_else(|| own(|api| &api.password));
    let user = user.unwrap_or_default();
    let password = password.unwrap_or_default();
    let mut users = all(&table.user_source, |api| &api.user_source);
    let mut passwords = all(&table.password_source, |api| &api.password_source);
    let header = all(&table.header, |api| &api.header);
    let scheme = table.scheme.clone().or_else(|| own(|api| &api.scheme));
    let places: &[&str] = match by {
        Auth::Query => &["form", "query"],
        Auth::Form => &["form"],
        Auth::Json => &["json"],
        _ => &[],
    };
    if !places.is_empty() {
        let name = |given: Option<String>, field: &str| given.unwrap_or_else(|| field.to_owned());
        let fill = |sources: &mut Vec<String>, name: &str| {
            if sources.is_empty() && !name.is_empty() {
                sources.extend(places.iter().map(|place| format!("{place}.{name}")));
            }
        };
        let named = name(own(|api| &api.user_parameter), &user);
        fill(&mut users, &named);
        let named = name(own(|api| &api.password_parameter), &password);
        fill(&mut passwords, &named);
    }
    match by {
        Auth::Header => {
            if passwords.is_empty() {
                passwords.extend(header.iter().map(|name| format!("header.{name}")));
            }
            if passwords.is_empty() && scheme.is_some() {
                passwords.push("header.Authorization".to_owned());
            }
            if passwords.is_empty() {
                return Err("`header` wants the name of one, or a `scheme`".to_owned());
            }
        }
        Auth::Jwt if passwords.is_empty() => passwords.push("header.Authorization".to_owned()),
        _ => {}
    }
    let way = Way {
        by,
        session: table.session.clone().or_else(|| own(|api| &api.session)),
        scheme,
        user,
        password,
        users,
        passwords,
    };
    way.complete()
}

impl Way {
    fn complete(self) -> Result<Self, String> {
        let (user, password) = (!self.user.is_empty(), !self.password.is_empty());
        let enough = match self.by {
            Auth::None => true,
            Auth::Basic | Auth::Query => user || password,
            Auth::Bearer
            | Auth::Token
            | Auth::Header
            | Auth::Form
            | Auth::Json
            | Auth::Path
            | Auth::AzureSas
            | Auth::AzureHeaders
            | Auth::Jwt
            | Auth::Certificate => password,
            Auth::Sigv4 | Auth::AzureSharedKey => user && password,
        };
        if enough {
            Ok(self)
        } else {
            Err("the fields its callers show are not named: set `user` and `password`".to_owned())
        }
    }

    /// Fields it names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let session = self.session.as_deref().unwrap_or_default();
        [self.user.as_str(), self.password.as_str(), session]
            .into_iter()
            .filter(|name| !name.is_empty())
    }

    /// Sources it reads.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &String> {
        self.users.iter().chain(&self.passwords)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> Result<Vec<Way>, String> {
        let api: ApiTable = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        compile(&api.auth, Some(&api))
    }

    #[test]
    fn words_tables_and_lists_are_ways() {
        let ways = compiled("auth = \"query\"\nuser = \"u\"\npassword = \"p\"").expect("compiles");
        assert_eq!(ways[0].users, ["form.u", "query.u"]);
        assert_eq!(ways[0].passwords, ["form.p", "query.p"]);
        let ways = compiled(
            "auth = [\"bearer\", { by = \"header\", scheme = \"App\" }, { by = \"json\", \
             password = \"q\", password_source = \"json.client.secret\" }]\npassword = \"p\"",
        )
        .expect("compiles");
        assert_eq!(ways[1].passwords, ["header.Authorization"]);
        assert_eq!(ways[1].scheme.as_deref(), Some("App"));
        assert_eq!(ways[2].passwords, ["json.client.secret"]);
        assert_eq!(ways[2].password, "q");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("auth = \"digest\"", "not \"digest\""),
            ("auth = []", "empty list"),
            ("auth = \"bearer\"", "not named"),
            ("auth = \"header\"\npassword = \"p\"", "wants the name"),
            ("auth = { by = \"jwt\", key = \"k\" }", "key"),
        ] {
            let said = compiled(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
