//! The first page: what happened, in plain sentences for a reader who is no technician.

use super::{CAUTION, Findings, plural, said, thousands};

/// Writes the sentences, a paragraph each.
pub(super) fn derive(findings: &Findings) -> Vec<String> {
    let mut out = Vec::new();
    if findings.exercise {
        out.push("This is an exercise: the intrusion was staged, and the addresses, networks and places in it are made up.".to_owned());
    }
    if findings.trips.is_empty() {
        out.push(nothing(findings));
    } else {
        out.push(touched(findings));
        out.extend(leak(findings));
        out.extend(tried(findings));
        out.push(origin(findings));
        out.push(hands(findings));
    }
    out.push(findings.integrity.statement.clone());
    out
}

fn bait(findings: &Findings) -> String {
    plural(findings.totals.canaries, "piece of bait", "pieces of bait")
}

fn nothing(findings: &Findings) -> String {
    let period = match (&findings.range.from, &findings.range.until) {
        (Some(from), Some(until)) => format!(" between {} and {}", said(from), said(until)),
        (Some(from), None) => format!(" since {}", said(from)),
        (None, Some(until)) => format!(" until {}", said(until)),
        (None, None) => String::new(),
    };
    format!(
        "No use of any bait is on record{period}. {} stood watch. That nothing was noticed does not show that nobody was there.",
        bait(findings)
    )
}

fn touched(findings: &Findings) -> String {
    let totals = &findings.totals;
    let drills = plural(totals.drills, "use", "uses");
    if totals.drills == totals.uses {
        return format!(
            "{} in announced drills and not otherwise ({drills}). Nothing says that a copy of any bait left its place.",
            plural(
                totals.canaries,
                "piece of bait stood watch and was used",
                "pieces of bait stood watch and were used"
            )
        );
    }
    let first = findings.canaries.iter().filter(|one| one.uses > one.drills);
    let first = first
        .filter_map(|one| one.first_use.as_deref())
        .min()
        .unwrap_or("?");
    let last = findings
        .canaries
        .iter()
        .filter_map(|one| one.last_use.as_deref())
        .max()
        .unwrap_or("?");
    let when = if first == last {
        format!("At {}", said(first))
    } else {
        format!("Between {} and {}", said(first), said(last))
    };
    let mut text = format!(
        "{when}, {} of {} {} used, {} in all.",
        thousands(totals.canaries_used),
        bait(findings),
        if totals.canaries_used == 1 {
            "was"
        } else {
            "were"
        },
        match totals.uses - totals.drills {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            uses => format!("{} times", thousands(uses)),
        }
    );
    match totals.drills {
        0 => {}
        1 => text.push_str(" One further use was a drill that the operator had announced."),
        more => text.push_str(&format!(
            " {} further uses were drills that the operator had announced.",
            thousands(more)
        )),
    }
    text.push_str(" Bait is a made-up credential or record that nobody has a reason to use.");
    text
}

/// The copy that was used first, which is the one thing the evidence shows for certain.
fn leak(findings: &Findings) -> Option<String> {
    let leaked: Vec<_> = findings
        .canaries
        .iter()
        .filter(|one| one.left_before.is_some() && one.uses > one.drills)
        .collect();
    let first = leaked.iter().min_by_key(|one| one.first_use.clone())?;
    let mut text = format!(
        "The first to be used was “{}” ({}). ",
        first.title, first.kind_name
    );
    match (&first.place, &first.left_after, &first.left_before) {
        (Some(place), Some(after), Some(before)) if first.planted.as_ref() == Some(after) => {
            text.push_str(&format!("Its values were made for one place only, {place}: a copy of them left that place after {} and before {}.", said(after), said(before)));
        }
        _ => text.push_str(&first.statement),
    }
    if leaked.len() > 1 {
        text.push_str(&format!(
            " {} followed; each is set out below.",
            plural(
                leaked.len() as u64 - 1,
                "other piece of bait",
                "other pieces of bait"
            )
        ));
    }
    Some(text)
}

fn tried(findings: &Findings) -> Option<String> {
    let sms = findings.intent.messages.as_ref()?;
    let mut text = format!(
        "Through a decoy SMS gateway, {} to {} were ordered, with {}. The gateway is bait: nothing was sent to anyone.",
        plural(sms.messages, "text message", "text messages"),
        plural(sms.numbers, "number", "different numbers"),
        plural(sms.texts.len() as u64, "text", "different texts"),
    );
    if sms.messages == 1 {
        text = text.replacen(" were ordered", " was ordered", 1);
    }
    if sms.uses_without_content > 0 {
        text.push_str(&format!(
            " {} known only by number: a flood is summed up, and its contents are not all kept.",
            plural(
                sms.uses_without_content,
                "further call is",
                "further calls are"
            )
        ));
    }
    Some(text)
}

fn origin(findings: &Findings) -> String {
    let addresses = plural(
        findings.totals.addresses,
        "network address",
        "network addresses",
    );
    let mut names: Vec<&str> = findings
        .countries
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let more = names.len().saturating_sub(6);
    names.truncate(6);
    let mut list = names.join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    let by = if findings.exercise {
        "the exercise puts"
    } else {
        "public databases put"
    };
    let countries = if names.len() == 1 {
        "this country"
    } else {
        "these countries"
    };
    let where_ = if list.is_empty() {
        "for which no country is known".to_owned()
    } else {
        format!("in networks that {by} in {countries}: {list}")
    };
    format!("The uses came from {addresses} {where_}. {CAUTION}")
}

fn hands(findings: &Findings) -> String {
    format!(
        "They were grouped into {}, by what the uses have in common. An actor is a pattern of use. Who was behind it is not known from this evidence, and this report does not say.",
        plural(findings.totals.actors, "actor", "actors")
    )
}
