//! `lapwing kinds`: what bait there is, and what each kind will and will not notice.

use lapwing_catalog::{Basis, Catalog, Kind, Refusal};
use serde_json::{Value, json};

use crate::args::{Global, Kinds};
use crate::context::data_dir;
use crate::failure::Exit;
use crate::output::{self, colour};
use anstyle::AnsiColor;

pub(crate) fn run(global: &Global, args: &Kinds) -> anyhow::Result<Exit> {
    let Kinds { kind, check } = args;
    if let Some(directory) = check {
        return check_directory(directory, global.json);
    }
    let catalog = Catalog::load(Some(&data_dir(global)?.join("canaries")))?;
    match kind {
        Some(id) => {
            let kind = catalog.require(id)?;
            if global.json {
                output::json(&as_json(kind))?
            } else {
                explain(kind)?
            }
        }
        None if global.json => {
            output::json(&catalog.kinds().map(as_json).collect::<Vec<_>>())?;
        }
        None => {
            let mut table = output::table(&["kind", "class", "trigger", "what it is"]);
            for kind in catalog.kinds() {
                let trigger = match &kind.companion {
                    Some(companion) => format!("{} (with {companion})", trigger(kind)),
                    None => trigger(kind),
                };
                table.add_row([&kind.id, &kind.class, &trigger, &kind.summary]);
            }
            output::print_table(&table)?;
            output::say("\nlapwing kinds KIND explains one");
        }
    }
    Ok(Exit::Fine)
}

fn trigger(kind: &Kind) -> String {
    json!(kind.trigger).as_str().unwrap_or_default().to_owned()
}

fn refusal(refusal: &Refusal) -> String {
    let basis = match refusal.basis {
        Basis::Recorded => "recorded answer of the vendor's",
        Basis::Program => "source of the program that answers",
        Basis::Documented => "vendor's documentation",
        Basis::Inferred => "inferred from the vendor's other answers: none to this was found",
    };
    match &refusal.source {
        Some(source) => format!("{basis}: {source}"),
        None => basis.to_owned(),
    }
}

fn as_json(kind: &Kind) -> Value {
    json!({
        "id": kind.id, "class": kind.class, "name": kind.name, "summary": kind.summary,
        "trigger": kind.trigger, "companion": kind.companion, "fires": kind.fires, "blind_spots": kind.blind_spots,
        "lives": kind.lives, "references": kind.references, "attack": kind.attack,
        "refusal": kind.refusal, "d3fend": kind.d3fend, "carries_address": kind.address.is_some(),
        "fields": kind.fields.iter().map(|field| json!({
            "name": field.name, "handle": field.handle, "secret": field.secret,
            "settable": field.settable, "hidden": field.hidden,
        })).collect::<Vec<_>>(),
    })
}

fn explain(kind: &Kind) -> anyhow::Result<()> {
    let bold = anstyle::Style::new().bold();
    let head = colour(AnsiColor::Cyan);
    output::line(&format!(
        "{bold}{}{bold:#} ({}, {})",
        kind.name, kind.id, kind.class
    ))?;
    output::line(&kind.summary)?;
    let section = |title: &str, items: &[String]| -> std::io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        output::line(&format!("\n{head}{title}{head:#}"))?;
        items
            .iter()
            .try_for_each(|item| output::line(&format!("  {item}")))
    };
    section(
        &format!("How it fires ({})", trigger(kind)),
        std::slice::from_ref(&kind.fires),
    )?;
    section("Plant with it, or in its place", kind.companion.as_slice())?;
    section("What it will not notice", &kind.blind_spots)?;
    section("Where it usually lives", &kind.lives)?;
    let fields: Vec<String> = kind
        .fields
        .iter()
        .map(|field| {
            let set = format!("--set {}=..", field.name);
            let mut marks = Vec::new();
            if field.handle {
                marks.push("recognised by");
            }
            if field.secret {
                marks.push("secret");
            }
            if field.hidden {
                marks.push("hidden");
            }
            if field.settable {
                marks.push(&set);
            }
            format!("{:<20} {}", field.name, marks.join(", "))
                .trim_end()
                .to_owned()
        })
        .collect();
    section("Fields", &fields)?;
    let refusal = kind.refusal.as_ref().map(refusal);
    section(
        "What its answer to an unknown credential rests on",
        refusal.as_slice(),
    )?;
    section("ATT&CK techniques a trip is evidence of", &kind.attack)?;
    section("References", &kind.references)?;
    Ok(())
}

fn check_directory(directory: &std::path::Path, json: bool) -> anyhow::Result<Exit> {
    let findings = lapwing_catalog::check(directory)?;
    if json {
        let findings: Vec<_> = findings
            .iter()
            .map(
                |finding| json!({"kind": finding.kind, "what": finding.what, "hint": finding.hint}),
            )
            .collect();
        output::json(&findings)?;
    } else if findings.is_empty() {
        output::line("every kind is fine")?;
    } else {
        for finding in &findings {
            output::line(&format!("{}: {}", finding.kind, finding.what))?;
            output::line(&format!("  {}", finding.hint))?;
        }
    }
    if findings.is_empty() {
        return Ok(Exit::Fine);
    }
    anyhow::bail!("{} of the kinds' checks failed", findings.len())
}
