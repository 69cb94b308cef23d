//! What a trip probably is. The first rule that applies gives the verdict, and says why:
//!
//! 1. the nonce of an announced drill: `drill`;
//! 2. an address of the operator's: `own`;
//! 3. a look-up of a name that was looked up before, from elsewhere, and nobody uses the bait: `echo`;
//! 4. a secret was presented: `intruder`, whatever the program calls itself; a preview or crawler can
//!    follow a link, but it cannot know a secret;
//! 5. a program that calls itself a link preview, mail gateway, crawler, scanner or probe, from a
//!    network that does not belie it: `preview` or `automated`;
//! 6. a network that published lists name as one of those: the same;
//! 7. else `intruder`; of a look-up, whoever the resolver asked for.
//!
//! Reasons are whole sentences of this program's own words (`lapwing_core::phrase`) and never hold text that the peer
//! chose.

use ipnet::IpNet;
use lapwing_core::phrase::link::{DAYS, HOURS};
use lapwing_core::phrase::{Phrase, program as named, verdict as say};
use lapwing_core::{Carrier, DecoyOutcome, Judgement, Listed, NetworkClass, Timestamp, Verdict};

use crate::crawlers::Crawlers;
use crate::facts::TripFacts;
use crate::lookup;
use crate::programs::{Program, Sort};

/// Version of the rules below and of the table of programs; goes up with every change that could
/// give a trip another verdict.
pub const RULES_VERSION: u32 = 4;

/// What the operator sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The operator's own networks. Loopback and private addresses count only if named here: behind
    /// a proxy that is not configured as one, everybody comes from them.
    pub own: Vec<IpNet>,
    /// Names of crawlers beyond the table of programs.
    pub crawlers: Crawlers,
}

/// Gives the verdict on one trip.
#[must_use]
pub fn judge(facts: &TripFacts<'_>, rules: &Rules) -> Judgement {
    let (verdict, reasons) = if facts.drill {
        (Verdict::Drill, drill())
    } else if is_own(facts, rules) {
        (Verdict::Own, own(facts))
    } else if let Some(before) = lookup::echo_of(facts) {
        (Verdict::Echo, echo(facts, before))
    } else if presents_secret(facts) {
        (Verdict::Intruder, secret(facts, rules))
    } else {
        fetched(facts, rules)
    };
    Judgement {
        verdict,
        reasons: reasons.into_iter().collect(),
        rules: RULES_VERSION,
    }
}

type Reasons = Vec<String>;

fn drill() -> Reasons {
    vec![say::DRILL_NONCE.text(), say::DRILL_SURE.text()]
}

fn own(facts: &TripFacts<'_>) -> Reasons {
    if facts.trip.observed.is_relayed() {
        return vec![say::OWN_RESOLVER.text(), say::OWN_RESOLVER_SURE.text()];
    }
    vec![
        say::OWN_NETWORK.text(),
        say::OWN_NOT_HARMLESS.text(),
        say::OWN_SURE.text(),
    ]
}

fn is_own(facts: &TripFacts<'_>, rules: &Rules) -> bool {
    let observed = &facts.trip.observed;
    let source = observed.source().ip().to_canonical();
    (observed.knows_source() || observed.is_relayed())
        && rules.own.iter().any(|network| network.contains(&source))
}

/// What the program calls itself.
fn program<'a>(facts: &TripFacts<'a>, rules: &'a Rules) -> Option<&'a Program> {
    rules.crawlers.program(facts.agent()?)
}

/// Whether a secret or a signature was presented, as opposed to a link followed.
fn presents_secret(facts: &TripFacts<'_>) -> bool {
    facts.trip.fields.iter().any(|matched| {
        let carrier = matched.carrier;
        match facts.canary_class {
            // its address may be named in headers and bodies by programs that only follow it
            "beacon" => is_authorization(carrier),
            // holds a link beside values that no link carries
            "record" => is_authorization(carrier) || is_content(carrier),
            _ => is_authorization(carrier) || is_content(carrier) || carrier == Carrier::Query,
        }
    })
}

fn is_authorization(carrier: Carrier) -> bool {
    matches!(
        carrier,
        Carrier::Basic
            | Carrier::Bearer
            | Carrier::Sigv4
            | Carrier::User
            | Carrier::Password
            | Carrier::Key
            | Carrier::Certificate
    )
}

fn is_content(carrier: Carrier) -> bool {
    matches!(
        carrier,
        Carrier::Header
            | Carrier::Cookie
            | Carrier::Form
            | Carrier::Json
            | Carrier::Body
            | Carrier::Message
    )
}

fn secret(facts: &TripFacts<'_>, rules: &Rules) -> Reasons {
    let (what, confidence) = match facts.trip.decoy.outcome {
        DecoyOutcome::BadSignature => (say::BAD_SIGNATURE, say::IDENTIFIER_SURE),
        DecoyOutcome::Refused => (say::WRONG_SECRET, say::IDENTIFIER_SURE),
        DecoyOutcome::Revoked => (say::VALUE_RETIRED, say::VALUE_SURE),
        DecoyOutcome::Told => (say::VALUE_TOLD, say::VALUE_SURE),
        DecoyOutcome::Accepted | DecoyOutcome::Unknown | DecoyOutcome::Persona => {
            (say::VALUE_SENT, say::VALUE_SURE)
        }
    };
    let mut reasons = vec![what.text()];
    if let Some(program) = program(facts, rules).filter(|program| program.sort != Sort::Client) {
        let program = describe(program);
        reasons.push(say::CALLS_ITSELF_ALL_THE_SAME.with(&[("program", &program)]));
    }
    reasons.extend(about_address(facts));
    reasons.extend(about_lists(facts));
    reasons.push(confidence.text());
    reasons
}

/// A name was looked up again.
fn echo(facts: &TripFacts<'_>, before: Timestamp) -> Reasons {
    let hours = facts.trip.observed.time.seconds_since(before) / 3600;
    let lapse = match hours {
        1 => say::AN_HOUR.text(),
        2..48 => HOURS.count(hours, &[]),
        _ => DAYS.count(hours / 24, &[]),
    };
    vec![
        say::ECHO.with(&[("LAPSE", &lapse)]),
        say::ECHO_NO_USE.text(),
        say::ECHO_SURE.text(),
    ]
}

/// A name was looked up, on behalf of somebody.
fn looked_up(facts: &TripFacts<'_>) -> Reasons {
    let mut reasons = vec![say::LOOKED_UP.text(), say::LOOKED_UP_FOR.text()];
    let claims = facts.trip.claims.as_ref();
    let told = |name: &str| claims.is_some_and(|claims| claims.captured.contains_key(name));
    if told("dns.client_subnet") {
        reasons.push(say::CLIENT_SUBNET.text());
    }
    if told("dns.data") {
        reasons.push(say::NAME_HOLDS_DATA.text());
    }
    reasons.push(say::LOOKED_UP_SURE.text());
    reasons
}

/// Whether mail came to a mailbox of the bait, or was asked about.
pub(crate) fn is_delivered(facts: &TripFacts<'_>) -> bool {
    let mut carriers = facts.trip.fields.iter().map(|field| field.carrier);
    carriers.any(|carrier| carrier == Carrier::Mailbox)
}

fn delivered() -> Reasons {
    vec![
        say::DELIVERED.text(),
        say::DELIVERED_BY.text(),
        say::DELIVERED_SURE.text(),
    ]
}

/// A link was followed, or an address looked at.
fn fetched(facts: &TripFacts<'_>, rules: &Rules) -> (Verdict, Reasons) {
    if facts.trip.observed.is_relayed() {
        return (Verdict::Intruder, looked_up(facts));
    }
    if is_delivered(facts) {
        return (Verdict::Intruder, delivered());
    }
    let what = say::OPENED.text();
    let program = program(facts, rules);
    let named = program.filter(|program| program.sort != Sort::Client);
    if let (None, Some((verdict, reasons))) = (named, listed(facts)) {
        return (verdict, [vec![what], reasons].concat());
    }
    let Some(program) = program else {
        return (Verdict::Intruder, [vec![what], unknown(facts)].concat());
    };
    let verdict = match program.sort {
        Sort::Client => Verdict::Intruder,
        Sort::Preview | Sort::Mail => Verdict::Preview,
        Sort::Crawler | Sort::Research | Sort::Secrets | Sort::Monitor => Verdict::Automated,
    };
    let claim = say::CALLS_ITSELF.with(&[("program", &describe(program))]);
    let mut reasons = vec![what, claim];
    if verdict == Verdict::Intruder {
        reasons.extend(about_address(facts));
        reasons.push(say::CLIENT_SURE.text());
        return (verdict, reasons);
    }
    let Some(number) = facts.network.asn.filter(|_| !program.systems.is_empty()) else {
        reasons.push(say::ONLY_ITS_WORD.text());
        reasons.push(say::ONLY_ITS_WORD_SURE.text());
        return (verdict, reasons);
    };
    if program.systems.contains(&number) {
        reasons.push(say::OWN_SYSTEM.with(&[("number", &number)]));
        reasons.push(say::OWN_SYSTEM_SURE.text());
        (verdict, reasons)
    } else {
        reasons.push(say::OTHER_SYSTEM.with(&[("number", &number)]));
        reasons.push(say::MODERATE.text());
        (Verdict::Intruder, reasons)
    }
}

/// What a published list makes of a link that was followed by a program that says nothing telling.
fn listed(facts: &TripFacts<'_>) -> Option<(Verdict, Reasons)> {
    let telling = |listed: &&Listed| match listed.class {
        NetworkClass::Scanner | NetworkClass::Crawler => true,
        NetworkClass::Preview | NetworkClass::Mail => true,
        NetworkClass::Gateway
        | NetworkClass::Cloud
        | NetworkClass::Content
        | NetworkClass::Vpn
        | NetworkClass::Relay
        | NetworkClass::Resolver
        | NetworkClass::Tor
        | NetworkClass::Proxy
        | NetworkClass::Anycast
        | NetworkClass::Satellite
        | NetworkClass::Drop => false,
    };
    let network = facts.network.lists.iter().find(telling)?;
    let (verdict, what) = match network.class {
        NetworkClass::Preview => (Verdict::Preview, say::SHOWS_PREVIEWS),
        NetworkClass::Mail => (Verdict::Preview, say::LOOKS_AT_MAIL),
        NetworkClass::Crawler => (Verdict::Automated, say::CRAWLS),
        _ => (Verdict::Automated, say::SCANS),
    };
    let reasons = vec![
        what.with(&[("name", &network.name)]),
        say::LISTED_SURE.text(),
    ];
    Some((verdict, reasons))
}

/// What published lists say of where a secret came from: it changes no verdict.
fn about_lists(facts: &TripFacts<'_>) -> Vec<String> {
    let what = |class: NetworkClass| -> Phrase {
        match class {
            NetworkClass::Scanner => say::FROM_SCANNER,
            NetworkClass::Vpn | NetworkClass::Relay => say::FROM_EXIT,
            NetworkClass::Gateway => say::FROM_GATEWAY,
            NetworkClass::Cloud => say::FROM_CLOUD,
            NetworkClass::Resolver => say::FROM_RESOLVER,
            NetworkClass::Content => say::FROM_CONTENT,
            NetworkClass::Crawler | NetworkClass::Preview | NetworkClass::Mail => say::FROM_OTHER,
            NetworkClass::Tor => say::FROM_TOR,
            NetworkClass::Proxy => say::FROM_PROXY,
            NetworkClass::Anycast => say::FROM_ANYCAST,
            NetworkClass::Satellite => say::FROM_SATELLITE,
            NetworkClass::Drop => say::FROM_DROP,
        }
    };
    let words = |listed: &Listed| what(listed.class).with(&[("name", &listed.name)]);
    facts.network.lists.iter().take(3).map(words).collect()
}

/// Reasons about a program that is in no table.
fn unknown(facts: &TripFacts<'_>) -> Reasons {
    let what = match (&facts.trip.claims, facts.agent()) {
        (None, _) => say::AGENT_GONE,
        (_, None) => say::AGENT_SILENT,
        (_, Some(_)) => say::AGENT_UNKNOWN,
    };
    let mut reasons = vec![what.text()];
    reasons.extend(about_address(facts));
    reasons.push(say::OPENED_SURE.text());
    reasons
}

/// What to think of an address that has no place.
fn about_address(facts: &TripFacts<'_>) -> Option<String> {
    if !facts.trip.observed.knows_source() {
        return Some(say::FROM_APPLICATION.text());
    }
    let what = match facts.network.special.as_deref()? {
        "loopback" => say::FROM_THIS_HOST,
        "private" | "link-local" => say::FROM_PRIVATE,
        "shared" => say::FROM_TRANSLATION,
        _ => return None,
    };
    Some(what.text())
}

fn describe(program: &Program) -> String {
    let sort = match program.sort {
        Sort::Preview => named::PREVIEW,
        Sort::Mail => named::MAIL,
        Sort::Crawler => named::CRAWLER,
        Sort::Research => named::RESEARCH,
        Sort::Secrets => named::SECRETS,
        Sort::Monitor => named::MONITOR,
        Sort::Client => return program.name.clone(),
    };
    sort.with(&[("name", &program.name)])
}

#[cfg(test)]
mod tests;
