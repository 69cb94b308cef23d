//! Which program a trip was made with: concluded from its handshake, its way to speak HTTP and its own words,
//! by `data/prints.tsv` (what programs were seen to send) and `data/clients.tsv` (what they are called, and with
//! which TLS libraries they are built).
//!
//! Anyone can call a program anything, and with more effort imitate another's handshake. So each guess comes
//! with its reasons, and says where what was seen contradicts what was said. Reasons are whole sentences of this
//! program's own words and never hold text that the peer chose.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use lapwing_core::phrase::{program, tool as say};
use lapwing_core::{Tool, Trip};

use crate::systems;

static CLIENTS: LazyLock<Vec<Client>> = LazyLock::new(|| {
    lines(include_str!("../data/clients.tsv"))
        .map(|line| client(line).expect("the table is checked by a test"))
        .collect()
});

/// By signal and value.
static PRINTS: LazyLock<HashMap<&str, HashMap<&str, Print>>> = LazyLock::new(|| {
    let mut prints = HashMap::<_, HashMap<_, _>>::new();
    for line in lines(include_str!("../data/prints.tsv")) {
        let (signal, value, print) = print(line).expect("the table is checked by a test");
        prints.entry(signal).or_default().insert(value, print);
    }
    prints
});

/// Version of the rules below and of their tables.
const RULES_VERSION: u32 = 2;

/// How much of a User-Agent is looked at, in bytes.
const MAX_AGENT: usize = 1024;

/// Signals in the order in which they are believed.
const SIGNALS: [&str; 3] = ["ja4", "h2", "h1"];

/// One line of `clients.tsv`.
#[derive(Debug)]
struct Client {
    id: &'static str,
    name: &'static str,
    tokens: Vec<&'static str>,
    stacks: Vec<&'static str>,
}

/// One line of `prints.tsv`.
#[derive(Debug)]
struct Print {
    /// The TLS library; `-` of signals that are not its.
    stack: &'static str,
    clients: Vec<&'static str>,
    source: &'static str,
}

/// A print that was found.
struct Found {
    signal: &'static str,
    print: &'static Print,
    /// Only the ciphers of the handshake are known: those of a library, not yet of a program.
    library: bool,
}

/// Concludes which program it was. `None` if nothing is known of it.
#[must_use]
pub fn tool(trip: &Trip) -> Option<Tool> {
    let found = found(trip);
    let claimed = claimed(trip);
    let seen = SIGNALS
        .iter()
        .any(|it| trip.observed.signals.contains_key(*it));
    if !seen && claimed.is_none() {
        return None;
    }
    let (candidates, agree) = candidates(&found);
    let contradicts = claimed.is_some_and(|it| found.iter().any(|one| one.contradicts(it)));
    let name = match claimed {
        Some(claimed) if !contradicts => Some(claimed.name.to_owned()),
        _ => names(&candidates),
    };
    let mut tool = Tool {
        name,
        claimed: claimed.map(|it| it.name.to_owned()),
        contradicts,
        reasons: reasons(&found, claimed, contradicts, agree, trip),
        rules: RULES_VERSION,
    };
    set_system(&mut tool, trip);
    Some(tool)
}

/// Adds which system it runs on, by its first packet, and whether it says another.
fn set_system(tool: &mut Tool, trip: &Trip) {
    let Some(seen) = systems::seen(trip) else {
        return;
    };
    let said = agent(trip).and_then(|agent| systems::said(&agent));
    let Some(said) = said.filter(|said| said.name != seen.name) else {
        tool.reasons
            .push(say::SYSTEM.with(&[("system", &seen.name)]));
        return;
    };
    let both: [(&str, &dyn Display); 2] = [("system", &seen.name), ("other", &said.name)];
    tool.reasons.push(say::OTHER_SYSTEM.with(&both));
    if !tool.contradicts {
        let program = tool.claimed.take();
        let program = program.unwrap_or_else(|| program::A_PROGRAM.text());
        let on = |system: &str| say::ON_SYSTEM.with(&[("name", &program), ("system", &system)]);
        tool.name = Some(on(seen.name));
        tool.claimed = Some(on(said.name));
        tool.contradicts = true;
    }
}

/// Whether a program was seen to do just so as it comes.
pub(crate) fn is_known(trip: &Trip) -> bool {
    found(trip).iter().any(|one| !one.library)
}

fn found(trip: &Trip) -> Vec<Found> {
    let look = |signal: &str, value: &str| PRINTS.get(signal)?.get(value);
    let find = |signal: &'static str| {
        let value = trip.observed.signals.get(signal)?;
        let (print, library) = if signal == "ja4" {
            let (head, rest) = value.split_once('_')?;
            let protocol = head.get(head.len().checked_sub(2)?..)?;
            let (ciphers, _) = rest.split_once('_')?;
            match look(signal, &format!("{protocol}_{rest}")) {
                Some(print) => (print, false),
                None => (look(signal, ciphers)?, true),
            }
        } else {
            (look(signal, value)?, false)
        };
        Some(Found {
            signal,
            print,
            library,
        })
    };
    SIGNALS.into_iter().filter_map(find).collect()
}

/// What the peer calls itself, in lower case.
fn agent(trip: &Trip) -> Option<Vec<u8>> {
    let agent = trip.claims.as_ref()?.agent.open("compared with a table");
    let bytes = agent.as_bytes();
    Some(bytes[..bytes.len().min(MAX_AGENT)].to_ascii_lowercase())
}

/// The program that the peer says it is.
fn claimed(trip: &Trip) -> Option<&'static Client> {
    let agent = agent(trip)?;
    let has = |token: &&str| match token.strip_prefix('=') {
        Some(whole) => agent == whole.as_bytes(),
        None => agent
            .windows(token.len())
            .any(|part| part == token.as_bytes()),
    };
    CLIENTS.iter().find(|client| client.tokens.iter().any(has))
}

impl Found {
    /// Whether a program is not what this was sent by. Header fields are easily given in another order by a
    /// program's own options: they contradict only across libraries.
    fn contradicts(&self, client: &Client) -> bool {
        if self.signal == "ja4" {
            return !client.stacks.contains(&self.print.stack);
        }
        let known = |print: &&Print| print.clients.contains(&client.id);
        let mut of_signal = PRINTS.get(self.signal).into_iter().flatten();
        let measured = of_signal.any(|(_, print)| known(&print));
        let related = self.print.clients.iter().any(|id| {
            let other = CLIENTS.iter().find(|other| other.id == *id);
            other.is_some_and(|other| other.stacks.iter().any(|it| client.stacks.contains(it)))
        });
        measured && !known(&self.print) && !related
    }
}

/// The programs that sent all of what was found, and whether there are any; else those that sent the first.
fn candidates(found: &[Found]) -> (Vec<&'static str>, bool) {
    let mut agree = true;
    let mut all: Vec<&'static str> = match found.first() {
        Some(first) => first.print.clients.clone(),
        None => return (Vec::new(), true),
    };
    for one in &found[1..] {
        let both: Vec<_> = { all.iter() }
            .copied()
            .filter(|id| one.print.clients.contains(id))
            .collect();
        if both.is_empty() {
            agree = false;
        } else {
            all = both;
        }
    }
    (all, agree)
}

/// `curl or git`; at most four.
fn names(ids: &[&str]) -> Option<String> {
    let name = |id: &&str| Some(CLIENTS.iter().find(|client| client.id == *id)?.name);
    let mut names: Vec<&str> = ids.iter().filter_map(name).take(4).collect();
    if ids.len() > names.len() {
        names.push(program::OTHERS.en);
    }
    let last = names.pop()?;
    Some(if names.is_empty() {
        last.to_owned()
    } else {
        format!("{} or {last}", names.join(", "))
    })
}

fn reasons(
    found: &[Found],
    claimed: Option<&Client>,
    contradicts: bool,
    agree: bool,
    trip: &Trip,
) -> Vec<String> {
    let mut reasons: Vec<String> = found.iter().map(Found::sentence).collect();
    let signals = &trip.observed.signals;
    if signals.contains_key("ja4") && !found.iter().any(|one| one.signal == "ja4") {
        reasons.push(say::HANDSHAKE_UNKNOWN.text());
    }
    if !agree {
        reasons.push(say::NO_ONE_PROGRAM.text());
    }
    reasons.push(match claimed {
        Some(client) => say::CALLS_ITSELF.with(&[("name", &client.name)]),
        None => say::SILENT.text(),
    });
    let sure = match (contradicts, claimed.is_some(), found.is_empty()) {
        (true, ..) => say::CONTRADICTS,
        (false, _, true) => say::ONLY_ITS_WORD,
        (false, true, false) => say::AGREES,
        (false, false, false) => say::GUESSED,
    };
    reasons.push(sure.text());
    reasons
}

impl Found {
    fn sentence(&self) -> String {
        let names = names(&self.print.clients).unwrap_or_default();
        let Print { stack, source, .. } = self.print;
        let what = match (self.signal, self.library) {
            ("ja4", false) => say::HANDSHAKE,
            ("ja4", true) => say::CIPHERS,
            ("h2", _) => say::BEGINS,
            _ => say::FIELDS,
        };
        what.with(&[("names", &names), ("library", stack), ("SOURCE", source)])
    }
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    let kept = |line: &&str| !line.is_empty() && !line.starts_with('#');
    table.lines().filter(kept)
}

fn client(line: &'static str) -> Option<Client> {
    let [id, name, tokens, stacks] = columns(line)?;
    Some(Client {
        id,
        name,
        tokens: tokens.split(',').collect(),
        stacks: stacks.split(',').collect(),
    })
}

fn print(line: &'static str) -> Option<(&'static str, &'static str, Print)> {
    let [signal, value, stack, clients, source] = columns(line)?;
    let print = Print {
        stack,
        clients: clients.split(',').collect(),
        source,
    };
    SIGNALS.contains(&signal).then_some((signal, value, print))
}

fn columns<const N: usize>(line: &'static str) -> Option<[&'static str; N]> {
    let columns: Vec<&str> = line.split('\t').collect();
    let full = columns.iter().all(|column| !column.is_empty());
    columns.try_into().ok().filter(|_| full)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::samples::Sample;

    const CURL: &str = "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6";
    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

    fn guess(agent: &str, signals: &[(&str, &str)]) -> Option<Tool> {
        let mut sample = Sample::new(1).agent(agent);
        let signals = signals.iter();
        sample.trip.observed.signals = signals
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        tool(&sample.trip)
    }

    fn said(agent: &str, signals: &[(&str, &str)]) -> (String, bool) {
        let tool = guess(agent, signals).expect("a guess");
        assert!(tool.reasons.len() >= 2, "{tool:?}");
        (tool.name.unwrap_or_default(), tool.contradicts)
    }

    #[test]
    fn the_tables_read_and_know_each_other() {
        let mut ids = HashSet::new();
        let mut stacks = HashSet::<&str>::new();
        for client in CLIENTS.iter() {
            assert!(ids.insert(client.id), "{} twice", client.id);
            stacks.extend(client.stacks.iter().copied());
            for token in &client.tokens {
                assert_eq!(*token, token.to_ascii_lowercase());
            }
        }
        let lines = lines(include_str!("../data/prints.tsv")).count();
        let all: usize = PRINTS.values().map(HashMap::len).sum();
        assert_eq!(all, lines, "a value stands there twice");
        let each = PRINTS.iter();
        let each = each
            .flat_map(|(signal, of)| of.iter().map(move |(value, print)| (signal, value, print)));
        for (signal, value, print) in each {
            assert_eq!(print.stack == "-", *signal != "ja4", "{value}");
            assert!(
                print.stack == "-" || stacks.contains(print.stack),
                "{value}"
            );
            for id in &print.clients {
                assert!(ids.contains(id), "{value}: {id}");
                let client = CLIENTS.iter().find(|client| client.id == *id).unwrap();
                let known = print.stack == "-" || client.stacks.contains(&print.stack);
                assert!(known, "{value}: {id} is not built with {}", print.stack);
            }
            assert!(print.source.starts_with("measured: "), "{value}");
        }
    }

    #[test]
    fn what_agrees_is_believed_and_what_does_not_is_flagged() {
        let curl_h2 = "3:100;4:33554432;2:0|33488897|0|m,p,s,a";
        let curl = [("ja4", CURL), ("h2", curl_h2)];
        let python = [("ja4", "t13d1812h1_85036bcba153_b26ce05bbdd6")];
        let order = [("h1", "Host,User-Agent,Accept")];
        for (agent, signals, name, contradicts) in [
            ("curl/7.88.1", &curl[..], "curl", false),
            ("", &curl, "curl", false),
            (CHROME, &curl, "curl", true),
            (CHROME, &order, "curl", true),
            ("curl/8.5.0", &order, "curl", false),
            ("Boto3/1.44.5 md/Botocore#1.44.8", &python, "boto3", false),
            (
                "",
                &python,
                "Python requests, urllib3, boto3, botocore or others",
                false,
            ),
            (
                "TruffleHog",
                &python,
                "Python requests, urllib3, boto3, botocore or others",
                true,
            ),
            // Padding and resumption change the last part: the ciphers stay.
            (
                "curl/8.0",
                &[("ja4", "t13d3113h2_e8f1e7e78f70_000000000001")],
                "curl",
                false,
            ),
            (
                CHROME,
                &[("ja4", "t13d3113h2_e8f1e7e78f70_000000000001")],
                "curl or Perl LWP",
                true,
            ),
            (
                CHROME,
                &[("ja4", "t13d1517h2_8daaf6152771_ffffffffffff")],
                "Chrome",
                false,
            ),
            (
                CHROME,
                &[("ja4", "t13d0101h2_000000000001_000000000001")],
                "Chrome",
                false,
            ),
            (
                "who knows",
                &[("ja4", "t13d0101h2_000000000001_000000000001")],
                "",
                false,
            ),
            (
                "Mozilla/5.0 HeadlessChrome/156.0 Safari/537.36",
                &[],
                "headless Chromium",
                false,
            ),
            ("node", &[("h1", "host,connection")], "Node.js fetch", false),
        ] {
            assert_eq!(
                said(agent, signals),
                (name.to_owned(), contradicts),
                "{agent} {signals:?}"
            );
        }
        assert_eq!(guess("who knows", &[]), None);
        let odd = [("ja4", CURL), ("h1", "TE,Connection,Host,User-Agent")];
        let reasons = guess("", &odd).unwrap().reasons.join(" ");
        assert!(
            reasons.contains("not known of any one program"),
            "{reasons}"
        );
        assert_eq!(said("", &[("ja4", "é_"), ("h1", "\u{202e}")]).0, "");
    }

    #[test]
    fn another_system_than_it_says_is_flagged() {
        let linux = ("syn", "4:55+9:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0");
        let windows = CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64");
        assert_eq!(said(CHROME, &[linux]), ("Chrome".to_owned(), false));
        let elsewhere = ("Chrome (on Linux or Android)".to_owned(), true);
        assert_eq!(said(&windows, &[linux]), elsewhere);
        // A curl is a curl on any system.
        assert_eq!(
            said(&windows, &[("ja4", CURL), linux]),
            ("curl".to_owned(), true)
        );
        assert_eq!(guess("who knows", &[linux]), None);
    }
}
