//! Templates of decoy answers: compiled once, rendered within a fuel limit, escaped by content type.
//! Text of the peer is a value in them, never part of the template.
//!
//! A template may use: `field`, `path`, `form`, `query`, `json` (tables of strings), `auth` (`user`, `token`, `scheme`: the word
//! before it in `Authorization`, in lower case, `claims`),
//! `aws` (`version`, `service`, `prefix`, `region`, `action`, `fault`, `token`, `key_id`, `date`, `resource`), `request` (`method`, `path`, `target`,
//! `host`, `origin`: the host behind its scheme), `item` (what the rule remembers or asks for: `id`, `time`, `age` and what is kept), `made` (all items of a
//! rule that makes several), `each` (in what makes them: `index` and `value`), `limit` (`requests`, `used`,
//! `remaining`, `reset`, `wait`), `dav` (what the path is in the share: `href`, `type`, `etag`, `modified`); `items(list)` and `count(list)` of what is remembered, the filter `date(format)` on seconds;
//! `hex(n)`, `base32(n)`, `base64(n)`, `uuid()`, `random(low, high)` (new each time); `stable(label, n)` (hex digits) and
//! `stable_number(label, low, high)`, `stable_pick(label, list)` (always the same for one canary); `server(label, n)`, `server_number`,
//! `server_pick` (the same for one host, whoever asks and for whatever path);
//! `time(format, seconds)` and `minted(format, seconds)`; the filters `json` (a whole JSON value) and `unbase64` (its
//! text, empty where there is none).

use std::fmt::{self, Write as _};

use data_encoding::{BASE64, HEXLOWER};
use lapwing_core::Timestamp;
use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

use crate::sigv4::hmac;
use crate::templates::Templates;

/// Steps one rendering may take.
const FUEL: u64 = 50_000;
/// Largest answer body, in bytes.
pub(crate) const LARGEST_BODY: usize = 64 << 10;

/// Names a template may use besides what it sets itself.
pub(crate) const TABLES: &[&str] = &[
    "field", "path", "form", "query", "json", "auth", "aws", "request", "item", "made", "each",
    "limit", "dav",
];
/// Functions over what is remembered: looked at like tables.
pub(crate) const LISTS: &[&str] = &["items", "count"];
const FUNCTIONS: &[&str] = &[
    "hex",
    "base32",
    "base64",
    "uuid",
    "random",
    "stable",
    "stable_number",
    "stable_pick",
    "server",
    "server_number",
    "server_pick",
    "time",
    "minted",
    "once",
    "items",
    "count",
];

/// How a template's values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    Json,
    Markup,
    Text,
    Header,
}

impl Escape {
    pub(crate) fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind {
            _ if kind.ends_with("json") => Self::Json,
            _ if kind.ends_with("xml") || kind.ends_with("html") => Self::Markup,
            _ if kind.starts_with("application/x-amz-json") => Self::Json,
            _ => Self::Text,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markup => "markup",
            Self::Text => "text",
            Self::Header => "header",
        }
    }
}

/// A template found in a kind's file, to be added to the environment once the kind is accepted.
#[derive(Debug)]
pub(crate) struct NewTemplate {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) offset: usize,
}

/// Names a template by its kind, number and escaping.
pub(crate) fn template_name(kind: &str, number: usize, escape: Escape) -> String {
    format!("{kind}/{number}.{}", escape.word())
}

/// An environment with our functions and escaping, and no templates yet.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(16);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("json") => AutoEscape::Custom("json".into()),
        Some("markup") => AutoEscape::Custom("markup".into()),
        Some("header") => AutoEscape::Custom("header".into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(write_escaped);
    environment.add_filter("json", |value: Value| {
        Value::from_safe_string(to_json(&value))
    });
    environment.add_filter("date", |seconds: i64, format: String| {
        written(Timestamp::from_micros(0), &format, Some(seconds))
    });
    environment.add_filter("unbase64", |value: String| {
        let plain = BASE64.decode(value.as_bytes()).ok();
        plain
            .and_then(|plain| String::from_utf8(plain).ok())
            .unwrap_or_default()
    });
    environment.add_function("hex", |count: usize| random_text(&HEXLOWER, count));
    environment.add_function("base32", |count: usize| {
        random_text(&data_encoding::BASE32_NOPAD, count)
    });
    environment.add_function("base64", |count: usize| {
        random_text(&data_encoding::BASE64_NOPAD, count)
    });
    environment.add_function("uuid", || uuid::Uuid::new_v4().to_string());
    environment.add_function("random", |low: u64, high: u64| {
        rand::random_range(low..=high.max(low))
    });
    environment
}

/// Names a template refers to and may not: what is not given to it, or a field the kind lacks.
pub(crate) fn undeclared(environment: &Templates, name: &str, fields: &[&str]) -> Vec<String> {
    let Ok(template) = environment.get_template(name) else {
        return vec![name.to_owned()];
    };
    let mut wrong: Vec<String> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|used| {
            let (table, rest) = used.split_once('.').unwrap_or((used.as_str(), ""));
            match table {
                "field" => {
                    !rest.is_empty()
                        && !fields
                            .iter()
                            .any(|field| *field == rest || field.starts_with(&format!("{rest}.")))
                }
                _ => !TABLES.contains(&table) && !FUNCTIONS.contains(&table),
            }
        })
        .collect();
    wrong.sort();
    wrong
}

/// What time and made-up ids a rendering gives.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) seed: [u8; 32],
    /// Drawn once an answer: what its headers and its body say alike.
    pub(crate) once: [u8; 16],
    /// What stable values belong to: a canary, or the name an unknown caller used.
    pub(crate) subject: String,
    /// The host that was asked.
    pub(crate) host: String,
    pub(crate) now: Timestamp,
    pub(crate) minted: Timestamp,
}

impl Made {
    /// The functions of one request, as template values.
    pub(crate) fn functions(&self) -> Vec<(&'static str, Value)> {
        let once = self.once;
        let (now, minted) = (self.now, self.minted);
        let mut functions = vec![
            (
                "once",
                Value::from_function(move |encoding: String| once_text(&once, &encoding)),
            ),
            (
                "time",
                Value::from_function(move |format: String, seconds: Option<i64>| {
                    written(now, &format, seconds)
                }),
            ),
            (
                "minted",
                Value::from_function(move |format: String, seconds: Option<i64>| {
                    written(minted, &format, seconds)
                }),
            ),
        ];
        let stable = ["stable", "stable_number", "stable_pick"];
        functions.extend(self.lasting(self.subject.clone()).functions(stable));
        let server = ["server", "server_number", "server_pick"];
        let host = format!("host {}", self.host);
        functions.extend(self.lasting(host).functions(server));
        functions
    }

    pub(crate) fn number(&self, label: &str, low: u64, high: u64) -> u64 {
        self.lasting(self.subject.clone()).number(label, low, high)
    }

    fn lasting(&self, subject: String) -> Lasting {
        Lasting {
            seed: self.seed,
            subject,
        }
    }
}

/// Draws what stays the same for a subject.
#[derive(Clone)]
struct Lasting {
    seed: [u8; 32],
    subject: String,
}

impl Lasting {
    /// Draws of text, numbers and items, under these names.
    fn functions(self, [text, number, pick]: [&'static str; 3]) -> [(&'static str, Value); 3] {
        let (one, two, three) = (self.clone(), self.clone(), self);
        [
            (
                text,
                Value::from_function(move |label: String, count: usize| one.text(&label, count)),
            ),
            (
                number,
                Value::from_function(move |label: String, low: u64, high: u64| {
                    two.number(&label, low, high)
                }),
            ),
            (
                pick,
                Value::from_function(move |label: String, items: Vec<Value>| {
                    three.pick(&label, &items)
                }),
            ),
        ]
    }

    fn text(&self, label: &str, count: usize) -> String {
        let mut out = String::new();
        let mut block = 0u32;
        while out.len() < count.min(512) {
            let message = [
                self.subject.as_bytes(),
                &[0],
                label.as_bytes(),
                &[0],
                &block.to_be_bytes(),
            ]
            .concat();
            out.push_str(&HEXLOWER.encode(&hmac(&self.seed, &message)));
            block += 1;
        }
        out.truncate(count.min(512));
        out
    }

    fn number(&self, label: &str, low: u64, high: u64) -> u64 {
        let drawn = u64::from_str_radix(&self.text(label, 15), 16).unwrap_or_default();
        low + drawn % (high.saturating_sub(low).saturating_add(1)).max(1)
    }

    fn pick(&self, label: &str, items: &[Value]) -> Value {
        let last = u64::try_from(items.len().saturating_sub(1)).unwrap_or_default();
        let index = usize::try_from(self.number(label, 0, last)).unwrap_or_default();
        items.get(index).cloned().unwrap_or_default()
    }
}

/// An identifier of this answer: `uuid`, `base32` (16 characters) or `base64` (76 with padding).
pub(crate) fn once_text(once: &[u8; 16], encoding: &str) -> Result<String, Error> {
    let block = |number: u8| hmac(once, &[number]);
    match encoding {
        "uuid" => Ok(uuid::Builder::from_random_bytes(*once)
            .into_uuid()
            .to_string()),
        "base32" => Ok(data_encoding::BASE32.encode(&block(0)[..10])),
        "base64" => Ok(BASE64.encode(&[block(1), block(2)].concat()[..56])),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            "once takes uuid, base32 or base64",
        )),
    }
}

fn written(at: Timestamp, format: &str, seconds: Option<i64>) -> Result<String, Error> {
    let at = jiff::Timestamp::from_microsecond(at.plus_seconds(seconds.unwrap_or(0)).micros());
    let at = at.map_err(|_| Error::new(ErrorKind::InvalidOperation, "time out of range"))?;
    let mut out = String::new();
    write!(
        out,
        "{}",
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime(format)
    )
    .map_err(|_| Error::new(ErrorKind::InvalidOperation, "not a time format"))?;
    Ok(out)
}

fn random_text(encoding: &data_encoding::Encoding, count: usize) -> String {
    let count = count.min(512);
    let mut bytes = vec![0; count];
    rand::fill(&mut bytes[..]);
    let mut out = encoding.encode(&bytes);
    out.truncate(count);
    out
}

/// Renders a template; an error if it runs out of fuel or past `limit` bytes.
pub(crate) fn render(
    environment: &Templates,
    name: &str,
    context: &Value,
    limit: usize,
) -> Result<String, Error> {
    let text = environment.get_template(name)?.render(context.clone())?;
    if text.len() > limit {
        return Err(Error::new(ErrorKind::InvalidOperation, "answer too large"));
    }
    Ok(text)
}

fn write_escaped(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let escape = match state.auto_escape() {
        AutoEscape::Custom(word) => &**word,
        _ => "",
    };
    let done = match escape {
        "header" => write_header(out, &value.to_string()),
        _ if value.is_safe() => write!(out, "{value}"),
        "json" => write_json(out, value),
        "markup" => write_markup(out, &value.to_string()),
        _ => write!(out, "{value}"),
    };
    done.map_err(Error::from)
}

/// A string as the inside of a JSON string (the template has the quotes), anything else as itself.
fn write_json(out: &mut dyn fmt::Write, value: &Value) -> fmt::Result {
    match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::String => {
            let quoted = serde_json::to_string(value.as_str().unwrap_or_default())
                .map_err(|_| fmt::Error)?;
            out.write_str(&quoted[1..quoted.len() - 1])
        }
        _ => out.write_str(&to_json(value)),
    }
}

/// A whole JSON value, compact.
fn to_json(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => "null".to_owned(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number => value.to_string(),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value
                .try_iter()
                .map(|items| items.map(|item| to_json(&item)).collect())
                .unwrap_or_default();
            format!("[{}]", items.join(","))
        }
        _ => serde_json::to_string(&value.to_string()).unwrap_or_else(|_| "null".to_owned()),
    }
}

/// Escapes for XML and HTML, in text and in quoted attributes; drops what XML 1.0 forbids.
pub(crate) fn write_markup(out: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            '\t' | '\n' | '\r' => out.write_char(c)?,
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Only what a header may hold: no line ends, no control characters, ASCII.
fn write_header(out: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .try_for_each(|c| out.write_char(c))
}
