//! The battery every kind runs through: ours in a test, the operator's own by `lapwing kinds --check`.

mod claims;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lapwing_core::{Timestamp, Trigger};
use minijinja::Value;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::address::Address;
use crate::answer::{LONGEST_ECHO, LONGEST_HEADER, LONGEST_NAME};
use crate::catalog::{CLASSES, Catalog};
use crate::decoy::Text;
use crate::error::CatalogError;
use crate::fit::Fit;
use crate::format::Format;
use crate::format::Piece;
use crate::kind::{Field, Kind, MintOrder};
use crate::render::{LARGEST_BODY, Made, render};
use crate::request::Request;
use crate::schema::Checksum;

/// How many of each kind are minted.
const SAMPLES: usize = 500;
/// How many files are written of a kind that is one.
const FILES: usize = 30;
/// How many of those that hold an RSA key: each takes a tenth of a second.
const COSTLY_SAMPLES: usize = 3;
/// Least bits of chance in a handle: fewer, and a stranger may hit one.
const HANDLE_BITS: f64 = 30.0;

/// Something wrong with a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// Runs the battery over the kinds compiled in and those below `dir`; empty means that all is well.
///
/// # Errors
/// A file that cannot be read or does not follow the schema: there is nothing to run then.
pub fn check(dir: &Path) -> Result<Vec<Finding>, CatalogError> {
    Ok(examine(&Catalog::load_tried(Some(dir))?))
}

/// Runs the battery over a catalogue.
pub(crate) fn examine(catalog: &Catalog) -> Vec<Finding> {
    let kinds: Vec<&Kind> = catalog.kinds().collect();
    let mut findings = Findings(Vec::new());
    let mut samples = Vec::new();
    for (kind, (of_kind, minted)) in kinds.iter().zip(side_by_side(catalog, &kinds)) {
        findings.0.extend(of_kind.0);
        samples.push((*kind, minted));
    }
    claims::claims(&samples, &mut findings);
    findings.0
}

/// What is wrong with one kind by itself, and what was minted of it.
type Examined = (Findings, Vec<BTreeMap<String, String>>);

/// Each kind in turn on as many threads as there are processors; results in the kinds' order.
fn side_by_side(catalog: &Catalog, kinds: &[&Kind]) -> Vec<Examined> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(kind) = kinds.get(at) else {
                return done;
            };
            done.push((at, examine_one(catalog, kind)));
        }
    };
    let mut all = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join());
        done.flat_map(|done| done.expect("a check does not panic"))
            .collect::<Vec<_>>()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, examined)| examined).collect()
}

fn examine_one(catalog: &Catalog, kind: &Kind) -> Examined {
    let mut findings = Findings(Vec::new());
    prose(kind, &mut findings);
    companion(catalog, kind, &mut findings);
    examples(kind, &mut findings);
    let minted = mint(kind, &mut findings);
    values(kind, &minted, &mut findings);
    answers(catalog, kind, &minted, &mut findings);
    let files = &minted[..minted.len().min(FILES)];
    if let Some((what, hint)) = crate::artifact::examine(kind, files, now()) {
        findings.add(kind, what, hint);
    }
    (findings, minted)
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: &Kind, what: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Finding {
            kind: kind.id.clone(),
            what: what.into(),
            hint: hint.into(),
        });
    }
}

fn prose(kind: &Kind, findings: &mut Findings) {
    let Kind {
        name,
        summary,
        fires,
        blind_spots,
        lives,
        ..
    } = kind;
    for (what, text) in [("name", name), ("summary", summary), ("fires", fires)] {
        if text.trim().is_empty() || text.contains('\n') {
            findings.add(
                kind,
                format!("`{what}` is not one line of text"),
                "say it in one line",
            );
        }
    }
    if blind_spots.is_empty() || lives.is_empty() {
        findings.add(
            kind,
            "it does not say what it will not notice, or where it lives",
            "fill `blind_spots` and `lives`",
        );
    }
}

/// A kind whose use only a vendor sees names another that we do see.
fn companion(catalog: &Catalog, kind: &Kind, findings: &mut Findings) {
    let hint = "name a kind that carries our address, `companion = \"id\"`";
    match kind.companion.as_deref().map(|id| (id, catalog.kind(id))) {
        None if kind.trigger == Trigger::Provider => {
            findings.add(
                kind,
                "only a vendor sees its use, and it has no companion",
                hint,
            );
        }
        Some((id, None)) => findings.add(kind, format!("there is no kind {id:?}"), hint),
        Some((id, Some(other))) if other.trigger != Trigger::Endpoint => {
            findings.add(
                kind,
                format!("its companion {id} does not carry our address"),
                hint,
            );
        }
        _ => {}
    }
}

fn examples(kind: &Kind, findings: &mut Findings) {
    let fit = |field: &str, value: &str| {
        let shapes = kind
            .field(field)
            .map(|field| field.shapes.as_slice())
            .unwrap_or_default();
        shapes
            .iter()
            .map(|shape| shape.fit(value))
            .max()
            .unwrap_or(Fit::No)
    };
    for example in &kind.examples {
        let field = example.field.get_ref();
        let has_checksum = kind
            .field(field)
            .is_some_and(|field| field.shapes.iter().any(Format::has_checksum));
        match (fit(field, &example.value), example.checksum) {
            (Fit::Full, Checksum::None) if !has_checksum => {}
            (Fit::Shape, Checksum::Wrong) => {}
            (Fit::No, _) => findings.add(
                kind,
                format!("an example of {field} does not fit its format"),
                "correct the example or the format",
            ),
            (Fit::Full, _) => findings.add(
                kind,
                format!("an example of {field} has a right checksum"),
                "change its last characters and say `checksum = \"wrong\"`",
            ),
            (Fit::Shape, Checksum::None) => findings.add(
                kind,
                format!("the checksum of an example of {field} fails"),
                "say `checksum = \"wrong\"`",
            ),
        }
    }
    for example in &kind.counter_examples {
        let field = example.field.get_ref();
        if fit(field, &example.value) == Fit::Full {
            findings.add(
                kind,
                format!("a counter-example of {field} fits its format"),
                "tighten the format or drop the counter-example",
            );
        }
    }
}

/// The day on which samples are minted.
fn now() -> Timestamp {
    Timestamp::parse("2026-06-01").expect("a valid date")
}

fn mint(kind: &Kind, findings: &mut Findings) -> Vec<BTreeMap<String, String>> {
    let mut rng = StdRng::seed_from_u64(0x6c61_7077);
    let address = Address::parse("https://*.example.org").expect("a valid address");
    let set = BTreeMap::new();
    let now = now();
    let mut order = MintOrder {
        rng: &mut rng,
        address: Some(&address),
        mail_domain: Some("example.org"),
        set: &set,
        now,
        scene: crate::locale::Scene::default(),
    };
    let samples = if kind.is_costly() {
        COSTLY_SAMPLES
    } else {
        SAMPLES
    };
    let mut minted = Vec::with_capacity(samples);
    for _ in 0..samples {
        match kind.mint(&mut order) {
            Ok(fields) => minted.push(fields),
            Err(error) => {
                findings.add(kind, error.to_string(), "loosen the field's rules");
                break;
            }
        }
    }
    minted
}

fn values(kind: &Kind, minted: &[BTreeMap<String, String>], findings: &mut Findings) {
    for (at, field) in kind.fields.iter().enumerate() {
        let mut seen = BTreeSet::new();
        for fields in minted {
            let Some(value) = fields.get(&field.name) else {
                continue;
            };
            if let Some((what, hint)) = wrong_value(kind, at, fields) {
                findings.add(kind, what, hint);
                break;
            }
            if !seen.insert(value) && field.handle {
                findings.add(
                    kind,
                    format!("two of {} canaries share a {}", minted.len(), field.name),
                    "put more chance into the format",
                );
                break;
            }
        }
        let least = field
            .shapes
            .iter()
            .map(|shape| shape.bits(&kind.tables))
            .fold(f64::INFINITY, f64::min);
        let own = !field.shapes.iter().all(|shape| shape.uses(is_of_another));
        if field.handle && own && least < HANDLE_BITS {
            findings.add(
                kind,
                format!("the handle {} holds {least:.0} bits of chance", field.name),
                format!("make it {HANDLE_BITS:.0} or more"),
            );
        }
    }
    if let Some(address) = minted.iter().find_map(|fields| lost_address(kind, fields)) {
        findings.add(
            kind,
            format!("a request to {address} holds no handle to look up"),
            "give the handle a path segment, label or parameter of its own",
        );
    }
    for fields in minted.iter().take(20) {
        if !found_again(kind, fields) {
            findings.add(
                kind,
                "a handle put into a path is not among the candidates of that request",
                "drop characters that an address cannot hold",
            );
            break;
        }
    }
}

/// A value that is an address with a handle in it and whose request holds no handle to look up. What
/// stands before an `@` travels as a login: [`found_again`] tries that.
fn lost_address<'a>(kind: &Kind, fields: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let handles = kind.handles(fields);
    fields.values().map(String::as_str).find(|value| {
        let login = |it: &url::Url| !it.username().is_empty() || it.password().is_some();
        let Some(address) = url::Url::parse(value)
            .ok()
            .filter(|it| it.scheme().starts_with("http") && !login(it))
        else {
            return false;
        };
        let (host, target) = (
            address.host_str().unwrap_or_default(),
            &address[url::Position::BeforePath..],
        );
        if !handles
            .iter()
            .any(|(_, handle)| value.contains(handle.as_str()))
        {
            return false;
        }
        let request = Request::new(
            "GET".to_owned(),
            target.to_owned(),
            host.to_owned(),
            Vec::new(),
            Vec::new(),
        );
        let found = request.candidates();
        !handles.iter().any(|(_, handle)| {
            let mut found = found.iter();
            found.any(|candidate| *candidate.value == *handle.as_bytes())
        })
    })
}

/// What is wrong with a minted value of the field at `at`, and what to do about it.
fn wrong_value(
    kind: &Kind,
    at: usize,
    fields: &BTreeMap<String, String>,
) -> Option<(String, &'static str)> {
    let of = |field: &Field| fields.get(&field.name).map_or("", String::as_str);
    let above: Vec<&str> = kind.fields[..at].iter().map(of).collect();
    let field = &kind.fields[at];
    let value = of(field);
    let fits = |shape: &Format| shape.fit_with(value, Some(&above)) == Fit::Full;
    if !field.shapes.iter().any(fits) {
        return Some((
            format!("a minted {} does not fit its own format", field.name),
            "this is a mistake of the format",
        ));
    }
    let handles = 8..=crate::candidates::LONGEST;
    (field.handle && !handles.contains(&value.len())).then(|| {
        (
            format!("a handle {} is {} bytes long", field.name, value.len()),
            "handles are 8 to 1024 bytes",
        )
    })
}

/// Whether a piece has its chance from another field.
fn is_of_another(piece: &Piece) -> bool {
    match piece {
        Piece::Field { .. } => true,
        Piece::Made(made) => made.is_derived(),
        _ => false,
    }
}

/// Whether each handle comes back out of a request that carries it.
fn found_again(kind: &Kind, fields: &BTreeMap<String, String>) -> bool {
    kind.handles(fields).iter().all(|(_, value)| {
        let encoded = crate::sigv4::encode(value.as_bytes(), false);
        let request = Request::new(
            "GET".to_owned(),
            format!("/a/{encoded}?b={encoded}"),
            "example.org".to_owned(),
            Vec::new(),
            Vec::new(),
        );
        let found = request.candidates();
        found
            .iter()
            .any(|candidate| *candidate.value == *value.as_bytes())
    })
}

fn answers(
    catalog: &Catalog,
    kind: &Kind,
    minted: &[BTreeMap<String, String>],
    findings: &mut Findings,
) {
    if !CLASSES.contains(&kind.class.as_str())
        || kind.decoy.rules.is_empty() && kind.login.is_none() && kind.address.is_some()
    {
        findings.add(
            kind,
            "it carries our address, but has no [[decoy]] that answers there, and no [login]",
            "add a [[decoy]] or a [login]",
        );
    }
    let Some(fields) = minted.first() else {
        return;
    };
    crate::rehearsal::state(catalog, kind, fields, |what| {
        findings.add(kind, what, "correct or shorten the template");
    });
    for reply in kind.decoy.replies() {
        if !(200..=599).contains(&reply.status) {
            findings.add(
                kind,
                format!("{} is no final status", reply.status),
                "use 200 to 599",
            );
        }
        for (text, limit) in reply
            .headers
            .iter()
            .map(|(_, text)| (text, LONGEST_HEADER))
            .chain([(&reply.body, LARGEST_BODY)])
        {
            if let Some(what) = failing(catalog, text, limit, fields) {
                findings.add(kind, what, "correct or shorten the template");
            }
        }
    }
}

/// What is wrong with a text of an answer: tried with nothing from the peer, and with the longest
/// values it may send, of characters that grow when they are escaped.
pub(crate) fn failing(
    catalog: &Catalog,
    text: &Text,
    limit: usize,
    fields: &BTreeMap<String, String>,
) -> Option<String> {
    let name = match text {
        Text::Fixed(bytes) if bytes.len() <= limit => return None,
        Text::Fixed(bytes) => return Some(format!("{} bytes are more than {limit}", bytes.len())),
        // Made of templates that are tried by themselves, and tried as a whole by `rehearsal`.
        Text::Git(_) | Text::Dav(_) => return None,
        Text::Template(name) => name,
    };
    ["", "\u{1}", "\""].into_iter().find_map(|unit| {
        let value = unit.repeat(LONGEST_ECHO);
        let context = sample_context(catalog, name, fields, &value);
        let error = render(catalog.environment(), name, &context, limit).err()?;
        Some(format!(
            "a template fails: {}",
            error.detail().unwrap_or("error")
        ))
    })
}

/// A context that has every name the template uses, with `value` for whatever the peer chooses.
fn sample_context(
    catalog: &Catalog,
    template: &str,
    fields: &BTreeMap<String, String>,
    value: &str,
) -> Value {
    let made = Made {
        once: [0; 16],
        seed: [0; 32],
        subject: "sample".to_owned(),
        host: String::new(),
        now: Timestamp::from_micros(0),
        minted: Timestamp::from_micros(0),
    };
    let mut tables: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let template_kind = template.split('/').next();
    let template = catalog.environment().get_template(template);
    let used = template.map(|template| template.undeclared_variables(true));
    for name in used.unwrap_or_default() {
        if let Some((table, name)) = name.split_once('.')
            && table != "field"
        {
            let limit = match table {
                "form" | "query" | "json" => LONGEST_ECHO,
                "item" if name != "id" => crate::memory::LONGEST_KEPT,
                "each" => LONGEST_ECHO,
                _ => LONGEST_NAME,
            };
            let value = &value[..value.len().min(limit)];
            // What an item says of itself is a number, and so is a limit.
            let value = match (table, name) {
                ("item", "age" | "time") | ("each", "index") | ("limit", _) => Value::from(60),
                _ => Value::from(value),
            };
            let table = tables.entry(table.to_owned()).or_default();
            table.insert(name.to_owned(), value);
        }
    }
    let fields = fields
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    tables.insert("field".to_owned(), fields.collect());
    let tables = tables
        .into_iter()
        .map(|(name, table)| (name, Value::from_pairs(table)));
    let kind = template_kind.and_then(|id| catalog.kind(id));
    let lists = kind.map(|kind| crate::rehearsal::lists(kind, value));
    let functions = made
        .functions()
        .into_iter()
        .chain(lists.unwrap_or_default());
    Value::from_pairs(
        functions
            .map(|(name, value)| (name.to_owned(), value))
            .chain(tables),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_kind_passes() {
        let catalog = Catalog::load_tried(None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(examine(&catalog), []);
    }
}
