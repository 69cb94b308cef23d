//! Programs by what they call themselves: the table that comes with the code, `data/programs.tsv`, and a longer
//! published one of crawlers, which the operator can replace by a newer one.

use std::sync::LazyLock;

static TABLE: &str = include_str!("../data/programs.tsv");

static PROGRAMS: LazyLock<Programs> =
    LazyLock::new(|| Programs::parse(TABLE).expect("the table is checked by a test"));

/// How much of a User-Agent is looked at, in bytes.
const MAX_AGENT: usize = 1024;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Shows what is behind a link in a message.
    Preview,
    /// Fetches links and images out of mail.
    Mail,
    /// Follows every link.
    Crawler,
    /// Scans the whole internet.
    Research,
    /// Searches for secrets and tries them.
    Secrets,
    /// Watches whether something answers.
    Monitor,
    /// A client that people run.
    Client,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) sort: Sort,
    token: String,
    /// `Slack`, `a robot`.
    pub(crate) name: String,
    /// Networks that the service itself runs in; empty if in many.
    pub(crate) systems: Vec<u32>,
}

impl Program {
    /// Whether the table has nothing better than that it looks like a robot's or a client's name.
    pub(crate) fn is_general(&self) -> bool {
        self.sort == Sort::Client || self.name == "a robot"
    }
}

/// A table. Of two lines that apply, the one that comes first in it counts, wherever it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    rows: Vec<Program>,
    /// What two bytes the tokens begin with, sorted, each with its place in the table.
    by_beginning: Vec<(u16, usize)>,
    /// A bit for each two bytes that a token begins with: of most that stand in a text none does.
    begins: Vec<u64>,
}

impl Programs {
    /// Reads a table; an error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, usize> {
        let (mut rows, mut by_beginning) = (Vec::new(), Vec::new());
        let mut begins = vec![0; 1 << 10];
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let program = parse(line).ok_or(number + 1)?;
            let [first, second, ..] = *program.token.as_bytes() else {
                return Err(number + 1);
            };
            let beginning = u16::from_be_bytes([first, second]);
            by_beginning.push((beginning, rows.len()));
            let (word, bit) = bit(beginning);
            begins[word] |= bit;
            rows.push(program);
        }
        by_beginning.sort_unstable();
        Ok(Self {
            rows,
            by_beginning,
            begins,
        })
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first program whose token is in a User-Agent, whatever its case. Goes through the text once: this
    /// runs for every trip, several times.
    pub(crate) fn find(&self, agent: &str) -> Option<&Program> {
        let bytes = agent.as_bytes();
        let agent = bytes[..bytes.len().min(MAX_AGENT)].to_ascii_lowercase();
        let mut first = self.rows.len();
        for (start, two) in agent.windows(2).enumerate() {
            let beginning = u16::from_be_bytes([two[0], two[1]]);
            let (word, bit) = bit(beginning);
            if self.begins[word] & bit == 0 {
                continue;
            }
            let rest = &agent[start..];
            let from = self
                .by_beginning
                .partition_point(|(known, _)| *known < beginning);
            let found = self.by_beginning[from..]
                .iter()
                .take_while(|(known, place)| *known == beginning && *place < first)
                .find(|(_, place)| rest.starts_with(self.rows[*place].token.as_bytes()));
            first = found.map_or(first, |(_, place)| *place);
        }
        self.rows.get(first)
    }
}

/// Where the bit of two bytes is: the word, and the bit in it.
fn bit(beginning: u16) -> (usize, u64) {
    (usize::from(beginning >> 6), 1 << (beginning & 63))
}

/// The program of the table that comes with the code.
pub(crate) fn find(agent: &str) -> Option<&'static Program> {
    PROGRAMS.find(agent)
}

fn parse(line: &str) -> Option<Program> {
    let mut columns = line.split('\t');
    let sort = match columns.next()? {
        "preview" => Sort::Preview,
        "mail" => Sort::Mail,
        "crawler" => Sort::Crawler,
        "research" => Sort::Research,
        "secrets" => Sort::Secrets,
        "monitor" => Sort::Monitor,
        "client" => Sort::Client,
        _ => return None,
    };
    let mut word = || Some(columns.next()?.to_owned()).filter(|word| !word.is_empty());
    let (token, name) = (word()?, word()?);
    let systems = match columns.next()? {
        "-" => Vec::new(),
        list => list
            .split(',')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?,
    };
    columns.next().is_none().then_some(Program {
        sort,
        token,
        name,
        systems,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_reads_and_no_line_hides_another() {
        let mut seen = HashSet::new();
        for program in &PROGRAMS.rows {
            assert_eq!(program.token, program.token.to_ascii_lowercase());
            assert!(seen.insert(&program.token), "{} twice", program.token);
            // the generic rows catch what no other row names, so they are left out here
            let found = find(&program.token).expect("finds itself");
            assert!(
                std::ptr::eq(found, program) || found.name == program.name,
                "{} is hidden by {}",
                program.token,
                found.token
            );
        }
    }

    #[test]
    fn knows_programs_by_their_real_names() {
        for (agent, sort, name) in [
            (
                "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
                Sort::Preview,
                "Slack",
            ),
            (
                "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
                Sort::Preview,
                "Discord",
            ),
            ("WhatsApp/2.23.20.0 A", Sort::Preview, "WhatsApp"),
            (
                "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
                Sort::Mail,
                "Gmail's image proxy",
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                Sort::Crawler,
                "Google",
            ),
            (
                "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
                Sort::Research,
                "Censys",
            ),
            ("TruffleHog", Sort::Secrets, "TruffleHog"),
            (
                "Mozilla/5.0 (compatible; NeverHeardOf/1.0; +http://x.example)",
                Sort::Crawler,
                "a robot",
            ),
            ("curl/7.88.1", Sort::Client, "curl"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Sort::Client,
                "a web browser",
            ),
        ] {
            let program = find(agent).expect("known");
            assert_eq!(
                (program.sort, program.name.as_str()),
                (sort, name),
                "{agent}"
            );
        }
        // of two, the one that comes first in the table, wherever it stands in the text
        let (early, late) = (&PROGRAMS.rows[3], &PROGRAMS.rows[40]);
        let both = format!("{}; {}", late.token, early.token);
        assert!(std::ptr::eq(find(&both).expect("known"), early));
        assert!(find("made up 1.0").is_none());
        assert!(find("").is_none());
        assert!(find("\u{202e}\u{fffd}é").is_none());
    }
}
