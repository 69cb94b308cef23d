//! A kind of bait: what its file says, checked and compiled, and minting from it.

use std::collections::BTreeMap;

use lapwing_core::{Timestamp, Trigger};
use rand::Rng;

use crate::address::Address;
use crate::clean::Rules;
use crate::dice::Dice;
use crate::error::CatalogError;
use crate::fit::Fit;
use crate::format::{Drawing, Format, Piece};
use crate::schema::ExampleTable;

/// How often a value is drawn before its rules are blamed.
const TRIES: u32 = 10_000;

/// A kind of bait.
#[derive(Debug)]
pub struct Kind {
    /// Its name on the command line: the stem of its file.
    pub id: String,
    /// The folder of its file: `credential`, `beacon` or `record`.
    pub class: String,
    /// Its name in prose.
    pub name: String,
    /// One line on it.
    pub summary: String,
    /// How it fires.
    pub trigger: Trigger,
    /// Where its facts come from: addresses of vendor pages.
    pub references: Vec<String>,
    /// ATT&CK techniques a trip is evidence of.
    pub attack: Vec<String>,
    /// D3FEND techniques it is an instance of.
    pub d3fend: Vec<String>,
    /// How it fires, in one or two sentences.
    pub fires: String,
    /// What it will not notice.
    pub blind_spots: Vec<String>,
    /// Where it usually lives.
    pub lives: Vec<String>,
    /// Its fields, in the order they are drawn.
    pub fields: Vec<Field>,
    /// Present if it carries our address.
    pub address: Option<AddressUse>,
    /// What it looks like in each shape of file.
    pub plant: PlantHints,
    /// Where it was read from: `canaries/...` or a path of the overlay.
    pub file: String,
    pub(crate) tables: Tables,
    pub(crate) examples: Vec<ExampleTable>,
    pub(crate) counter_examples: Vec<ExampleTable>,
    pub(crate) decoy: crate::decoy::Decoy,
}

/// A named value of a canary.
#[derive(Debug)]
pub struct Field {
    /// Its name, `account_sid`.
    pub name: String,
    /// Whether the canary is recognised by it.
    pub handle: bool,
    /// Whether it stays out of alerts, logs and published reports.
    pub secret: bool,
    /// Whether the operator may choose its value when minting.
    pub settable: bool,
    /// Its form as written, several joined by ` | `.
    pub format: String,
    pub(crate) shapes: Vec<Format>,
    pub(crate) rules: Rules,
}

/// How a kind uses our address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressUse {
    /// Host labels to choose from under a wildcard address.
    pub labels: Vec<String>,
    /// Whether a host may answer as this kind only (an API), or as several (beacons, records).
    pub exclusive: bool,
}

/// What a kind looks like in each shape of file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlantHints {
    /// Words for its part in the story (`legacy`, `backup`): one goes into every planted name.
    pub roles: Vec<String>,
    /// Variables, in order: name with `{ROLE}` in it, and field.
    pub env: Vec<(String, String)>,
    /// YAML and JSON.
    pub tree: Option<TreeHint>,
    /// INI files.
    pub ini: Vec<IniHint>,
    /// Database rows.
    pub row: Vec<ColumnHint>,
    /// Names that SDKs read by default: refused unless the operator insists.
    pub defaults: Vec<String>,
}

/// A subtree of a YAML or JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHint {
    /// Its key, `sms_{role}`.
    pub key: String,
    /// Keys below it, in order, and their fields.
    pub values: Vec<(String, String)>,
}

/// A section of an INI file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IniHint {
    /// Empty for the target itself, else the name of a file beside it.
    pub file: String,
    /// The section, `{role}`.
    pub section: String,
    /// Keys in it, in order, and their fields.
    pub values: Vec<(String, String)>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnHint {
    /// Names it may have, lower snake case.
    pub columns: Vec<String>,
    /// The field that goes into it.
    pub field: String,
}

/// What minting needs.
pub struct MintOrder<'a> {
    /// A cryptographic generator; tests bring a seeded one.
    pub rng: &'a mut dyn Rng,
    /// The public address bait carries.
    pub address: Option<&'a Address>,
    /// A mail domain of the operator's own.
    pub mail_domain: Option<&'a str>,
    /// Values the operator chose, by field name.
    pub set: &'a BTreeMap<String, String>,
    /// The time now: made-up dates lie before it.
    pub now: Timestamp,
}

impl Kind {
    /// Draws a value for every field.
    ///
    /// # Errors
    /// The kind carries an address or e-mail and none is given; a value set by hand for a field
    /// that is not settable or of another form; rules that no value passes.
    pub fn mint(
        &self,
        order: &mut MintOrder<'_>,
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        self.check_set(order.set)?;
        let mut dice = Dice::new(&mut *order.rng);
        let address = self.chosen_address(order.address, &mut dice)?;
        let mail_domain = self.chosen_mail_domain(order.mail_domain, order.address)?;
        let mut drawing = Drawing {
            dice,
            tables: &self.tables,
            rows: vec![None; self.tables.tables.len()],
            values: Vec::with_capacity(self.fields.len()),
            url: address.map(|address| address.as_str().to_owned()),
            mail_domain,
            now: order.now,
        };
        for field in &self.fields {
            let value = match order.set.get(&field.name) {
                Some(value) => value.clone(),
                None => self.draw(field, &mut drawing)?,
            };
            drawing.values.push(value);
        }
        let names = self.fields.iter().map(|field| field.name.clone());
        Ok(names.zip(drawing.values).collect())
    }

    /// The fields a canary is recognised by: name, and value as it will be looked up.
    #[must_use]
    pub fn handles<'a>(&'a self, fields: &'a BTreeMap<String, String>) -> Vec<(&'a str, String)> {
        self.fields
            .iter()
            .filter(|field| field.handle)
            .filter_map(|field| Some((field.name.as_str(), fields.get(&field.name)?.clone())))
            .collect()
    }

    /// Whether a field stays out of alerts, logs and published reports. A field this kind does not
    /// have counts as secret.
    #[must_use]
    pub fn is_secret(&self, field: &str) -> bool {
        self.field(field).is_none_or(|field| field.secret)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether it answers as a vendor's API (and has that vendor's answer to anything).
    #[must_use]
    pub fn is_api(&self) -> bool {
        self.decoy.api.is_some()
    }

    fn draw(&self, field: &Field, drawing: &mut Drawing<'_>) -> Result<String, CatalogError> {
        let mut value = String::with_capacity(48);
        let mut drawn = Vec::new();
        for _ in 0..TRIES {
            value.clear();
            drawn.clear();
            let shape = &field.shapes[drawing.dice.below(field.shapes.len())];
            if shape.draw(drawing, &mut value, &mut drawn) && field.rules.accept(&value, &drawn) {
                return Ok(value);
            }
        }
        Err(CatalogError::Draw {
            kind: self.id.clone(),
            field: field.name.clone(),
            tries: TRIES,
        })
    }

    fn check_set(&self, set: &BTreeMap<String, String>) -> Result<(), CatalogError> {
        for (name, value) in set {
            let Some(field) = self.field(name).filter(|field| field.settable) else {
                return Err(CatalogError::CannotSet {
                    kind: self.id.clone(),
                    field: name.clone(),
                    settable: self
                        .fields
                        .iter()
                        .filter(|field| field.settable)
                        .map(|field| field.name.clone())
                        .collect(),
                });
            };
            let fits = field
                .shapes
                .iter()
                .any(|shape| shape.fit(value) == Fit::Full);
            if !fits || value.chars().any(char::is_control) {
                return Err(CatalogError::BadValue {
                    kind: self.id.clone(),
                    field: name.clone(),
                    format: field.format.clone(),
                });
            }
        }
        Ok(())
    }

    fn chosen_address(
        &self,
        address: Option<&Address>,
        dice: &mut Dice<'_>,
    ) -> Result<Option<Address>, CatalogError> {
        let Some(usage) = &self.address else {
            return Ok(None);
        };
        let address = address.ok_or_else(|| CatalogError::NeedsAddress {
            kind: self.id.clone(),
        })?;
        let label = dice.pick(&usage.labels).map_or("www", String::as_str);
        Ok(Some(address.with_label(label)))
    }

    /// The operator's mail domain, or the host of the address: mail there comes to us at least.
    fn chosen_mail_domain(
        &self,
        domain: Option<&str>,
        address: Option<&Address>,
    ) -> Result<Option<String>, CatalogError> {
        let needs = self
            .fields
            .iter()
            .flat_map(|field| &field.shapes)
            .any(|shape| shape.uses(|piece| matches!(piece, Piece::MailDomain)));
        if !needs {
            return Ok(None);
        }
        let from_address = || {
            let address = address.filter(|address| !address.is_ip())?;
            let host = address.host().trim_start_matches("*.");
            host.contains('.').then(|| host.to_owned())
        };
        domain
            .map(str::to_ascii_lowercase)
            .or_else(from_address)
            .map(Some)
            .ok_or_else(|| CatalogError::NeedsMailDomain {
                kind: self.id.clone(),
            })
    }
}

/// Lists and tables that formats pick from.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) lists: Vec<(String, Vec<String>)>,
    pub(crate) tables: Vec<Table>,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Format>>,
}

impl Tables {
    pub(crate) fn list(&self, name: &str) -> Option<usize> {
        self.lists.iter().position(|(list, _)| list == name)
    }

    pub(crate) fn column(&self, table: &str, column: &str) -> Option<(usize, usize)> {
        let index = self.tables.iter().position(|known| known.name == table)?;
        let column = self.tables[index]
            .columns
            .iter()
            .position(|known| known == column)?;
        Some((index, column))
    }
}
