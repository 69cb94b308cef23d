//! Writing a key: the commands, what the server says of them before it runs any, and one transaction that
//! fails if anybody else has touched what it touches.

use lapwing_core::Placement;

use super::address::Address;
use super::beside::{Count, Listing};
use super::form::Form;
use super::record::{Detail, Standing, standing};
use super::server::Server;
use super::uproot::take_back;
use crate::Work;
use crate::diff::{Diff, Sign};
use crate::error::PlantError;
use crate::table::Cell;

/// A key, what it holds, and what else is told of it.
pub(super) struct Writing {
    address: Address,
    pub detail: Detail,
    /// Fields of a hash.
    fields: Vec<(String, String)>,
    /// The whole of a string.
    pub text: String,
    /// What it takes the place of.
    pub old: Option<(Placement, Detail)>,
}

impl Writing {
    pub(super) fn new(
        address: &Address,
        detail: Detail,
        cells: &[Cell],
        text: String,
        old: Option<(Placement, Detail)>,
    ) -> Self {
        let text_of = |cell: &Cell| cell.value.text().unwrap_or_default().to_owned();
        let fields = cells
            .iter()
            .map(|cell| (cell.column.clone(), text_of(cell)));
        Self {
            address: address.clone(),
            fields: fields.collect(),
            detail,
            text,
            old,
        }
    }

    /// The commands that write it.
    fn commands(&self) -> Vec<Vec<&str>> {
        let key = self.detail.key.as_str();
        let mut commands = Vec::new();
        if self.old.is_some() {
            commands.push(vec!["DEL", key]);
        }
        if self.detail.form == Form::Hash {
            let pairs = self
                .fields
                .iter()
                .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
            commands.push(["HSET", key].into_iter().chain(pairs).collect());
        } else {
            commands.push(vec!["SET", key, &self.text, "NX"]);
        }
        for Count { key, .. } in &self.detail.counters {
            commands.push(vec!["INCR", key]);
        }
        for Listing { key, member } in &self.detail.listings {
            commands.push(vec!["SADD", key, member]);
        }
        commands
    }

    /// Whether a key of that name is there.
    pub(super) fn is_there(&self, server: &mut Server) -> Result<bool, PlantError> {
        let reply = server.ask("look for the key", &["EXISTS", &self.detail.key])?;
        Ok(reply.integer() != Some(0))
    }

    fn watch(&self, server: &mut Server) -> Result<(), PlantError> {
        let words = std::iter::once("WATCH").chain(self.detail.touched());
        server.ask("watch the key", &words.collect::<Vec<_>>())?;
        Ok(())
    }

    /// Whether the server takes what writes the key, reads it and takes it out again. Nothing is run.
    pub(super) fn rehearse(&self, server: &mut Server) -> Result<(), PlantError> {
        let key = self.detail.key.as_str();
        self.watch(server)?;
        let mut commands = self.commands();
        let get = if self.detail.form == Form::Hash {
            "HGETALL"
        } else {
            "GET"
        };
        commands.extend([vec![get, key], vec!["PTTL", key]]);
        let (counters, listings) = (self.detail.counters.iter(), self.detail.listings.iter());
        let counters: Vec<&Count> = counters.collect();
        let listings: Vec<&Listing> = listings.collect();
        commands.extend(take_back(Some(key), &counters, &listings));
        server.rehearse("write the key, or take it out again", &commands)
    }

    /// Refuses what has changed since it was planned. What is looked at here is watched.
    fn require_unchanged(&self, server: &mut Server) -> Result<(), PlantError> {
        let raced = |what: String| {
            let problem = self.address.problem(what);
            PlantError::Raced(problem.hint("run it again"))
        };
        if let Some((placement, detail)) = &self.old {
            if standing(server, placement, detail)? != Standing::Same {
                let what = format!("{} is no longer as it was planted", detail.key);
                return Err(raced(what));
            }
        } else if self.is_there(server)? {
            return Err(raced(format!(
                "somebody has written {} meanwhile",
                self.detail.key
            )));
        }
        for count in &self.detail.counters {
            let reply = server.ask("look at a counter", &["GET", &count.key])?;
            if reply.text() != Some(count.before.to_string()) {
                return Err(raced(format!(
                    "{} has given numbers out meanwhile",
                    count.key
                )));
            }
        }
        // A set that has become something else would fail when the rest is done.
        let lists: Vec<&str> = self
            .detail
            .listings
            .iter()
            .map(|list| list.key.as_str())
            .collect();
        let sets = server.types(&lists)?.into_iter().all(|sort| sort == "set");
        if !sets || !self.detail.listed(server)?.is_empty() {
            return Err(raced(format!(
                "somebody has listed {} meanwhile",
                self.detail.key
            )));
        }
        Ok(())
    }
}

impl Work for Writing {
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError> {
        let mut server = Server::open(&self.address)?;
        self.watch(&mut server)?;
        self.require_unchanged(&mut server)?;
        if !server.run("write the key", &self.commands())? {
            let problem = self
                .address
                .problem("somebody has written to its keys meanwhile");
            return Err(PlantError::Raced(problem.hint("run it again")));
        }
        if standing(&mut server, placement, &self.detail)? == Standing::Same {
            return Ok(());
        }
        let what = format!("{} does not read back as it was written", self.detail.key);
        let hint = "something else writes there; `lapwing check` says what stands";
        Err(PlantError::NotOurs(self.address.problem(what).hint(hint)))
    }
}

/// What comes, a field each, and the commands that are sent; what is the owner's is masked.
pub(super) fn show(
    place: &str,
    work: &Writing,
    cells: &[Cell],
    taken: &[bool],
    whole: bool,
) -> Diff {
    let mut diff = Diff::default();
    diff.file(place, place);
    let Detail { key, form, .. } = &work.detail;
    diff.push(Sign::Header, format!("@@ {key} ({}) @@", form.word()));
    let width = cells
        .iter()
        .map(|cell| cell.column.len())
        .max()
        .unwrap_or_default();
    for (cell, taken) in cells.iter().zip(taken) {
        let shown = if *taken && !whole {
            "…".to_owned()
        } else {
            cell.value.printed()
        };
        let name = if cell.column.is_empty() {
            "value"
        } else {
            &cell.column
        };
        diff.push(Sign::Added, format!("{name:width$} = {shown}"));
    }
    diff.push(Sign::Header, "@@ sent in one transaction @@");
    for command in work.commands() {
        let line = match command[0] {
            "HSET" => format!("HSET {key} with {} fields", (command.len() - 2) / 2),
            "SET" => format!("SET {key} with {} bytes, NX", work.text.len()),
            _ => command.join(" "),
        };
        diff.push(Sign::Added, line);
    }
    diff
}
