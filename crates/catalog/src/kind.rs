//! A kind of bait: what its file says, checked and compiled, and minting from it.

use std::collections::BTreeMap;

use lapwing_core::{Timestamp, Trigger};
use rand::Rng;
use toml::Spanned;

use crate::address::Address;
use crate::clean::Rules;
use crate::dice::Dice;
use crate::error::CatalogError;
use crate::format::{Drawing, Filter, Fit, Format, Names, Piece};
use crate::schema::{ExampleTable, FieldTable, KindFile, Pairs, PlantTable, Source};

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
    pub fn mint(&self, order: &mut MintOrder<'_>) -> Result<BTreeMap<String, String>, CatalogError> {
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
                    settable: self.fields.iter().filter(|field| field.settable).map(|field| field.name.clone()).collect(),
                });
            };
            let fits = field.shapes.iter().any(|shape| shape.fit(value) == Fit::Full);
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

    fn chosen_address(&self, address: Option<&Address>, dice: &mut Dice<'_>) -> Result<Option<Address>, CatalogError> {
        let Some(usage) = &self.address else {
            return Ok(None);
        };
        let address = address.ok_or_else(|| CatalogError::NeedsAddress { kind: self.id.clone() })?;
        let label = dice.pick(&usage.labels).map_or("www", String::as_str);
        Ok(Some(address.with_label(label)))
    }

    /// The operator's mail domain, or the host of the address: mail there comes to us at least.
    fn chosen_mail_domain(&self, domain: Option<&str>, address: Option<&Address>) -> Result<Option<String>, CatalogError> {
        let needs = self.fields.iter().flat_map(|field| &field.shapes).any(|shape| shape.uses(|piece| matches!(piece, Piece::MailDomain)));
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
            .ok_or_else(|| CatalogError::NeedsMailDomain { kind: self.id.clone() })
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
    name: String,
    columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Format>>,
}

impl Tables {
    pub(crate) fn list(&self, name: &str) -> Option<usize> {
        self.lists.iter().position(|(list, _)| list == name)
    }

    pub(crate) fn column(&self, table: &str, column: &str) -> Option<(usize, usize)> {
        let index = self.tables.iter().position(|known| known.name == table)?;
        let column = self.tables[index].columns.iter().position(|known| known == column)?;
        Some((index, column))
    }

    fn compile(file: &mut KindFile) -> Result<Self, String> {
        let mut tables = Self {
            lists: std::mem::take(&mut file.list).into_iter().collect(),
            tables: Vec::new(),
        };
        if let Some((name, _)) = tables.lists.iter().find(|(_, items)| items.is_empty()) {
            return Err(format!("[list] {name} is empty"));
        }
        for (name, rows) in std::mem::take(&mut file.table) {
            let columns: Vec<String> = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
            if columns.is_empty() || rows.iter().any(|row| !row.keys().eq(columns.iter())) {
                return Err(format!("rows of [[table.{name}]] have to share one set of columns"));
            }
            let names = Names { fields: &[], tables: &tables };
            let rows = rows
                .iter()
                .map(|row| row.values().map(|cell| Format::compile(cell, names)).collect())
                .collect::<Result<_, _>>()?;
            tables.tables.push(Table { name, columns, rows });
        }
        Ok(tables)
    }
}

impl Kind {
    /// Reads and checks one file. `class` and `stem` are its folder and name.
    pub(crate) fn compile(class: &str, stem: &str, source: Source<'_>) -> Result<(Self, Vec<crate::render::NewTemplate>), CatalogError> {
        let mut file = source.parse()?;
        if file.id.get_ref() != stem {
            return Err(source.wrong(file.id.span().start, format!("id {:?} is not the file's name {stem:?}", file.id.get_ref()), "rename the file or the id"));
        }
        let tables = Tables::compile(&mut file).map_err(|what| source.wrong(0, what, "see [list] and [[table]] in this file"))?;
        let fields = compile_fields(&file.field, &tables, source)?;
        let (decoy, templates) = crate::decoy::Decoy::compile(&file, &fields, source)?;
        let kind = Self {
            id: stem.to_owned(),
            class: class.to_owned(),
            name: file.name,
            summary: file.summary,
            trigger: file.trigger,
            references: file.references,
            attack: file.attack,
            d3fend: file.d3fend,
            fires: file.fires,
            blind_spots: file.blind_spots,
            lives: file.lives,
            fields,
            address: file.address.map(|table| AddressUse { labels: table.labels, exclusive: table.exclusive }),
            plant: PlantHints::from(file.plant),
            file: source.file.to_owned(),
            tables,
            examples: file.example,
            counter_examples: file.counter_example,
            decoy,
        };
        kind.check_names(source)?;
        Ok((kind, templates))
    }

    /// Hints and examples may name declared fields only; handles have to be there.
    fn check_names(&self, source: Source<'_>) -> Result<(), CatalogError> {
        let plant = &self.plant;
        let named = plant.env.iter().map(|(_, field)| field)
            .chain(plant.tree.iter().flat_map(|tree| tree.values.iter().map(|(_, field)| field)))
            .chain(plant.ini.iter().flat_map(|ini| ini.values.iter().map(|(_, field)| field)))
            .chain(plant.row.iter().map(|column| &column.field));
        for name in named {
            if self.field(name).is_none() {
                let at = source.text.find("[plant").unwrap_or_default();
                return Err(source.wrong(at, format!("[plant] names the field {name:?}, which is not declared"), "declare it under [[field]], or correct the name"));
            }
        }
        for example in self.examples.iter().chain(&self.counter_examples) {
            if self.field(example.field.get_ref()).is_none() {
                return Err(source.wrong(example.field.span().start, format!("the example names the field {:?}, which is not declared", example.field.get_ref()), "name a declared field"));
            }
        }
        if !self.fields.iter().any(|field| field.handle) {
            return Err(source.wrong(0, "no field is a handle, so nothing would ever be recognised", "mark one with `handle = true`"));
        }
        let carries = self.fields.iter().flat_map(|field| &field.shapes).any(|shape| shape.uses(|piece| matches!(piece, Piece::Url)));
        match (&self.address, carries) {
            (None, true) => Err(source.wrong(0, "a format holds {url}, but there is no [address]", "add [address] with the labels its host may have")),
            (Some(_), false) => Err(source.wrong(source.text.find("[address]").unwrap_or_default(), "[address] is there, but no format holds {url}", "add the field \"beacon.url\"")),
            (Some(usage), true) if usage.labels.is_empty() || usage.labels.iter().any(|label| !is_label(label)) => {
                Err(source.wrong(source.text.find("[address]").unwrap_or_default(), "labels are one or more host labels", "use lower-case letters, digits and `-`"))
            }
            _ => Ok(()),
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn compile_fields(tables_of: &[FieldTable], tables: &Tables, source: Source<'_>) -> Result<Vec<Field>, CatalogError> {
    let mut names: Vec<String> = Vec::new();
    let mut fields = Vec::new();
    for table in tables_of {
        let name = table.name.get_ref();
        if names.contains(name) {
            return Err(source.wrong(table.name.span().start, format!("field {name:?} is declared twice"), "rename or drop one"));
        }
        let shapes = shapes(table, Names { fields: &names, tables }, source)?;
        let worded = shapes.iter().any(|shape| shape.uses(|piece| matches!(piece, Piece::Words { .. } | Piece::Pick(_) | Piece::Row { .. })));
        fields.push(Field {
            name: name.clone(),
            handle: table.handle,
            secret: table.secret,
            settable: table.settable,
            format: shapes.iter().map(|shape| shape.text.as_str()).collect::<Vec<_>>().join(" | "),
            rules: Rules {
                clean: table.clean.unwrap_or((table.handle || table.secret) && !worded),
                entropy: table.entropy,
                digits: table.digits,
                lower: table.lower,
                upper: table.upper,
            },
            shapes,
        });
        names.push(name.clone());
    }
    Ok(fields)
}

fn shapes(table: &FieldTable, names: Names<'_>, source: Source<'_>) -> Result<Vec<Format>, CatalogError> {
    if let Some(from) = &table.from {
        let index = names.fields.iter().position(|field| field == from.get_ref())
            .ok_or_else(|| source.wrong(from.span().start, format!("there is no field {:?} above", from.get_ref()), "declare it above this one"))?;
        return Ok(vec![Format { text: format!("{{field:{}}}", from.get_ref()), pieces: vec![Piece::Field { index, filter: Filter::Plain }] }]);
    }
    let written: Vec<&Spanned<String>> = table.format.iter().chain(&table.formats).collect();
    if written.is_empty() {
        return Err(source.wrong(table.name.span().start, format!("field {:?} has no format", table.name.get_ref()), "give it `format`, `formats` or `from`"));
    }
    written
        .into_iter()
        .map(|text| Format::compile(text.get_ref(), names).map_err(|what| source.wrong(text.span().start, what, "correct the format")))
        .collect()
}

impl From<PlantTable> for PlantHints {
    fn from(table: PlantTable) -> Self {
        let PlantTable { roles, env, tree, ini, row, defaults } = table;
        let Pairs(env) = env;
        Self {
            roles,
            env,
            tree: tree.map(|tree| TreeHint { key: tree.key, values: tree.values.0 }),
            ini: ini.into_iter().map(|ini| IniHint { file: ini.file, section: ini.section, values: ini.values.0 }).collect(),
            row: row.into_iter().map(|row| ColumnHint { columns: row.columns, field: row.field }).collect(),
            defaults,
        }
    }
}
