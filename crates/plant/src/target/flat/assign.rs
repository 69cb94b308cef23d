//! Assignments of one name each: shell profiles, `.properties`, `.tfvars`, Python settings, PHP
//! constants, `ENV` in a Dockerfile.

mod languages;

use std::path::Path;

pub(in crate::target) use self::languages::terraform_quoted;
use self::languages::{
    dockerfile, environment, php, property, python, shell, tfvar, write_dockerfile,
    write_environment, write_php, write_property, write_python, write_shell, write_tfvar,
};
use super::lexis::{self, Lexis, Quote};
use super::words::Word;
use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::names::{self, Case};
use crate::text::{Ours, Request};

/// A language of assignments.
pub(in crate::target) struct Assign {
    name: &'static str,
    /// Names of files, and endings, in lower case.
    names: &'static [&'static str],
    endings: &'static [&'static str],
    /// How such a file begins whose name does not tell.
    head: &'static str,
    lexis: Lexis,
    naming: Naming,
    parse: fn(&str) -> Option<Assigned>,
    write: fn(&Manner, &str, &str) -> Option<String>,
    stands: Stands,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// As in the environment, `TWILIO_LEGACY_URL`.
    Capitals,
    /// The same in small letters.
    Small,
    /// A path, `twilio-legacy.url`.
    Dotted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Anywhere,
    /// Behind another assignment only.
    Beside,
    /// In the last stage of a build.
    Stage,
    /// In the section of a service.
    Service,
}

/// One assignment, decoded, and how it was written.
struct Assigned {
    name: String,
    word: Word,
    /// It begins with the language's optional keyword.
    lead: bool,
    /// What stands between name and value, blanks included.
    between: String,
}

/// How the file's assignments are written.
struct Manner {
    quote: Option<char>,
    /// What texts stand in most where they have to be quoted: other values say nothing of it.
    mark: Option<char>,
    lead: bool,
    between: Option<String>,
    windows: bool,
}

const SINGLE: Quote = Quote {
    mark: "'",
    escapes: false,
    lines: true,
};
const DOUBLE: Quote = Quote {
    mark: "\"",
    escapes: true,
    lines: true,
};
const DOUBLE_LINE: Quote = Quote {
    lines: false,
    ..DOUBLE
};
const SINGLE_LINE: Quote = Quote {
    mark: "'",
    escapes: true,
    lines: false,
};

/// Profiles and scripts of a POSIX shell.
pub(in crate::target) const SHELL: Flat<Assign> = Flat(Assign {
    name: "shell",
    names: &[
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".kshrc",
        "bash.bashrc",
        "bashrc",
        "profile",
        "zshrc",
    ],
    endings: &[".sh", ".bash", ".zsh", ".ksh"],
    head: "#!",
    lexis: Lexis {
        comments: &["#"],
        trailing: true,
        block: None,
        quotes: &[SINGLE, DOUBLE],
        brackets: false,
        joined: true,
        here: true,
    },
    naming: Naming::Capitals,
    parse: shell,
    write: write_shell,
    stands: Stands::Anywhere,
});

/// Java's properties.
pub(in crate::target) const PROPERTIES: Flat<Assign> = Flat(Assign {
    name: "properties",
    names: &[],
    endings: &[".properties"],
    head: "",
    lexis: Lexis {
        comments: &["#", "!"],
        trailing: false,
        block: None,
        quotes: &[],
        brackets: false,
        joined: true,
        here: false,
    },
    naming: Naming::Dotted,
    parse: property,
    write: write_property,
    stands: Stands::Anywhere,
});

/// Terraform's variable files.
pub(in crate::target) const TFVARS: Flat<Assign> = Flat(Assign {
    name: "tfvars",
    names: &[],
    endings: &[".tfvars"],
    head: "",
    lexis: Lexis {
        comments: &["#", "//"],
        trailing: true,
        block: Some(("/*", "*/")),
        quotes: &[DOUBLE_LINE],
        brackets: true,
        joined: false,
        here: true,
    },
    naming: Naming::Small,
    parse: tfvar,
    write: write_tfvar,
    stands: Stands::Anywhere,
});

/// Settings in Python.
pub(in crate::target) const PYTHON: Flat<Assign> = Flat(Assign {
    name: "python",
    names: &[],
    endings: &[".py"],
    head: "#!/usr/bin/env python",
    lexis: Lexis {
        comments: &["#"],
        trailing: true,
        block: None,
        quotes: &[
            Quote {
                mark: "\"\"\"",
                ..DOUBLE
            },
            Quote {
                mark: "'''",
                ..DOUBLE
            },
            DOUBLE_LINE,
            SINGLE_LINE,
        ],
        brackets: true,
        joined: true,
        here: false,
    },
    naming: Naming::Capitals,
    parse: python,
    write: write_python,
    stands: Stands::Anywhere,
});

/// Constants in PHP, as in `wp-config.php`.
pub(in crate::target) const PHP: Flat<Assign> = Flat(Assign {
    name: "php",
    names: &[],
    endings: &[".php", ".phtml", ".inc"],
    head: "<?php",
    lexis: Lexis {
        comments: &["//", "#"],
        trailing: true,
        block: Some(("/*", "*/")),
        quotes: &[
            DOUBLE,
            Quote {
                mark: "'",
                ..DOUBLE
            },
        ],
        brackets: true,
        joined: false,
        here: false,
    },
    naming: Naming::Capitals,
    parse: php,
    write: write_php,
    stands: Stands::Beside,
});

/// Instructions of a container build.
pub(in crate::target) const DOCKERFILE: Flat<Assign> = Flat(Assign {
    name: "dockerfile",
    names: &["dockerfile", "containerfile"],
    endings: &[".dockerfile"],
    head: "",
    lexis: Lexis {
        comments: &["#"],
        trailing: false,
        block: None,
        quotes: &[],
        brackets: false,
        joined: true,
        here: true,
    },
    naming: Naming::Capitals,
    parse: dockerfile,
    write: write_dockerfile,
    stands: Stands::Stage,
});

/// Variables of a service, in a unit of systemd's.
pub(in crate::target) const SYSTEMD: Flat<Assign> = Flat(Assign {
    name: "systemd",
    names: &[],
    endings: &[".service"],
    head: "",
    lexis: Lexis {
        comments: &["#", ";"],
        trailing: false,
        block: None,
        quotes: &[],
        brackets: false,
        joined: true,
        here: false,
    },
    naming: Naming::Capitals,
    parse: environment,
    write: write_environment,
    stands: Stands::Service,
});

impl Flat<Assign> {
    /// What the language's statements are made of.
    pub(in crate::target) const fn lexis(&self) -> &Lexis {
        &self.0.lexis
    }
}

/// A text that is assigned to a name in Terraform's language.
pub(in crate::target) fn terraform_text(statement: &str) -> Option<(String, String)> {
    let Assigned { name, word, .. } = tfvar(statement)?;
    word.quote.map(|_| (name, word.value))
}

impl Dialect for Assign {
    fn name(&self) -> &'static str {
        self.name
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        let within = path.parent().and_then(Path::file_name);
        let copy = ["dockerfile.", "containerfile."];
        self.names.contains(&name)
            || self.endings.iter().any(|ending| name.ends_with(ending))
            || (self.stands == Stands::Stage && copy.iter().any(|start| name.starts_with(start)))
            || (self.stands == Stands::Service
                && within.is_some_and(|name| name.to_string_lossy().ends_with(".service.d")))
            || (self.name == "shell" && within.is_some_and(|name| name == "profile.d"))
    }

    fn claims_content(&self, head: &str) -> bool {
        let first = head.lines().next().unwrap_or_default();
        let shell = || {
            ["sh", "bash", "zsh", "ksh"]
                .iter()
                .any(|name| first.ends_with(name))
        };
        !self.head.is_empty() && first.starts_with(self.head) && (self.name != "shell" || shell())
    }

    fn values(&self, wish: &Wish) -> Values {
        match &wish.tree {
            Some((_, values)) if self.naming == Naming::Dotted => values.clone(),
            _ => wish.env.clone(),
        }
    }

    fn ours(&self, page: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        let names = || {
            let named = page.units.iter().map(|unit| unit.name.as_str());
            named.filter(|name| !name.is_empty())
        };
        let parts = names().flat_map(|name| name.split('.'));
        let case = Case::most(parts);
        let tree = request.wish.tree.as_ref();
        let entries = match (self.naming, tree) {
            (Naming::Dotted, Some((key, values))) if case != Some(Case::Screaming) => {
                let case = case.unwrap_or(Case::Kebab);
                let key = case.write(&names::fill(key, role));
                let part = |(name, field): &(String, String)| {
                    let name = case.write(&names::fill(name, role));
                    (format!("{key}.{name}"), field.clone())
                };
                values.iter().map(part).collect()
            }
            (naming, _) => {
                let part = |(name, field): &(String, String)| {
                    let name = names::fill(name, role);
                    let name = match naming {
                        Naming::Small => name.to_lowercase(),
                        _ => name,
                    };
                    (name, field.clone())
                };
                request.wish.env.iter().map(part).collect()
            }
        };
        Ours {
            at: Vec::new(),
            key: None,
            entries,
            made: false,
        }
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let unit = |span: std::ops::Range<usize>| {
            let statement = &text[span.clone()];
            let (name, value) = (self.parse)(statement)
                .map_or_else(Default::default, |found| (found.name, found.word.value));
            Unit {
                name,
                value,
                top: !statement.starts_with([' ', '\t']) && !self.may_go_on(statement),
                span,
            }
        };
        let statements = lexis::statements(text, &self.lexis)?;
        Ok(statements.into_iter().map(unit).collect())
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        lexis::read(text, &self.lexis)
            .into_iter()
            .filter(|statement| !statement.trim().is_empty())
            .map(|statement| match (self.parse)(&statement) {
                Some(found) => (found.name, found.word.value),
                None => (statement.trim_end().to_owned(), String::new()),
            })
            .collect()
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let manner = self.manner(page);
        let mut lines = Vec::with_capacity(ours.entries.len());
        for (name, value) in &ours.entries {
            lines.push((self.write)(&manner, name, value).ok_or_else(|| name.clone())?);
        }
        if page.aligns() {
            align(&mut lines);
        }
        Ok(lines.join(page.file.eol()))
    }

    fn slots(&self, page: &Page<'_>, ours: &Ours) -> Vec<Slot> {
        match self.stands {
            Stands::Anywhere => page.usual_slots(ours),
            Stands::Beside => page
                .relative(ours)
                .into_iter()
                .chain(page.last_named())
                .collect(),
            Stands::Stage => page.stage_slots(ours),
            Stands::Service => page.service_slots(ours),
        }
    }
}

impl Assign {
    /// An instruction goes on behind a comment in the middle of it.
    fn may_go_on(&self, statement: &str) -> bool {
        let comment = |line: &str| line.trim_start().starts_with('#');
        self.stands == Stands::Stage && statement.lines().skip(1).any(comment)
    }

    fn manner(&self, page: &Page<'_>) -> Manner {
        let all: Vec<Assigned> = page
            .units
            .iter()
            .filter_map(|unit| (self.parse)(&page.file.text[unit.span.clone()]))
            .collect();
        let count = |quote| all.iter().filter(|one| one.word.quote == quote).count();
        let quote = [None, Some('\''), Some('"')]
            .into_iter()
            .max_by_key(|quote| count(*quote))
            .flatten();
        let mark = [Some('"'), Some('\'')]
            .into_iter()
            .max_by_key(|mark| count(*mark))
            .filter(|mark| count(*mark) > 0)
            .flatten();
        let mut votes = std::collections::BTreeMap::new();
        for one in &all {
            *votes.entry(one.between.as_str()).or_insert(0_usize) += 1;
        }
        let between = votes.into_iter().max_by_key(|(_, count)| *count);
        Manner {
            quote: if all.is_empty() { Some('"') } else { quote },
            mark,
            lead: all.is_empty() || all.iter().filter(|one| one.lead).count() * 2 >= all.len(),
            between: between.map(|(between, _)| between.to_owned()),
            windows: page.file.eol() == "\r\n",
        }
    }
}

impl Page<'_> {
    /// Whether equal signs stand under each other, as `terraform fmt` has them.
    fn aligns(&self) -> bool {
        self.units.iter().any(|unit| {
            let line = &self.file.text[unit.span.clone()];
            !unit.name.is_empty()
                && line
                    .split('=')
                    .next()
                    .is_some_and(|name| name.ends_with("  "))
        })
    }

    /// Behind a relative or another variable of the last stage, behind its beginning, at the end.
    fn stage_slots(&self, ours: &Ours) -> Vec<Slot> {
        let begins = |unit: &Unit| {
            let line = &self.file.text[unit.span.clone()];
            line.get(..5)
                .is_some_and(|word| word.eq_ignore_ascii_case("from "))
        };
        let Some(first) = self.units.iter().rposition(begins) else {
            return Vec::new();
        };
        let start = self.units[first].span.end;
        let later = |slot: &Slot| slot.offset >= start;
        let mut slots: Vec<Slot> = self.relative(ours).into_iter().collect();
        slots.extend(self.last_named());
        slots.retain(later);
        slots.push(Slot::at(start));
        slots
    }
}

impl Page<'_> {
    /// Behind a relative or another variable of the service, or behind the head of its section.
    fn service_slots(&self, ours: &Ours) -> Vec<Slot> {
        let line = |unit: &Unit| self.file.text[unit.span.clone()].trim();
        let head = self.units.iter().position(|unit| line(unit) == "[Service]");
        let Some(head) = head else {
            return Vec::new();
        };
        let mut rest = self.units[head + 1..].iter();
        let next = rest.find(|unit| line(unit).starts_with('['));
        let section =
            self.units[head].span.end..next.map_or(self.file.text.len(), |unit| unit.span.start);
        let mut slots: Vec<Slot> = self.relative(ours).into_iter().collect();
        let named = |unit: &&Unit| unit.top && !unit.name.is_empty();
        let within = |unit: &&Unit| section.contains(&unit.span.start);
        let last = self.units.iter().rev().filter(within).find(named);
        slots.extend(last.map(|unit| Slot::at(unit.span.end)));
        slots.retain(|slot| section.start < slot.offset && slot.offset <= section.end);
        slots.push(Slot::at(section.start));
        slots
    }
}

fn align(lines: &mut [String]) {
    let width = |line: &String| line.split(" =").next().map_or(0, str::len);
    let widest = lines.iter().map(width).max().unwrap_or_default();
    for line in lines {
        let at = width(line);
        line.insert_str(at, &" ".repeat(widest - at));
    }
}
