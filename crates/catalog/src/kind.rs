//! A kind of bait: what its file says, checked and compiled, and minting from it.

use std::collections::BTreeMap;

use lapwing_core::{Language, Timestamp, Trigger};
use rand::Rng;

use crate::address::Address;
use crate::clean::Rules;
use crate::dice::Dice;
use crate::error::CatalogError;
use crate::fit::Fit;
use crate::format::{Drawing, Format, Piece};
use crate::locale::{Part, Scene};
use crate::schema::ExampleTable;
use crate::ways::{Auth, Refusal};

/// How often a value is drawn before its rules are blamed.
const TRIES: u32 = 10_000;
/// How often a whole canary is drawn again because of a value that follows from others.
const RESTARTS: u32 = 200;

/// A kind of bait.
#[derive(Debug)]
pub struct Kind {
    /// Its name on the command line: the stem of its file.
    pub id: String,
    /// The folder of its file: `credential`, `beacon` or `record`.
    pub class: String,
    /// Its name in prose.
    pub name: String,
    /// The same in other languages, where reports are written in them.
    pub names: BTreeMap<Language, String>,
    /// One line on it.
    pub summary: String,
    /// How it fires.
    pub trigger: Trigger,
    /// Where its facts come from: addresses of vendor pages.
    pub references: Vec<String>,
    /// ATT&CK techniques a trip is evidence of.
    pub attack: Vec<String>,
    /// Of an API: where its answer to an unknown credential comes from.
    pub refusal: Option<Refusal>,
    /// D3FEND techniques it is an instance of.
    pub d3fend: Vec<String>,
    /// How it fires, in one or two sentences.
    pub fires: String,
    /// What it will not notice.
    pub blind_spots: Vec<String>,
    /// Where it usually lives.
    pub lives: Vec<String>,
    /// The kind to plant with it or in its place, where only a vendor would see its use.
    pub companion: Option<String>,
    /// Its fields, in the order they are drawn.
    pub fields: Vec<Field>,
    /// Present if it logs in at servers that do not speak HTTP.
    pub login: Option<crate::login::Login>,
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
    pub(crate) plan: Option<crate::artifact::Plan>,
    pub(crate) dump: crate::dump::Hints,
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
    /// Whether it stands inside other fields or answers only: kept with the canary, never shown or
    /// planted by itself.
    pub hidden: bool,
    /// Its form as written, several joined by ` | `.
    pub format: String,
    /// Whether rows of one table share a shape.
    pub(crate) uniform: bool,
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
    /// Whether bait puts a label of its own in front of the host: names below it then all exist.
    pub names: bool,
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
    /// Empty for the target itself, else the name of a file beside it. With a directory (`*/` for any),
    /// or where no section of the kind is for the target itself, it is for that very file alone.
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
    /// Where and when the people of records live.
    pub scene: Scene<'a>,
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
        let address = self.chosen_address(order.address, order.scene, &mut dice)?;
        let mail_domain = self.chosen_mail_domain(order.mail_domain, order.address)?;
        let mut drawing = Drawing {
            dice,
            tables: &self.tables,
            rows: vec![None; self.tables.tables.len()],
            values: Vec::with_capacity(self.fields.len()),
            address,
            mail_domain,
            drawn: order.scene.begin(self.dump.days, order.now),
            now: order.now,
            moment: None,
        };
        for _ in 0..RESTARTS {
            if self.draw_all(order.set, &mut drawing)? {
                // A telephone number that is left out is no field of the canary.
                let names = self.fields.iter().map(|field| field.name.clone());
                let fields = names.zip(drawing.values);
                return Ok(fields.filter(|(_, value)| !value.is_empty()).collect());
            }
            drawing.rows.fill(None);
            drawing.drawn = order.scene.begin(self.dump.days, order.now);
            drawing.moment = None;
            drawing.values.clear();
        }
        Err(self.undrawable(None, RESTARTS))
    }

    /// What an artefact of a canary draws from: its fields are drawn already.
    pub(crate) fn drawing<'a>(
        &'a self,
        rng: &'a mut dyn Rng,
        fields: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Drawing<'a> {
        let value = |field: &Field| fields.get(&field.name).cloned().unwrap_or_default();
        Drawing {
            dice: Dice::new(rng),
            tables: &self.tables,
            rows: vec![None; self.tables.tables.len()],
            values: self.fields.iter().map(value).collect(),
            address: None,
            mail_domain: None,
            drawn: Scene::default().begin(self.dump.days, now),
            now,
            moment: None,
        }
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
        self.field(field)
            .is_none_or(|field| field.secret || field.hidden)
    }

    /// What may be shown and planted of a canary's fields: all but the hidden ones.
    #[must_use]
    pub fn shown(&self, fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        fields
            .iter()
            .filter(|(name, _)| self.field(name).is_none_or(|field| !field.hidden))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether another locale gives other values.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.parts().any(Part::is_local)
    }

    /// Whether its records can show a telephone number.
    #[must_use]
    pub fn shows_phone(&self) -> bool {
        self.parts().any(Part::is_phone)
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let pieces = self
            .fields
            .iter()
            .flat_map(|field| &field.shapes)
            .flat_map(|shape| &shape.pieces);
        pieces.filter_map(|piece| match piece {
            Piece::Part(part) => Some(part),
            _ => None,
        })
    }

    /// Whether it holds a key that takes long to make.
    pub(crate) fn is_costly(&self) -> bool {
        let costly = |piece: &Piece| matches!(piece, Piece::Made(made) if made.is_costly());
        let mut shapes = self.fields.iter().flat_map(|field| &field.shapes);
        shapes.any(|shape| shape.uses(costly))
    }

    /// Whether it answers as a vendor's API (and has that vendor's answer to anything).
    #[must_use]
    pub fn is_api(&self) -> bool {
        self.decoy.api.is_some()
    }

    /// Whether its server asks clients for a certificate.
    #[must_use]
    pub fn asks_for_certificate(&self) -> bool {
        let own = self.decoy.api.iter().flat_map(|api| &api.ways);
        let rules = self
            .decoy
            .rules
            .iter()
            .flat_map(|rule| rule.ways.iter().flatten());
        own.chain(rules).any(|way| way.by == Auth::Certificate)
    }

    /// Draws every field in turn. False: a value that follows from others breaks its rules.
    fn draw_all(
        &self,
        set: &BTreeMap<String, String>,
        drawing: &mut Drawing<'_>,
    ) -> Result<bool, CatalogError> {
        for field in &self.fields {
            let value = match set.get(&field.name) {
                Some(value) => Some(value.clone()),
                None => self.draw(field, drawing)?,
            };
            let Some(value) = value else {
                return Ok(false);
            };
            drawing.values.push(value);
        }
        Ok(true)
    }

    /// Draws one field; `None` if it follows from others and they have to be drawn again.
    fn draw(
        &self,
        field: &Field,
        drawing: &mut Drawing<'_>,
    ) -> Result<Option<String>, CatalogError> {
        let mut value = String::with_capacity(48);
        let mut drawn = Vec::new();
        let derived = field.shapes.iter().all(Format::is_derived);
        for _ in 0..TRIES {
            value.clear();
            drawn.clear();
            let shape = drawing
                .drawn
                .shared(field.uniform, &field.name, field.shapes.len())
                .unwrap_or_else(|| drawing.dice.below(field.shapes.len()));
            let shape = &field.shapes[shape];
            if shape.draw(drawing, &mut value, &mut drawn) && field.rules.accept(&value, &drawn) {
                return Ok(Some(value));
            }
            if derived {
                return Ok(None);
            }
        }
        Err(self.undrawable(Some(field), TRIES))
    }

    fn undrawable(&self, field: Option<&Field>, tries: u32) -> CatalogError {
        CatalogError::Draw {
            kind: self.id.clone(),
            field: field.map_or_else(|| "*".to_owned(), |field| field.name.clone()),
            tries,
        }
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
        scene: Scene<'_>,
        dice: &mut Dice<'_>,
    ) -> Result<Option<Address>, CatalogError> {
        let Some(usage) = &self.address else {
            return Ok(None);
        };
        let address = address.ok_or_else(|| CatalogError::NeedsAddress {
            kind: self.id.clone(),
        })?;
        let label = scene
            .shared("label", usage.labels.len())
            .unwrap_or_else(|| dice.below(usage.labels.len()));
        let label = usage.labels.get(label).map_or("www", String::as_str);
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
