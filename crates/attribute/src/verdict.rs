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
//! Reasons are whole sentences of this program's own words and never hold text that the peer chose.

use ipnet::IpNet;
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
    vec![
        "The request carried the one-time nonce of a drill that the operator announced for this \
         canary."
            .to_owned(),
        "Confidence is high: the nonce was made for this drill and is valid once.".to_owned(),
    ]
}

fn own(facts: &TripFacts<'_>) -> Reasons {
    if facts.trip.observed.is_relayed() {
        return vec![
            "A name that only this bait carries was looked up by a resolver in a network that the \
             operator lists as their own: somebody whom it serves asked."
                .to_owned(),
            "Confidence is high as to the resolver, and says nothing about who asked it."
                .to_owned(),
        ];
    }
    vec![
        "The request came from a network that the operator lists as their own.".to_owned(),
        "That does not make it harmless: a host of one's own that uses bait may have been broken \
         into."
            .to_owned(),
        "Confidence is high as to the address, and says nothing about who used it.".to_owned(),
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
    let mut reasons = Vec::new();
    let confidence = match facts.trip.decoy.outcome {
        DecoyOutcome::BadSignature => {
            reasons.push(
                "The key's identifier was right and the signature was not: whoever sent it has the \
                 identifier, perhaps not the secret."
                    .to_owned(),
            );
            "Confidence is moderate: an identifier can be known without the place it was planted in."
        }
        DecoyOutcome::Refused => {
            reasons.push(
                "The identifier was right and the secret sent with it was not: whoever sent it has \
                 the identifier, perhaps not the secret."
                    .to_owned(),
            );
            "Confidence is moderate: an identifier can be known without the place it was planted in."
        }
        DecoyOutcome::Revoked => {
            reasons.push(
                "A value that exists nowhere but in this bait was sent, after the bait was retired."
                    .to_owned(),
            );
            "Confidence is high: the value is random and cannot be guessed."
        }
        DecoyOutcome::Told => {
            reasons.push(
                "A value that exists nowhere but in this bait was shown to the operator's own \
                 application, which says from where; the station did not see that for itself."
                    .to_owned(),
            );
            "Confidence is high: the value is random and cannot be guessed."
        }
        DecoyOutcome::Accepted | DecoyOutcome::Unknown | DecoyOutcome::Persona => {
            reasons.push(
                "A value that exists nowhere but in this bait was sent as a program sends a \
                 credential."
                    .to_owned(),
            );
            "Confidence is high: the value is random and cannot be guessed."
        }
    };
    if let Some(program) = program(facts, rules).filter(|program| program.sort != Sort::Client) {
        reasons.push(format!(
            "The program calls itself {}; that changes nothing, for it cannot have the value unless \
             the bait has leaked.",
            describe(program)
        ));
    }
    reasons.extend(about_address(facts));
    reasons.extend(about_lists(facts));
    reasons.push(confidence.to_owned());
    reasons
}

/// A name was looked up again.
fn echo(facts: &TripFacts<'_>, before: Timestamp) -> Reasons {
    let hours = facts.trip.observed.time.seconds_since(before) / 3600;
    let count = match hours {
        1 => "an hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    };
    vec![
        format!(
            "The same name was looked up {count} before, and this resolver had no part in that: \
             resolvers and security vendors repeat what they have seen."
        ),
        "Nobody used the bait in any other way at the time.".to_owned(),
        "Confidence is moderate: somebody else may have the name, and only look it up.".to_owned(),
    ]
}

/// A name was looked up, on behalf of somebody.
fn looked_up(facts: &TripFacts<'_>) -> Reasons {
    let mut reasons = vec![
        "A name that only this bait carries was looked up.".to_owned(),
        "The address is a resolver's, which asked on behalf of somebody who is not seen here: it \
         does not tell who, nor from where."
            .to_owned(),
    ];
    let claims = facts.trip.claims.as_ref();
    let told = |name: &str| claims.is_some_and(|claims| claims.captured.contains_key(name));
    if told("dns.client_subnet") {
        reasons.push(
            "The resolver says for which network it asked (EDNS Client Subnet); that is only its \
             word."
                .to_owned(),
        );
    }
    if told("dns.data") {
        reasons.push("Labels in front of the name carry data, as the bait asks for.".to_owned());
    }
    reasons.push(
        "Confidence is moderate: whoever reads the place where the bait stands can look it up, and \
         so do programs that check names they come across."
            .to_owned(),
    );
    reasons
}

/// Whether mail came to a mailbox of the bait, or was asked about.
pub(crate) fn is_delivered(facts: &TripFacts<'_>) -> bool {
    let mut carriers = facts.trip.fields.iter().map(|field| field.carrier);
    carriers.any(|carrier| carrier == Carrier::Mailbox)
}

fn delivered() -> Reasons {
    vec![
        "Mail was sent to a mailbox that only this bait names, or somebody asked whether it is \
         there."
            .to_owned(),
        "The address is that of the server that delivers: the sender's own, or a provider's, which \
         many share."
            .to_owned(),
        "Confidence is moderate: whoever has the list that the mailbox stands in can write to it, \
         and lists are passed on."
            .to_owned(),
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
    let what = "An address that only this bait carries was opened.".to_owned();
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
    let claim = format!("The program calls itself {}.", describe(program));
    let mut reasons = vec![what, claim];
    if verdict == Verdict::Intruder {
        reasons.extend(about_address(facts));
        reasons.push(
            "Confidence is moderate: whoever reads the place where the bait stands can open it, and \
             so can programs that pass for a person's."
                .to_owned(),
        );
        return (verdict, reasons);
    }
    let Some(number) = facts.network.asn.filter(|_| !program.systems.is_empty()) else {
        reasons.push(
            "That is only its own word; the link stood where such a program could see it."
                .to_owned(),
        );
        reasons.push("Confidence is low: anyone can call a program that.".to_owned());
        return (verdict, reasons);
    };
    if program.systems.contains(&number) {
        reasons.push(format!(
            "The address is in AS{number}, a network that this service runs in."
        ));
        reasons.push(
            "Confidence is moderate: others can rent or relay through such a network.".to_owned(),
        );
        (verdict, reasons)
    } else {
        reasons.push(format!(
            "The address is in AS{number}, which is not a network of that service: the name is \
             probably borrowed."
        ));
        reasons.push("Confidence is moderate.".to_owned());
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
    let name = &network.name;
    let (verdict, words) = match network.class {
        NetworkClass::Preview => (
            Verdict::Preview,
            format!("The address is in a network that {name} shows previews of links from."),
        ),
        NetworkClass::Mail => (
            Verdict::Preview,
            format!(
                "The address is in a network of {name}, whose mail service looks at links in mail."
            ),
        ),
        NetworkClass::Crawler => (
            Verdict::Automated,
            format!("The address is in a network that {name} crawls from."),
        ),
        _ => (
            Verdict::Automated,
            format!("The address is in a network that {name} scans the internet from."),
        ),
    };
    let reasons = vec![
        words,
        "Confidence is moderate: the list is published, but networks change hands, and the link had to be \
         seen somewhere first."
            .to_owned(),
    ];
    Some((verdict, reasons))
}

/// What published lists say of where a secret came from: it changes no verdict.
fn about_lists(facts: &TripFacts<'_>) -> Vec<String> {
    let words = |listed: &Listed| {
        let name = &listed.name;
        match listed.class {
            NetworkClass::Scanner => format!(
                "The address is in a network that {name} scans from; a scanner does not come by such a value, \
                 unless somebody published it."
            ),
            NetworkClass::Vpn | NetworkClass::Relay => {
                format!("The address is an exit of {name}: many people share it.")
            }
            NetworkClass::Gateway => {
                format!(
                    "The address is one of {name}'s, through which many companies' people go out."
                )
            }
            NetworkClass::Cloud => {
                format!("The address is {name}'s, where anyone can rent a machine.")
            }
            NetworkClass::Resolver => {
                format!("The address is also {name}: whoever uses it is not seen.")
            }
            NetworkClass::Content => {
                format!(
                    "The address is {name}'s, which fetches for others: the client is behind it."
                )
            }
            NetworkClass::Crawler | NetworkClass::Preview | NetworkClass::Mail => {
                format!("The address is in a network of {name}; that changes nothing.")
            }
            NetworkClass::Tor => {
                format!(
                    "The address led out of the Tor network ({name}): anybody may be behind it."
                )
            }
            NetworkClass::Proxy => {
                format!("The address is a proxy's ({name}): many people may share it.")
            }
            NetworkClass::Anycast => {
                format!("The address is announced in many places at once ({name}).")
            }
            NetworkClass::Satellite => {
                format!("The address is a satellite network's ({name}).")
            }
            NetworkClass::Drop => {
                format!(
                    "The network is listed as one held by criminals ({name}); that says nothing of who used it."
                )
            }
        }
    };
    facts.network.lists.iter().take(3).map(words).collect()
}

/// Reasons about a program that is in no table.
fn unknown(facts: &TripFacts<'_>) -> Reasons {
    let mut reasons = vec![
        match (&facts.trip.claims, facts.agent()) {
            (None, _) => "What the program called itself is no longer kept.",
            (_, None) => "The program did not say what it is.",
            (_, Some(_)) => "The program's name for itself is none that is known here.",
        }
        .to_owned(),
    ];
    reasons.extend(about_address(facts));
    reasons.push(
        "Confidence is moderate: the address cannot be guessed, but not everyone who opens it has \
         broken in."
            .to_owned(),
    );
    reasons
}

/// What to think of an address that has no place.
fn about_address(facts: &TripFacts<'_>) -> Option<String> {
    if !facts.trip.observed.knows_source() {
        return Some(
            "The address is the application's that reported it: it did not say where the value \
             came from."
                .to_owned(),
        );
    }
    let text = match facts.network.special.as_deref()? {
        "loopback" => {
            "The address is this host itself: a program on it, or a proxy in front of the station \
             that is not configured as one."
        }
        "private" | "link-local" => {
            "The address is on a private network: a host nearby, or a proxy in front of the station \
             that is not configured as one."
        }
        "shared" => "The address is behind a carrier's address translation, which many share.",
        _ => return None,
    };
    Some(text.to_owned())
}

fn describe(program: &Program) -> String {
    let name = &program.name;
    match program.sort {
        Sort::Preview => format!("a link preview ({name})"),
        Sort::Mail => format!("a mail gateway or mail reader's helper ({name})"),
        Sort::Crawler => format!("a crawler ({name})"),
        Sort::Research => format!("an internet scanner ({name})"),
        Sort::Secrets => format!("a secret scanner ({name})"),
        Sort::Monitor => format!("a monitoring probe ({name})"),
        Sort::Client => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
