//! What crawlers call themselves, as a published list has it: looked at where the table of programs says no more
//! than that something looks like a robot.
//!
//! The list is `crawler-user-agents.json` of <https://github.com/monperrus/crawler-user-agents> (MIT).
//! [`build`] makes a table of it, in the form of `data/programs.tsv`, whose first line says whence and of when.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use lapwing_core::bounded;
use serde::Deserialize;

use crate::programs::{self, Program, Programs, Sort};

static EMBEDDED: LazyLock<Crawlers> = LazyLock::new(|| {
    let text = include_str!("../data/crawlers.tsv");
    Crawlers::parse(text).expect("the table is checked by a test")
});

/// Largest list or table that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// What the list is called where it is published.
const FILE: &str = "crawler-user-agents.json";
const HEAD: &str = "# crawler-user-agents, https://github.com/monperrus/crawler-user-agents, MIT, ";
/// Shorter names are in too many others.
const SHORTEST: usize = 6;
/// Bytes of a line's token and name.
const LONGEST: usize = 80;

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrawlersError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {what}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// A list of crawlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crawlers {
    programs: Arc<Programs>,
    date: String,
}

impl Default for Crawlers {
    fn default() -> Self {
        EMBEDDED.clone()
    }
}

impl Crawlers {
    /// Reads a table that [`build`] made.
    ///
    /// # Errors
    /// No such table.
    pub fn open(path: &Path) -> Result<Self, CrawlersError> {
        let text = read(path)?;
        Self::parse(&text).map_err(|what| CrawlersError::Format {
            path: path.to_owned(),
            what: format!("{what}; make it again with `lapwing lists update`"),
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let first = text.lines().next().unwrap_or_default();
        let date = first.strip_prefix(HEAD).ok_or("no table of crawlers")?;
        let programs =
            Programs::parse(text).map_err(|line| format!("line {line} is no program"))?;
        Ok(Self {
            programs: Arc::new(programs),
            date: date.to_owned(),
        })
    }

    /// How many names it knows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.programs.len()
    }

    /// When its newest entry was added, `2026-07-02`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The program that calls itself so: the built-in table's, unless that knows no more than that it looks like
    /// a robot or is in common use.
    pub(crate) fn program(&self, agent: &str) -> Option<&Program> {
        let known = programs::find(agent);
        if known.is_some_and(|known| !known.is_general()) {
            return known;
        }
        self.programs.find(agent).or(known)
    }
}

#[derive(Deserialize)]
struct Published {
    pattern: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    addition_date: String,
}

/// Whether a directory holds the published list.
#[must_use]
pub fn is_published(directory: &Path) -> bool {
    directory.join(FILE).is_file()
}

/// Makes a table of the published list in a directory.
///
/// # Errors
/// The list is not there, or is none.
pub fn build(directory: &Path) -> Result<String, CrawlersError> {
    let path = directory.join(FILE);
    let published: Vec<Published> =
        serde_json::from_str(&read(&path)?).map_err(|error| CrawlersError::Format {
            path: path.clone(),
            what: format!("no list of crawlers: {error}"),
        })?;
    let date = published.iter().map(|entry| entry.addition_date.as_str());
    let date = date.max().unwrap_or_default().replace('/', "-");
    let mut rows: Vec<(String, String)> = Vec::new();
    for entry in &published {
        let (Some(sort), Some(words)) = (sort(&entry.tags), literal(&entry.pattern)) else {
            continue;
        };
        let token = words.to_lowercase();
        let client = |program: &Program| program.sort == Sort::Client;
        let name = words.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        if token.len() < SHORTEST || token.len() > LONGEST || name.len() < SHORTEST / 2
            // What people's own programs say says nothing.
            || programs::find(&token).is_some_and(client)
            || ORDINARY.iter().any(|agent| agent.contains(&token))
        {
            continue;
        }
        rows.push((token.clone(), format!("{sort}\t{token}\t{name}\t-")));
    }
    // The special before the general.
    rows.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    rows.dedup_by(|(a, _), (b, _)| a == b);
    let lines: Vec<String> = rows.into_iter().map(|(_, line)| line).collect();
    Ok(format!("{HEAD}{date}\n{}\n", lines.join("\n")))
}

/// Parts that the names of ordinary programs have, lower case.
const ORDINARY: &[&str] = &[
    "mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome/126.0.0.0 safari/537.36 edg/126.0",
    "mozilla/5.0 (x11; linux x86_64; rv:128.0) gecko/20100101 firefox/128.0",
    "mozilla/5.0 (macintosh; intel mac os x 10_15_7) applewebkit/605.1.15 (khtml, like gecko) version/17.5 mobile/15e148 safari/604.1",
    "microsoft office/16.0 (windows nt 10.0; word; ms-office) libreoffice outlook/16.0 thunderbird/115.0",
    "python-requests/2.32 python-urllib/3.11 aiohttp/3.9 go-http-client/2.0 java/17 okhttp/4.12 axios/1.7 node-fetch/1.0 undici",
    "kubectl/v1.30 docker/26.1 git/2.39 terraform/1.8 ansible-httpget helm/3.15 packer vault consul",
];

/// What a program with these tags is for; `None` for what people run themselves, and for scanners of weaknesses,
/// which intruders run.
fn sort(tags: &[String]) -> Option<&'static str> {
    let has = |tag: &str| tags.iter().any(|it| it == tag);
    if ["http-library", "browser-automation", "scanner"]
        .into_iter()
        .any(has)
    {
        return None;
    }
    if has("social-preview") {
        return Some("preview");
    }
    if has("monitoring") {
        return Some("monitor");
    }
    let crawls = [
        "search-engine",
        "seo",
        "ai-crawler",
        "archiver",
        "academic",
        "advertising",
        "feed-reader",
    ];
    crawls.into_iter().any(has).then_some("crawler")
}

/// The text that a pattern stands for, if it stands for one: `Googlebot\/` is `Googlebot/`, `[wW]get` is `wget`.
fn literal(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => out.push(rest.next().filter(|next| !next.is_alphanumeric())?),
            '[' => {
                let (a, b, end) = (rest.next()?, rest.next()?, rest.next()?);
                if end != ']' || !a.eq_ignore_ascii_case(&b) {
                    return None;
                }
                out.push(a);
            }
            '(' | ')' | '|' | '*' | '+' | '?' | '.' | '^' | '$' | '{' | '}' => return None,
            printable if printable == ' ' || printable.is_ascii_graphic() => out.push(printable),
            _ => return None,
        }
    }
    Some(out)
}

fn read(path: &Path) -> Result<String, CrawlersError> {
    let failed = |source| CrawlersError::File {
        path: path.to_owned(),
        source,
    };
    let bytes = bounded::read_file(path, LARGEST).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| CrawlersError::Format {
        path: path.to_owned(),
        what: "it is no text".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_more_than_the_table_and_nothing_that_people_run() {
        let crawlers = Crawlers::default();
        assert!(crawlers.count() > 900, "{}", crawlers.count());
        let of = |agent: &str| crawlers.program(agent).map(|it| (it.sort, it.name.clone()));
        let named = of(
            "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
        );
        assert!(named.is_some_and(|(sort, name)| sort == Sort::Crawler && name != "a robot"));
        for agent in ORDINARY {
            let found = crawlers.program(agent);
            assert!(
                found.is_none_or(|it| it.sort == Sort::Client),
                "{found:?}: {agent}"
            );
        }
        assert!(of("NeverHeardOf").is_none());
    }

    #[test]
    fn patterns_are_taken_for_the_text_they_stand_for() {
        assert_eq!(literal(r"Googlebot\/").as_deref(), Some("Googlebot/"));
        assert_eq!(literal("[cC]laude[bB]ot").as_deref(), Some("claudebot"));
        for pattern in ["a|b", "^curl", r"Blog\d", "a.b", "[ab]c", "x\u{202e}y"] {
            assert_eq!(literal(pattern), None, "{pattern}");
        }
    }
}
