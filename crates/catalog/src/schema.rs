//! The TOML schema of one kind, as written in `canaries/<class>/<id>.toml` (DESIGN.md section 4).
//! Unknown keys are errors; every error names file, line and what next.

use std::collections::BTreeMap;
use std::fmt;

use lapwing_core::{Language, Trigger};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use crate::error::CatalogError;
use crate::ways::{ApiTable, AuthList};

/// Keys and values in the order they are written; a key with a list of values stands once for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Values {
            One(String),
            Several(Vec<String>),
        }
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of strings, or of lists of them")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, Values>()? {
                    match values {
                        Values::One(value) => pairs.push((name, value)),
                        Values::Several(values) => {
                            pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindFile {
    pub(crate) id: Spanned<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) names: BTreeMap<Language, String>,
    pub(crate) summary: String,
    pub(crate) trigger: Trigger,
    #[serde(default)]
    pub(crate) references: Vec<String>,
    #[serde(default)]
    pub(crate) attack: Vec<String>,
    #[serde(default)]
    pub(crate) d3fend: Vec<String>,
    pub(crate) fires: String,
    #[serde(default)]
    pub(crate) blind_spots: Vec<String>,
    #[serde(default)]
    pub(crate) lives: Vec<String>,
    pub(crate) companion: Option<Spanned<String>>,
    pub(crate) address: Option<AddressTable>,
    #[serde(default)]
    pub(crate) list: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) table: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    pub(crate) field: Vec<FieldTable>,
    #[serde(default)]
    pub(crate) plant: PlantTable,
    #[serde(default)]
    pub(crate) dump: crate::dump::Hints,
    pub(crate) login: Option<crate::login::Login>,
    pub(crate) api: Option<ApiTable>,
    pub(crate) artifact: Option<crate::artifact::ArtifactTable>,
    pub(crate) git: Option<GitTable>,
    pub(crate) dav: Option<DavTable>,
    #[serde(default)]
    pub(crate) style: BTreeMap<String, StyleTable>,
    #[serde(default)]
    pub(crate) decoy: Vec<DecoyTable>,
    #[serde(default)]
    pub(crate) example: Vec<ExampleTable>,
    #[serde(default)]
    pub(crate) counter_example: Vec<ExampleTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressTable {
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) exclusive: bool,
    #[serde(default)]
    pub(crate) names: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldTable {
    pub(crate) name: Spanned<String>,
    pub(crate) format: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) formats: Vec<Spanned<String>>,
    pub(crate) from: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) handle: bool,
    #[serde(default)]
    pub(crate) secret: bool,
    #[serde(default)]
    pub(crate) settable: bool,
    /// Rows of one table have one of the formats throughout.
    #[serde(default)]
    pub(crate) uniform: bool,
    #[serde(default)]
    pub(crate) hidden: bool,
    pub(crate) clean: Option<bool>,
    #[serde(default)]
    pub(crate) entropy: f64,
    #[serde(default)]
    pub(crate) digits: u32,
    #[serde(default)]
    pub(crate) lower: u32,
    #[serde(default)]
    pub(crate) upper: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlantTable {
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) env: Pairs,
    pub(crate) tree: Option<TreeTable>,
    #[serde(default)]
    pub(crate) ini: Vec<IniTable>,
    #[serde(default)]
    pub(crate) row: Vec<ColumnTable>,
    #[serde(default)]
    pub(crate) defaults: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeTable {
    pub(crate) key: String,
    pub(crate) values: Pairs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IniTable {
    #[serde(default)]
    pub(crate) file: String,
    pub(crate) section: String,
    pub(crate) values: Pairs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnTable {
    pub(crate) columns: Vec<String>,
    pub(crate) field: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StyleTable {
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: Pairs,
    pub(crate) unknown: Option<AnswerTable>,
    pub(crate) missing: Option<AnswerTable>,
    pub(crate) refused: Option<AnswerTable>,
    pub(crate) revoked: Option<AnswerTable>,
    pub(crate) bad_signature: Option<AnswerTable>,
    pub(crate) bad_token: Option<AnswerTable>,
    pub(crate) not_found: Option<AnswerTable>,
    pub(crate) limit: Option<LimitTable>,
    pub(crate) limited: Option<AnswerTable>,
}

/// How many requests a caller may make in how long.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitTable {
    pub(crate) requests: u32,
    pub(crate) seconds: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerTable {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: Pairs,
    pub(crate) body: Option<Spanned<String>>,
    pub(crate) body_base64: Option<Spanned<String>>,
    pub(crate) artifact: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecoyTable {
    #[serde(rename = "match")]
    pub(crate) matching: MatchTable,
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,
    pub(crate) style: Option<String>,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: Pairs,
    pub(crate) body: Option<Spanned<String>>,
    pub(crate) body_base64: Option<Spanned<String>>,
    pub(crate) artifact: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) remember: RememberTables,
    /// Lists and where the id of the item to drop from each comes from.
    #[serde(default)]
    pub(crate) forget: BTreeMap<String, String>,
    pub(crate) unknown: Option<AnswerTable>,
    pub(crate) missing: Option<AnswerTable>,
    pub(crate) refused: Option<AnswerTable>,
    pub(crate) revoked: Option<AnswerTable>,
    pub(crate) bad_signature: Option<AnswerTable>,
    pub(crate) limited: Option<AnswerTable>,
}

/// What a rule makes and keeps, in order: one table, or a list of them.
#[derive(Debug, Default)]
pub(crate) struct RememberTables(pub(crate) Vec<RememberTable>);

impl<'de> Deserialize<'de> for RememberTables {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand, for an untagged enum would lose the places of its values.
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = RememberTables;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table, or a list of tables")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RememberTables, A::Error> {
                let table = RememberTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RememberTables(vec![table]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<RememberTables, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(tables)).map(RememberTables)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// What a rule makes and keeps: an item of a list, found again by its id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RememberTable {
    pub(crate) list: Spanned<String>,
    pub(crate) each: Option<EachTable>,
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, Scalar>,
}

/// What an item is made for, each: a text of several, and what stands between them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EachTable {
    pub(crate) of: String,
    pub(crate) split: String,
}

/// A value written in TOML as text, number or truth.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(String),
    Number(i64),
    Truth(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

/// A small repository served over HTTP to `git`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GitTable {
    pub(crate) branch: Option<String>,
    /// Path and content: one commit of them, or the first of several.
    #[serde(default)]
    pub(crate) files: Pairs,
    pub(crate) author: Option<String>,
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) commit: Vec<CommitTable>,
}

/// A share served over WebDAV.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DavTable {
    /// The field that is the first segment of its path.
    pub(crate) root: Spanned<String>,
    pub(crate) file: Vec<DavFileTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DavFileTable {
    /// Below the root.
    pub(crate) path: String,
    pub(crate) body: String,
    /// Days before the canary was minted.
    pub(crate) days: u32,
    /// Of 100 canaries, so many have it; all if it is not said.
    pub(crate) chance: Option<u32>,
}

/// A commit: what it changes, and when it was made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitTable {
    pub(crate) message: String,
    pub(crate) author: Option<String>,
    /// Days before the canary was minted.
    pub(crate) days: u32,
    /// Path and content; an empty content removes the file.
    #[serde(default)]
    pub(crate) files: Pairs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchTable {
    #[serde(default)]
    pub(crate) method: Option<String>,
    pub(crate) path: Spanned<String>,
    /// Further paths the same rule is for.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) auth: Option<AuthList>,
    pub(crate) service: Option<String>,
    /// A label of the host, or the whole of it.
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) form: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) header: BTreeMap<String, String>,
    /// Members of a JSON body, by dotted name.
    #[serde(default)]
    pub(crate) json: BTreeMap<String, Scalar>,
    /// What the path has to be in the share of [dav].
    pub(crate) dav: Option<crate::dav::Wanted>,
    /// The name of the root of an XML body, or several; an empty one stands for no body.
    pub(crate) xml: Option<String>,
    /// Lists and where the id of the item comes from that has to be in each.
    #[serde(default)]
    pub(crate) known: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) missing: Vec<String>,
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleTable {
    pub(crate) field: Spanned<String>,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) checksum: Checksum,
}

/// What an example says about its checksum. Right ones are never written down: a repository with a
/// key whose checksum is right sets off other people's scanners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Checksum {
    /// The format has none.
    #[default]
    None,
    /// The shape is right, the checksum must fail.
    Wrong,
}

/// The text of one file, for messages that name a line.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    pub(crate) fn parse(&self) -> Result<KindFile, CatalogError> {
        toml::from_str(self.text).map_err(|error| {
            self.wrong(
                error.span().map_or(0, |span| span.start),
                error.message().replace('\n', " "),
                "correct this line; the files in canaries/ show every key in use",
            )
        })
    }

    /// An error at a byte offset of the file.
    pub(crate) fn wrong(
        &self,
        offset: usize,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> CatalogError {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        CatalogError::Schema {
            file: self.file.to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            what: what.into(),
            hint: hint.into(),
        }
    }
}
