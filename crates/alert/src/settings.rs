//! Reading a channel's configuration key by key, so that an error names the key, and a key nobody
//! read is an error too.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use lapwing_core::bounded;
use serde_json::{Map, Value};

use crate::AlertError;

/// Longest secret or certificate file, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// The configuration of one channel while it is read.
pub(crate) struct Settings {
    channel: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Settings {
    /// Starts reading; `kind` and `name` belong to whoever chose the kind, and are skipped.
    pub(crate) fn new(channel: &str, config: &Value) -> Result<Self, AlertError> {
        let mut settings = Self {
            channel: channel.to_owned(),
            left: Map::new(),
            known: Vec::new(),
        };
        let Value::Object(map) = config else {
            return Err(settings.error("is not a table of keys", "write `key = value` lines"));
        };
        settings.left.clone_from(map);
        settings.left.remove("kind");
        settings.left.remove("name");
        Ok(settings)
    }

    /// An error of this channel's configuration.
    pub(crate) fn error(&self, what: impl Into<String>, hint: impl Into<String>) -> AlertError {
        AlertError::Config {
            channel: self.channel.clone(),
            what: what.into(),
            hint: hint.into(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.left.remove(key)
    }

    /// A string.
    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, AlertError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(self.error(
                format!("`{key}` is not a text"),
                format!("write {key} = \"...\""),
            )),
        }
    }

    /// A string that must be there.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Result<String, AlertError> {
        self.text(key)?.ok_or_else(|| {
            self.error(
                format!("`{key}` is missing"),
                format!("add {key} = {example}"),
            )
        })
    }

    /// True or false; false if missing.
    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, AlertError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.error(
                format!("`{key}` is neither true nor false"),
                format!("write {key} = true, without quotes"),
            )),
        }
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, AlertError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            self.error(
                format!(
                    "`{key}` is no number from {} to {}",
                    range.start(),
                    range.end()
                ),
                format!("write {key} = {}, without quotes", range.start()),
            )
        })
    }

    /// A string or an array of strings, at least one.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Result<Vec<String>, AlertError> {
        let found: Option<Vec<String>> = match self.take(key) {
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(many)) => many
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        found.filter(|found| !found.is_empty()).ok_or_else(|| {
            self.error(
                format!("`{key}` is missing, or no list of texts"),
                format!("write {key} = [{example}]"),
            )
        })
    }

    /// A table of strings, empty if missing.
    pub(crate) fn table(
        &mut self,
        key: &'static str,
    ) -> Result<BTreeMap<String, String>, AlertError> {
        let found: Option<BTreeMap<String, String>> = match self.take(key) {
            None => Some(BTreeMap::new()),
            Some(Value::Object(map)) => map
                .into_iter()
                .map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                .collect(),
            Some(_) => None,
        };
        found.ok_or_else(|| {
            self.error(
                format!("`{key}` is no table of texts"),
                format!("write {key} = {{ \"x-name\" = \"value\" }}"),
            )
        })
    }

    /// A secret, given as it is or as the path of a file that holds it (blanks around it ignored).
    pub(crate) fn secret(
        &mut self,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Option<String>, AlertError> {
        let plain = self.text(key)?;
        let Some(path) = self.text(file_key)? else {
            return Ok(plain);
        };
        if plain.is_some() {
            return Err(self.error(
                format!("both `{key}` and `{file_key}` are given"),
                format!("keep `{file_key}`"),
            ));
        }
        let bytes = self.read(file_key, &path)?;
        let secret = String::from_utf8(bytes).ok();
        let secret = secret.map(|text| text.trim().to_owned());
        match secret {
            Some(secret) if !secret.is_empty() => Ok(Some(secret)),
            _ => Err(self.error(
                format!("`{file_key}`: {path} holds no text"),
                "write the secret into it, on one line",
            )),
        }
    }

    /// The content of a file that a key names.
    pub(crate) fn file(&mut self, key: &'static str) -> Result<Option<Vec<u8>>, AlertError> {
        match self.text(key)? {
            Some(path) => self.read(key, &path).map(Some),
            None => Ok(None),
        }
    }

    fn read(&self, key: &str, path: &str) -> Result<Vec<u8>, AlertError> {
        bounded::read_file(Path::new(path), FILE_LIMIT).map_err(|error| {
            self.error(
                format!("`{key}`: cannot read {path}: {error}"),
                "check the path, and that the station may read it",
            )
        })
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), AlertError> {
        let Some(unknown) = self.left.keys().next() else {
            return Ok(());
        };
        Err(self.error(
            format!("`{unknown}` is no key of this kind of channel"),
            format!("the keys there are: {}", self.known.join(", ")),
        ))
    }
}
