//! Exports of password managers and browsers: CSV with a line of titles, one login a row. Places come
//! from cutting at the quotes, proof from the `csv` crate.

use std::path::Path;

use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::login::Login;
use crate::names;
use crate::text::{LITERAL, Ours, Request};

/// The dialect of tables of logins.
pub(in crate::target) struct Table;

/// Exports as CSV.
pub(in crate::target) const CSV: Flat<Table> = Flat(Table);

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Title,
    Address,
    User,
    Secret,
    /// The same in every row: a folder, a type.
    Common,
    Other,
}

impl Column {
    fn of(title: &str) -> Self {
        let title = title.trim().to_lowercase().replace([' ', '-'], "_");
        match title.as_str() {
            "title" | "name" | "account" | "entry" | "label" => Self::Title,
            "url" | "website" | "web_site" | "login_uri" | "uri" | "hostname" | "location" => {
                Self::Address
            }
            "username" | "user_name" | "login_name" | "login_username" | "user" | "login"
            | "email" => Self::User,
            "password" | "login_password" | "pass" | "secret" => Self::Secret,
            "group" | "folder" | "grouping" | "type" | "vault" | "icon" | "httprealm"
            | "formactionorigin" => Self::Common,
            _ => Self::Other,
        }
    }
}

impl Dialect for Table {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        name.ends_with(".csv")
    }

    fn values(&self, wish: &Wish) -> Values {
        let login = Login::of(wish);
        let whole = login.secret.is_some() && login.at.is_some();
        whole
            .then(|| ("title".to_owned(), String::new()))
            .into_iter()
            .collect()
    }

    /// The row as JSON under its title.
    fn ours(&self, page: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        let row = row(page, request.wish, role);
        let entry = row.map(|(title, cells)| {
            let cells = serde_json::Value::from(cells).to_string();
            (title, format!("{LITERAL}{cells}"))
        });
        Ours {
            at: Vec::new(),
            key: None,
            entries: entry.into_iter().collect(),
            made: false,
        }
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let mark = delimiter(text);
        let mut units = Vec::new();
        let mut at = 0;
        let mut title = None;
        while at < text.len() {
            let (end, cells) = cells(text, at, mark)?;
            let at_title = *title.get_or_insert_with(|| {
                let mut titles = cells.iter().map(|cell| Column::of(cell));
                titles
                    .position(|column| column == Column::Title)
                    .unwrap_or(0)
            });
            units.push(Unit {
                name: cells.get(at_title).cloned().unwrap_or_default(),
                value: serde_json::Value::from(cells).to_string(),
                span: at..end,
                top: true,
            });
            at = end;
        }
        Ok(units)
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(u8::try_from(delimiter(text)).unwrap_or(b','))
            .from_reader(text.as_bytes());
        let mut at_title = None;
        let mut out = Vec::new();
        for record in reader.records() {
            let cells: Vec<String> = match record {
                Ok(record) => record.iter().map(str::to_owned).collect(),
                Err(error) => vec![error.to_string()],
            };
            let at = *at_title.get_or_insert_with(|| {
                let mut titles = cells.iter().map(|cell| Column::of(cell));
                titles
                    .position(|column| column == Column::Title)
                    .unwrap_or(0)
            });
            let name = cells.get(at).cloned().unwrap_or_default();
            out.push((name, serde_json::Value::from(cells).to_string()));
        }
        out
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let missing = || "a login (there are no columns for an address and a password)".to_owned();
        let (_, value) = ours.entries.first().ok_or_else(missing)?;
        let cells: Vec<String> = serde_json::from_str(value).map_err(|_| missing())?;
        let mark = delimiter(page.file.text);
        let last = page
            .units
            .last()
            .map_or("", |unit| &page.file.text[unit.span.clone()]);
        let all = page.units.len() > 1 && last.starts_with('"') && last.trim_end().ends_with('"');
        let write = |cell: &String| {
            if all || cell.contains([mark, '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.clone()
            }
        };
        let row: Vec<String> = cells.iter().map(write).collect();
        Ok(row.join(&mark.to_string()))
    }

    /// Among the rows, not the last of them; never above the titles.
    fn slots(&self, page: &Page<'_>, _: &Ours) -> Vec<Slot> {
        let rows = &page.units;
        let middle = rows.get(rows.len() * 2 / 3).filter(|_| rows.len() > 2);
        let mut slots: Vec<Slot> = middle
            .map(|unit| Slot::at(unit.span.end))
            .into_iter()
            .collect();
        slots.push(Slot::at(page.end().offset));
        slots
    }

    fn secret_lines(&self) -> bool {
        true
    }
}

/// The sign between cells: the one the first line has most of.
fn delimiter(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: &char| first.matches(*mark).count();
    [',', '\t', ';']
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(',')
}

/// The cells of the row at an offset, and its end.
fn cells(text: &str, start: usize, mark: char) -> Result<(usize, Vec<String>), usize> {
    let mut out = vec![String::new()];
    let mut characters = text[start..].char_indices().peekable();
    let (mut inside, mut fresh) = (false, true);
    while let Some((at, c)) = characters.next() {
        let last = out.len() - 1;
        let was_fresh = std::mem::replace(&mut fresh, false);
        match c {
            '"' if inside && characters.next_if(|(_, c)| *c == '"').is_some() => {
                out[last].push('"')
            }
            '"' if inside => inside = false,
            c if inside => out[last].push(c),
            '"' if was_fresh => inside = true,
            '\n' => {
                let cell = out[last].trim_end_matches('\r').len();
                out[last].truncate(cell);
                return Ok((start + at + 1, out));
            }
            c if c == mark => {
                out.push(String::new());
                fresh = true;
            }
            c => out[last].push(c),
        }
    }
    if inside {
        Err(start)
    } else {
        Ok((text.len(), out))
    }
}

/// A row for the file's columns: its title, and its cells.
fn row(page: &Page<'_>, wish: &Wish, role: &str) -> Option<(String, Vec<String>)> {
    let parse = |unit: &Unit| serde_json::from_str::<Vec<String>>(&unit.value).ok();
    let titles = parse(page.units.first()?)?;
    let columns: Vec<Column> = titles.iter().map(|title| Column::of(title)).collect();
    let neighbour = page
        .units
        .iter()
        .skip(1)
        .rev()
        .filter_map(parse)
        .find(|cells| cells.len() == columns.len())
        .unwrap_or_default();
    let login = Login::of(wish);
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    if !columns.contains(&Column::Address) || !columns.contains(&Column::Secret) {
        return None;
    }
    let key = wish
        .tree
        .as_ref()
        .map_or(wish.kind.as_str(), |(key, _)| key);
    let words = names::fill(key, role).replace(['_', '-', '.'], " ");
    let mut title = words;
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut used = Vec::new();
    let mut cells = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        // A second column of the same sort stays empty, as e-mail beside a user name does.
        let again = *column != Column::Common && used.contains(column);
        used.push(*column);
        cells.push(match column {
            _ if again => String::new(),
            Column::Title => title.clone(),
            Column::Address => at.url(None),
            Column::User => login.who().to_owned(),
            Column::Secret => secret.to_owned(),
            Column::Common => neighbour.get(index).cloned().unwrap_or_default(),
            Column::Other => String::new(),
        });
    }
    let titled = columns
        .iter()
        .position(|column| *column == Column::Title)
        .unwrap_or(0);
    Some((cells[titled].clone(), cells))
}
