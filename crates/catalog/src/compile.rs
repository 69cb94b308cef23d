//! From the schema to a kind: formats compiled, names checked, every mistake told with its line.

use toml::Spanned;

use crate::artifact::Plan;
use crate::clean::Rules;
use crate::decoy::Decoy;
use crate::error::CatalogError;
use crate::format::{Format, LONGEST_HANDLE, Names, Piece, longest};
use crate::kind::{
    AddressUse, ColumnHint, Field, IniHint, Kind, PlantHints, Table, Tables, TreeHint,
};
use crate::render::NewTemplate;
use crate::schema::{FieldTable, KindFile, Pairs, PlantTable, Source};

impl Kind {
    /// Reads and checks one file. `class` and `stem` are its folder and name.
    pub(crate) fn compile(
        class: &str,
        stem: &str,
        source: Source<'_>,
    ) -> Result<(Self, Vec<NewTemplate>), CatalogError> {
        let mut file = source.parse()?;
        if file.id.get_ref() != stem {
            return Err(source.wrong(
                file.id.span().start,
                format!("id {:?} is not the file's name {stem:?}", file.id.get_ref()),
                "rename the file or the id",
            ));
        }
        let tables = Tables::compile(&mut file)
            .map_err(|what| source.wrong(0, what, "see [list] and [[table]] in this file"))?;
        let fields = compile_fields(&file.field, &tables, source)?;
        let artifact = file.artifact.take();
        let plan = artifact
            .map(|table| Plan::compile(table, &fields, &tables, source))
            .transpose()?;
        let (decoy, templates) = Decoy::compile(&file, &fields, source)?;
        let kind = Self {
            id: stem.to_owned(),
            class: class.to_owned(),
            name: file.name,
            names: file.names,
            summary: file.summary,
            trigger: file.trigger,
            references: file.references,
            attack: file.attack,
            refusal: file.api.and_then(|api| api.refusal),
            d3fend: file.d3fend,
            fires: file.fires,
            blind_spots: file.blind_spots,
            lives: file.lives,
            companion: file.companion.map(Spanned::into_inner),
            fields,
            login: file.login,
            address: file.address.map(|table| AddressUse {
                labels: table.labels,
                exclusive: table.exclusive,
                names: table.names,
            }),
            plant: PlantHints::from(file.plant),
            file: source.file.to_owned(),
            tables,
            examples: file.example,
            counter_examples: file.counter_example,
            decoy,
            plan,
            dump: file.dump,
        };
        kind.check_names(source)?;
        Ok((kind, templates))
    }

    /// Hints and examples may name declared fields only; handles have to be there.
    fn check_names(&self, source: Source<'_>) -> Result<(), CatalogError> {
        self.check_planted(source)?;
        for example in self.examples.iter().chain(&self.counter_examples) {
            if self.field(example.field.get_ref()).is_none() {
                return Err(source.wrong(
                    example.field.span().start,
                    format!(
                        "the example names the field {:?}, which is not declared",
                        example.field.get_ref()
                    ),
                    "name a declared field",
                ));
            }
        }
        if !self.fields.iter().any(|field| field.handle) {
            return Err(source.wrong(
                0,
                "no field is a handle, so nothing would ever be recognised",
                "mark one with `handle = true`",
            ));
        }
        let carries = self
            .fields
            .iter()
            .flat_map(|field| &field.shapes)
            .any(|shape| {
                shape.uses(|piece| matches!(piece, Piece::Url | Piece::Host | Piece::Authority))
            });
        match (&self.address, carries) {
            (None, true) => Err(source.wrong(
                0,
                "a format holds {url}, {host} or {authority}, but there is no [address]",
                "add [address] with the labels its host may have",
            )),
            (Some(_), false) => Err(source.wrong(
                source.text.find("[address]").unwrap_or_default(),
                "[address] is there, but no format holds {url}, {host} or {authority}",
                "add the field \"beacon.url\"",
            )),
            (Some(usage), true)
                if usage.labels.is_empty() || usage.labels.iter().any(|label| !is_label(label)) =>
            {
                Err(source.wrong(
                    source.text.find("[address]").unwrap_or_default(),
                    "labels are one or more host labels",
                    "use lower-case letters, digits and `-`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Hints name fields that are declared, and none that is hidden.
    fn check_planted(&self, source: Source<'_>) -> Result<(), CatalogError> {
        let plant = &self.plant;
        let named = plant
            .env
            .iter()
            .map(|(_, field)| field)
            .chain(
                plant
                    .tree
                    .iter()
                    .flat_map(|tree| tree.values.iter().map(|(_, field)| field)),
            )
            .chain(
                plant
                    .ini
                    .iter()
                    .flat_map(|ini| ini.values.iter().map(|(_, field)| field)),
            )
            .chain(plant.row.iter().map(|column| &column.field));
        for name in named {
            let at = source.text.find("[plant").unwrap_or_default();
            match self.field(name) {
                None => {
                    return Err(source.wrong(
                        at,
                        format!("[plant] names the field {name:?}, which is not declared"),
                        "declare it under [[field]], or correct the name",
                    ));
                }
                Some(field) if field.hidden => {
                    return Err(source.wrong(
                        at,
                        format!("[plant] names the field {name:?}, which is hidden"),
                        "hidden fields are never planted; name another or drop `hidden`",
                    ));
                }
                Some(_) => {}
            }
        }
        if let Some(what) = self.dump.wrong(|field| self.field(field).is_some()) {
            let at = source.text.find("[dump]").unwrap_or_default();
            return Err(source.wrong(at, what, "correct [dump]"));
        }
        let field = |name: &str| Some(self.field(name)?.handle);
        if let Some(what) = self.login.as_ref().and_then(|login| login.wrong(field)) {
            let at = source.text.find("[login]").unwrap_or_default();
            return Err(source.wrong(at, what, "correct [login]"));
        }
        Ok(())
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl Tables {
    fn compile(file: &mut KindFile) -> Result<Self, String> {
        let mut tables = Self {
            lists: std::mem::take(&mut file.list).into_iter().collect(),
            tables: Vec::new(),
        };
        if let Some((name, _)) = tables.lists.iter().find(|(_, items)| items.is_empty()) {
            return Err(format!("[list] {name} is empty"));
        }
        for (name, rows) in std::mem::take(&mut file.table) {
            let columns: Vec<String> = rows
                .first()
                .map(|row| row.keys().cloned().collect())
                .unwrap_or_default();
            if columns.is_empty() || rows.iter().any(|row| !row.keys().eq(columns.iter())) {
                return Err(format!(
                    "rows of [[table.{name}]] have to share one set of columns"
                ));
            }
            let names = Names {
                fields: &[],
                tables: &tables,
            };
            let rows = rows
                .iter()
                .map(|row| {
                    row.values()
                        .map(|cell| Format::compile(cell, names))
                        .collect()
                })
                .collect::<Result<_, _>>()?;
            tables.tables.push(Table {
                name,
                columns,
                rows,
            });
        }
        Ok(tables)
    }
}

fn compile_fields(
    tables_of: &[FieldTable],
    tables: &Tables,
    source: Source<'_>,
) -> Result<Vec<Field>, CatalogError> {
    let mut names: Vec<String> = Vec::new();
    let mut fields = Vec::new();
    for table in tables_of {
        let name = table.name.get_ref();
        if names.contains(name) {
            return Err(source.wrong(
                table.name.span().start,
                format!("field {name:?} is declared twice"),
                "rename or drop one",
            ));
        }
        let shapes = shapes(
            table,
            Names {
                fields: &names,
                tables,
            },
            source,
        )?;
        let too_long = |shape: &Format| longest(&shape.pieces) > LONGEST_HANDLE;
        if table.handle && shapes.iter().any(too_long) {
            return Err(source.wrong(
                table.name.span().start,
                format!("field {name:?} is no handle: it is longer than 1024 bytes"),
                "drop `handle`; mark the part of it that comes back",
            ));
        }
        let worded = shapes.iter().any(|shape| {
            shape.uses(|piece| {
                matches!(
                    piece,
                    Piece::Words { .. } | Piece::Pick(_) | Piece::Row { .. }
                )
            })
        });
        fields.push(Field {
            name: name.clone(),
            handle: table.handle,
            secret: table.secret,
            settable: table.settable,
            uniform: table.uniform,
            hidden: table.hidden,
            format: shapes
                .iter()
                .map(|shape| shape.text.as_str())
                .collect::<Vec<_>>()
                .join(" | "),
            rules: Rules {
                clean: table
                    .clean
                    .unwrap_or((table.handle || table.secret) && !worded),
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

fn shapes(
    table: &FieldTable,
    names: Names<'_>,
    source: Source<'_>,
) -> Result<Vec<Format>, CatalogError> {
    if let Some(from) = &table.from {
        let index = names
            .fields
            .iter()
            .position(|field| field == from.get_ref())
            .ok_or_else(|| {
                source.wrong(
                    from.span().start,
                    format!("there is no field {:?} above", from.get_ref()),
                    "declare it above this one",
                )
            })?;
        return Ok(vec![Format {
            text: format!("{{field:{}}}", from.get_ref()),
            pieces: vec![Piece::Field {
                index,
                filters: Box::default(),
            }],
        }]);
    }
    let written: Vec<&Spanned<String>> = table.format.iter().chain(&table.formats).collect();
    if written.is_empty() {
        return Err(source.wrong(
            table.name.span().start,
            format!("field {:?} has no format", table.name.get_ref()),
            "give it `format`, `formats` or `from`",
        ));
    }
    written
        .into_iter()
        .map(|text| {
            Format::compile(text.get_ref(), names)
                .map_err(|what| source.wrong(text.span().start, what, "correct the format"))
        })
        .collect()
}

impl From<PlantTable> for PlantHints {
    fn from(table: PlantTable) -> Self {
        let PlantTable {
            roles,
            env,
            tree,
            ini,
            row,
            defaults,
        } = table;
        let Pairs(env) = env;
        Self {
            roles,
            env,
            tree: tree.map(|tree| TreeHint {
                key: tree.key,
                values: tree.values.0,
            }),
            ini: ini
                .into_iter()
                .map(|ini| IniHint {
                    file: ini.file,
                    section: ini.section,
                    values: ini.values.0,
                })
                .collect(),
            row: row
                .into_iter()
                .map(|row| ColumnHint {
                    columns: row.columns,
                    field: row.field,
                })
                .collect(),
            defaults,
        }
    }
}
