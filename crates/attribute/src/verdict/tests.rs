//! The verdict table, row by row.

use Carrier::{Basic, Bearer, Cookie, Form, Header, Host, Json, Path, Query, Sigv4};
use Verdict::{Automated, Intruder, Preview};

use super::*;
use crate::Earlier;
use crate::link::Seen;
use crate::samples::Sample;

const SLACK: &str = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)";
const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

fn verdict(class: &'static str, carrier: Carrier, agent: &str) -> Judgement {
    let mut sample = Sample::new(1).carried(carrier).agent(agent);
    sample.class = class;
    judge(&sample.facts(), &Rules::default())
}

#[test]
fn class_carrier_and_program_decide() {
    for (class, carrier, agent, expected) in [
        ("beacon", Path, FIREFOX, Intruder),
        ("beacon", Path, "", Intruder),
        ("beacon", Path, "never heard of", Intruder),
        ("beacon", Path, "curl/8.5.0", Intruder),
        ("beacon", Path, SLACK, Preview),
        ("beacon", Host, "WhatsApp/2.23.20.0 A", Preview),
        ("beacon", Query, "TelegramBot (like TwitterBot)", Preview),
        (
            "beacon",
            Path,
            "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
            Preview,
        ),
        ("beacon", Path, GOOGLE, Automated),
        (
            "beacon",
            Path,
            "Mozilla/5.0 (compatible; GPTBot/1.2)",
            Automated,
        ),
        ("beacon", Path, "TruffleHog", Automated),
        ("beacon", Path, "Mozilla/5.0 zgrab/0.x", Automated),
        ("beacon", Header, SLACK, Preview),
        ("beacon", Basic, SLACK, Intruder),
        ("record", Path, SLACK, Preview),
        ("record", Query, SLACK, Preview),
        ("record", Bearer, SLACK, Intruder),
        ("record", Header, GOOGLE, Intruder),
        ("record", Json, GOOGLE, Intruder),
        ("credential", Basic, SLACK, Intruder),
        ("credential", Bearer, "TruffleHog", Intruder),
        ("credential", Sigv4, GOOGLE, Intruder),
        ("credential", Header, GOOGLE, Intruder),
        ("credential", Form, SLACK, Intruder),
        ("credential", Json, SLACK, Intruder),
        ("credential", Query, SLACK, Intruder),
        ("credential", Cookie, SLACK, Intruder),
        ("credential", Path, SLACK, Preview),
        ("credential", Host, GOOGLE, Automated),
        ("credential", Path, "curl/8.5.0", Intruder),
    ] {
        let judgement = verdict(class, carrier, agent);
        assert_eq!(judgement.verdict, expected, "{class} {carrier:?} {agent}");
        assert_eq!(judgement.rules, RULES_VERSION);
        let last = judgement.reasons.last().unwrap();
        assert!(last.starts_with("Confidence is "), "{last}");
        for reason in &judgement.reasons {
            assert!(reason.ends_with('.') && !reason.contains("  "), "{reason}");
        }
    }
}

#[test]
fn a_drill_goes_before_own_and_own_before_all_else() {
    let rules = Rules {
        own: vec![
            "198.51.100.0/24".parse().unwrap(),
            "::1/128".parse().unwrap(),
        ],
        ..Rules::default()
    };
    let mut sample = Sample::new(1);
    assert_eq!(judge(&sample.facts(), &rules).verdict, Verdict::Own);
    sample.drill = true;
    assert_eq!(judge(&sample.facts(), &rules).verdict, Verdict::Drill);
    let mapped = Sample::new(1).from("::ffff:198.51.100.9");
    assert_eq!(judge(&mapped.facts(), &rules).verdict, Verdict::Own);
    let mut proxied = Sample::new(1).from("203.0.113.1");
    assert_eq!(judge(&proxied.facts(), &rules).verdict, Intruder);
    proxied.trip.observed.forwarded = Some("198.51.100.1:1".parse().unwrap());
    assert_eq!(judge(&proxied.facts(), &rules).verdict, Verdict::Own);
}

#[test]
fn loopback_is_own_only_if_the_operator_says_so() {
    let sample = Sample::new(1).from("127.0.0.1");
    let judgement = judge(&sample.facts(), &Rules::default());
    assert_eq!(judgement.verdict, Intruder);
    assert!(
        judgement
            .reasons
            .iter()
            .any(|reason| reason.contains("this host itself"))
    );
    let rules = Rules {
        own: vec!["127.0.0.0/8".parse().unwrap()],
        ..Rules::default()
    };
    assert_eq!(judge(&sample.facts(), &rules).verdict, Verdict::Own);
}

#[test]
fn the_network_can_back_or_belie_a_name() {
    let mut sample = Sample::new(1).carried(Path).agent(GOOGLE);
    sample.class = "beacon";
    sample.network.asn = Some(15169);
    let backed = judge(&sample.facts(), &Rules::default());
    assert_eq!(backed.verdict, Automated);
    assert!(
        backed
            .reasons
            .iter()
            .any(|reason| reason.contains("AS15169, a network that"))
    );
    sample.network.asn = Some(64496);
    let belied = judge(&sample.facts(), &Rules::default());
    assert_eq!(belied.verdict, Intruder);
    assert!(
        belied
            .reasons
            .iter()
            .any(|reason| reason.contains("probably borrowed"))
    );
    // a service that runs in many networks cannot be belied
    let mut discord = Sample::new(1)
        .carried(Path)
        .agent("Mozilla/5.0 (compatible; Discordbot/2.0)");
    discord.class = "beacon";
    discord.network.asn = Some(64496);
    assert_eq!(judge(&discord.facts(), &Rules::default()).verdict, Preview);
}

#[test]
fn a_secret_scanner_with_the_secret_still_means_a_leak() {
    let judgement = verdict("credential", Bearer, "TruffleHog");
    assert!(
        judgement
            .reasons
            .iter()
            .any(|reason| reason.contains("calls itself a secret scanner (TruffleHog)")),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn a_wrong_secret_beside_a_right_identifier_is_weaker() {
    for outcome in [DecoyOutcome::BadSignature, DecoyOutcome::Refused] {
        let mut sample = Sample::new(1);
        sample.trip.decoy.outcome = outcome;
        let judgement = judge(&sample.facts(), &Rules::default());
        assert_eq!(judgement.verdict, Intruder);
        assert!(judgement.reasons.last().unwrap().contains("moderate"));
    }
}

#[test]
fn erased_claims_are_judged_without_them() {
    let mut sample = Sample::new(1).carried(Path);
    sample.class = "beacon";
    sample.trip.claims = None;
    let judgement = judge(&sample.facts(), &Rules::default());
    assert_eq!(judgement.verdict, Intruder);
    assert!(judgement.reasons[1].contains("no longer kept"));
}

#[test]
fn reasons_never_hold_what_the_peer_said() {
    for agent in [
        "\u{1b}[31mcanary-in-agent",
        "Slackbot canary-in-agent",
        "canary-in-agent/1.0 (+http://x.example)",
        "curl/8 canary-in-agent",
    ] {
        for carrier in [Path, Basic] {
            let text = verdict("beacon", carrier, agent).reasons.join(" ");
            assert!(
                !text.contains("canary-in-agent") && !text.contains('\u{1b}'),
                "{text}"
            );
        }
    }
}

/// A list of networks makes a link's follower a scanner or a preview, and never a secret's bearer.
#[test]
fn lists_of_networks_hint_and_secrets_decide() {
    use NetworkClass::{Cloud, Crawler, Mail, Scanner, Vpn};
    for (class, carrier, agent, expect) in [
        (Scanner, Path, FIREFOX, Automated),
        (Scanner, Path, "", Automated),
        (Crawler, Host, "curl/8.5.0", Automated),
        (Mail, Path, FIREFOX, Preview),
        (Mail, Path, "TruffleHog", Automated),
        (Cloud, Path, FIREFOX, Intruder),
        (Vpn, Path, FIREFOX, Intruder),
        (Scanner, Bearer, FIREFOX, Intruder),
        (Mail, Carrier::Password, "", Intruder),
    ] {
        let mut sample = Sample::new(1).carried(carrier).agent(agent);
        sample.class = "beacon";
        sample.network.lists = vec![Listed {
            class,
            name: "Somebody".to_owned(),
        }];
        let judgement = judge(&sample.facts(), &Rules::default());
        assert_eq!(
            judgement.verdict, expect,
            "{class:?} {carrier:?} {agent}: {judgement:?}"
        );
        let named = judgement
            .reasons
            .iter()
            .any(|reason| reason.contains("Somebody"));
        assert_eq!(
            named,
            agent != "TruffleHog" && !matches!(class, Cloud | Vpn),
            "{judgement:?}"
        );
    }
}

/// A look-up so many seconds after one by 192.0.2.53, and after a use by another protocol.
fn repeated(resolver: &str, seconds: i64, used: Option<i64>) -> Judgement {
    let seen = |at: i64| {
        let sample = Sample::new(1);
        Some(Seen {
            actor: lapwing_core::ActorId(sample.trip.id),
            trip: sample.trip.id,
            time: sample.trip.observed.time.plus_seconds(at),
        })
    };
    let mut sample = Sample::new(1).looked_up(resolver, seconds);
    sample.class = "beacon";
    sample.earlier = Earlier {
        lookup: seen(0),
        name: seen(0),
        asked: seen(0).filter(|_| resolver == "192.0.2.53"),
        used: used.and_then(seen),
    };
    judge(&sample.facts(), &Rules::default())
}

#[test]
fn what_is_repeated_elsewhere_and_later_is_an_echo() {
    const HOUR: i64 = 3600;
    for (resolver, seconds, used, expected) in [
        ("198.51.100.53", HOUR, None, Verdict::Echo),
        ("198.51.100.53", 50 * HOUR, Some(0), Verdict::Echo),
        // A moment later it is the same use, by a large resolver.
        ("198.51.100.53", HOUR - 1, None, Intruder),
        // The same resolver asks again for somebody.
        ("192.0.2.53", 50 * HOUR, None, Intruder),
        // Somebody uses the bait.
        ("198.51.100.53", 2 * HOUR, Some(2 * HOUR - 60), Intruder),
    ] {
        let judgement = repeated(resolver, seconds, used);
        assert_eq!(judgement.verdict, expected, "{resolver} {seconds}");
    }
    let reasons = repeated("198.51.100.53", 50 * HOUR, None).reasons;
    assert!(reasons[0].contains("2 days before"), "{reasons:?}");
    let own = Rules {
        own: vec!["192.0.2.0/24".parse().unwrap()],
        ..Rules::default()
    };
    let sample = Sample::new(1).looked_up("192.0.2.53", 0);
    let judgement = judge(&sample.facts(), &own);
    assert_eq!(judgement.verdict, Verdict::Own);
    assert!(
        judgement.reasons[0].contains("by a resolver"),
        "{judgement:?}"
    );
}
