//! Decoy rules of a kind, compiled: what is asked (method, path, conditions, who asks) and what is
//! answered to a valid, wrong, retired or unknown credential.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::dav::{DavPart, Share, Wanted};
use crate::error::CatalogError;
use crate::kind::Field;
use crate::render::{Escape, NewTemplate, template_name};
use crate::route::Route;
use crate::schema::{
    AnswerTable, DecoyTable, KindFile, LimitTable, RememberTable, Scalar, Source, StyleTable,
};
use crate::smart::{GitPart, Repository};
use crate::ways::{self, ApiTable, Auth, AuthList, Way};

/// Name of the style that applies where a rule names none.
pub(crate) const DEFAULT_STYLE: &str = "default";

/// All rules of one kind.
#[derive(Debug, Default)]
pub(crate) struct Decoy {
    /// Present if the kind stands for a vendor's API, which has an answer to everything.
    pub(crate) api: Option<Api>,
    /// The repository it serves to `git`.
    pub(crate) git: Option<Repository>,
    /// The share it serves over WebDAV.
    pub(crate) dav: Option<Share>,
    pub(crate) styles: BTreeMap<String, Box<Style>>,
    pub(crate) rules: Vec<Rule>,
}

/// A vendor's API.
#[derive(Debug)]
pub(crate) struct Api {
    /// How its callers show who they are, where a rule says nothing else.
    pub(crate) ways: Vec<Way>,
    /// Whether any of its ways, or those of its rules, signs as AWS does.
    pub(crate) signs: bool,
}

/// How a vendor fails, for one protocol of its.
#[derive(Debug, Default)]
pub(crate) struct Style {
    pub(crate) failures: Failures,
    pub(crate) not_found: Option<Box<Reply>>,
    pub(crate) limit: Option<LimitTable>,
    pub(crate) limited: Option<Box<Reply>>,
}

/// Answers to credentials that are not accepted; each falls back to a more general one. Most rules have none of
/// their own.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) unknown: Option<Box<Reply>>,
    pub(crate) missing: Option<Box<Reply>>,
    pub(crate) refused: Option<Box<Reply>>,
    pub(crate) revoked: Option<Box<Reply>>,
    pub(crate) bad_signature: Option<Box<Reply>>,
    /// Signed, with a session token that nobody gave out.
    pub(crate) bad_token: Option<Box<Reply>>,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// `POST /2010-04-01/...`, as it is recorded.
    pub(crate) name: String,
    /// Methods it is for; empty for all.
    pub(crate) methods: Vec<String>,
    /// Its path and those it is also for.
    pub(crate) routes: Vec<Route>,
    pub(crate) except: Vec<Route>,
    /// How callers show who they are, if not as everywhere in this API.
    pub(crate) ways: Option<Vec<Way>>,
    pub(crate) service: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) json: Vec<(String, String)>,
    /// What the path has to be in the share.
    pub(crate) dav: Option<Wanted>,
    /// Names of the root of an XML body; an empty one stands for no body.
    pub(crate) xml: Option<Vec<String>>,
    /// Items that have to be remembered: list, and where the id comes from.
    pub(crate) known: Vec<(String, String)>,
    /// What it makes; the later ones see the first item of the first.
    pub(crate) remember: Vec<Remember>,
    pub(crate) forget: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) header: Vec<(String, String)>,
    /// Values that have to be absent or empty: `form.To`.
    pub(crate) missing: Vec<String>,
    /// What to capture: name and where from.
    pub(crate) capture: Vec<(String, String)>,
    pub(crate) style: String,
    pub(crate) accepted: Reply,
    pub(crate) failures: Failures,
    pub(crate) limited: Option<Box<Reply>>,
}

/// What a rule keeps.
#[derive(Debug)]
pub(crate) struct Remember {
    pub(crate) list: String,
    /// What an item is made for, each: a text of several, and what stands between them.
    pub(crate) each: Option<(Text, String)>,
    pub(crate) id: Text,
    pub(crate) keep: Vec<(String, Keep)>,
    /// Tables its templates look at.
    pub(crate) tables: Vec<&'static str>,
}

impl Remember {
    /// Its templates.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        let kept = self.keep.iter().filter_map(|(_, keep)| match keep {
            Keep::Text(text) => Some(text),
            Keep::Number(_) | Keep::Truth(_) => None,
        });
        kept.chain([&self.id])
            .chain(self.each.iter().map(|(text, _)| text))
    }
}

/// A value that is kept.
#[derive(Debug)]
pub(crate) enum Keep {
    Text(Text),
    Number(i64),
    Truth(bool),
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Text)>,
    pub(crate) body: Text,
    /// Tables its templates look at.
    pub(crate) tables: Vec<&'static str>,
}

/// Fixed bytes, or a template by name.
#[derive(Debug)]
pub(crate) enum Text {
    Fixed(Vec<u8>),
    Template(String),
    /// A part of the kind's repository.
    Git(GitPart),
    /// A part of the kind's share.
    Dav(DavPart),
}

/// Where values to capture and conditions on absence may come from.
const SOURCES: &[&str] = &[
    "form", "query", "param", "json", "xml", "header", "cookie", "path", "auth", "aws", "body",
];

pub(crate) struct Compiler<'a> {
    kind: &'a str,
    source: Source<'a>,
    templates: Vec<NewTemplate>,
    has_git: bool,
    has_dav: bool,
}

impl Decoy {
    /// Compiles the rules of one file; templates come back to be added to the environment.
    pub(crate) fn compile(
        file: &KindFile,
        fields: &[Field],
        source: Source<'_>,
    ) -> Result<(Self, Vec<NewTemplate>), CatalogError> {
        let mut compiler = Compiler {
            kind: file.id.get_ref(),
            source,
            templates: Vec::new(),
            has_git: file.git.is_some(),
            has_dav: file.dav.is_some(),
        };
        let mut api = (file.api.as_ref())
            .map(|table| compile_api(table, fields, file, source))
            .transpose()?;
        let git = (file.git.as_ref())
            .map(|table| Repository::compile(table, &mut compiler))
            .transpose()?;
        let dav = (file.dav.as_ref())
            .map(|table| Share::compile(table, fields, &mut compiler))
            .transpose()?;
        let mut styles = BTreeMap::new();
        for (name, table) in &file.style {
            styles.insert(name.clone(), Box::new(compiler.style(table)?));
        }
        let plain = StyleTable::default();
        let mut rules = Vec::with_capacity(file.decoy.len());
        for table in &file.decoy {
            let name = table.style.as_deref().unwrap_or(DEFAULT_STYLE);
            let style = match file.style.get(name) {
                Some(style) => style,
                None if name == DEFAULT_STYLE => &plain,
                None => {
                    return Err(source.wrong(
                        table.matching.path.span().start,
                        format!("there is no [style.{name}]"),
                        "declare it, or correct the name",
                    ));
                }
            };
            let at = table.matching.path.span().start;
            let ways = (table.matching.auth.as_ref())
                .map(|list| compile_ways(list, file.api.as_ref(), fields, source, at))
                .transpose()?;
            if let Some(api) = &mut api {
                api.signs |= ways.iter().flatten().any(|way| way.by == Auth::Sigv4);
            }
            rules.push(compiler.rule(table, name, style, ways)?);
        }
        check_lists(&rules, source)?;
        Ok((
            Self {
                api,
                git,
                dav,
                styles,
                rules,
            },
            compiler.templates,
        ))
    }

    /// Every answer, for the battery.
    pub(crate) fn replies(&self) -> impl Iterator<Item = &Reply> {
        let styles = (self.styles.values())
            .flat_map(|style| style.failures.replies([&style.not_found, &style.limited]));
        styles.chain(self.rules.iter().flat_map(|rule| {
            let more = rule.failures.replies([&rule.limited, &None]);
            std::iter::once(&rule.accepted).chain(more)
        }))
    }
}

impl Failures {
    fn replies<'a>(&'a self, more: [&'a Option<Box<Reply>>; 2]) -> impl Iterator<Item = &'a Reply> {
        let Self {
            unknown,
            missing,
            refused,
            revoked,
            bad_signature,
            bad_token,
        } = self;
        let shown = [unknown, missing, refused, revoked, bad_signature, bad_token];
        shown.into_iter().chain(more).filter_map(Option::as_deref)
    }
}

fn compile_ways(
    list: &AuthList,
    api: Option<&ApiTable>,
    fields: &[Field],
    source: Source<'_>,
    at: usize,
) -> Result<Vec<Way>, CatalogError> {
    let ways = ways::compile(list, api)
        .map_err(|what| source.wrong(at, what, "see \"Answers\" in docs/KINDS.md"))?;
    for way in &ways {
        for name in way.fields() {
            if !fields.iter().any(|field| field.name == name) {
                return Err(source.wrong(
                    at,
                    format!("`auth` names the field {name:?}, which is not declared"),
                    "declare it under [[field]]",
                ));
            }
        }
        for text in way.sources() {
            check_source(text, source, at)?;
        }
    }
    Ok(ways)
}

/// Checks that a source is a part of a request.
fn check_source(text: &str, source: Source<'_>, at: usize) -> Result<(), CatalogError> {
    let known = text.split('.').next().unwrap_or_default();
    if SOURCES.contains(&known) {
        return Ok(());
    }
    let hint = format!(
        "write one of {} and a name behind a dot",
        SOURCES.join(", ")
    );
    Err(source.wrong(at, format!("{text:?} is no part of a request"), hint))
}

/// Lists that are asked for have to be filled by some rule.
fn check_lists(rules: &[Rule], source: Source<'_>) -> Result<(), CatalogError> {
    let filled = |list: &String| {
        let mut remembered = rules.iter().flat_map(|rule| &rule.remember);
        remembered.any(|remember| remember.list == *list)
    };
    let mut asked = rules
        .iter()
        .flat_map(|rule| rule.known.iter().chain(&rule.forget));
    match asked.find(|(list, _)| !filled(list)) {
        None => Ok(()),
        Some((list, _)) => Err(source.wrong(
            source.text.find("known = {").unwrap_or_default(),
            format!("no rule remembers anything in the list {list:?}"),
            "add `remember` to the rule that makes such items",
        )),
    }
}

fn compile_api(
    api: &ApiTable,
    fields: &[Field],
    file: &KindFile,
    source: Source<'_>,
) -> Result<Api, CatalogError> {
    let at = source.text.find("[api]").unwrap_or_default();
    let ways = compile_ways(&api.auth, Some(api), fields, source, at)?;
    let complete = file
        .style
        .get(DEFAULT_STYLE)
        .is_some_and(|style| style.unknown.is_some() && style.not_found.is_some());
    if !complete {
        return Err(source.wrong(at, "an API answers everything, so it has to have [style.default] with `unknown` and `not_found`", "add them as the vendor answers"));
    }
    Ok(Api {
        signs: ways.iter().any(|way| way.by == Auth::Sigv4),
        ways,
    })
}

/// What a part is sent as, where its answer does not say.
fn content_type_of(part: &Text) -> Option<&'static str> {
    match part {
        Text::Git(part) => Some(part.content_type()),
        Text::Dav(part) => part.content_type(),
        Text::Fixed(_) | Text::Template(_) => None,
    }
}

impl Compiler<'_> {
    fn style(&mut self, table: &StyleTable) -> Result<Style, CatalogError> {
        let StyleTable {
            unknown,
            missing,
            refused,
            revoked,
            bad_signature,
            bad_token,
            not_found,
            limit,
            limited,
            content_type: _,
            headers: _,
        } = table;
        Ok(Style {
            failures: Failures {
                unknown: self.optional(unknown.as_ref(), table)?,
                missing: self.optional(missing.as_ref(), table)?,
                refused: self.optional(refused.as_ref(), table)?,
                revoked: self.optional(revoked.as_ref(), table)?,
                bad_signature: self.optional(bad_signature.as_ref(), table)?,
                bad_token: self.optional(bad_token.as_ref(), table)?,
            },
            not_found: self.optional(not_found.as_ref(), table)?,
            limit: *limit,
            limited: self.optional(limited.as_ref(), table)?,
        })
    }

    fn rule(
        &mut self,
        table: &DecoyTable,
        style_name: &str,
        style: &StyleTable,
        ways: Option<Vec<Way>>,
    ) -> Result<Rule, CatalogError> {
        let matching = &table.matching;
        let at = matching.path.span().start;
        let route = |path: &str| {
            Route::compile(path).map_err(|what| self.source.wrong(at, what, "correct the path"))
        };
        let method = matching.method.as_deref().unwrap_or("*");
        let paths = std::iter::once(matching.path.get_ref()).chain(&matching.also);
        let routes = paths.map(|path| route(path)).collect::<Result<_, _>>()?;
        let except = matching
            .except
            .iter()
            .map(|path| route(path))
            .collect::<Result<_, _>>()?;
        let stateful = matching.known.values().chain(table.forget.values());
        for source in (table.capture.values().chain(&matching.missing)).chain(stateful) {
            check_source(source, self.source, at)?;
        }
        let accepted = AnswerTable {
            status: table.status,
            content_type: table.content_type.clone(),
            headers: table.headers.clone(),
            body: table.body.clone(),
            body_base64: table.body_base64.clone(),
            artifact: table.artifact.clone(),
        };
        let pairs = |table: &BTreeMap<String, String>| table.clone().into_iter().collect();
        Ok(Rule {
            name: format!("{method} {}", matching.path.get_ref()),
            methods: if method == "*" {
                Vec::new()
            } else {
                method.split('|').map(str::to_owned).collect()
            },
            routes,
            except,
            ways,
            service: matching.service.clone(),
            host: matching.host.clone(),
            json: (matching.json.iter())
                .map(|(name, wanted)| (name.clone(), wanted.to_string()))
                .collect(),
            dav: matching.dav,
            xml: (matching.xml.as_ref()).map(|names| names.split('|').map(str::to_owned).collect()),
            known: pairs(&matching.known),
            remember: (table.remember.0.iter())
                .map(|table| self.remember(table))
                .collect(),
            forget: pairs(&table.forget),
            form: pairs(&matching.form),
            query: pairs(&matching.query),
            header: pairs(&matching.header),
            missing: matching.missing.clone(),
            capture: pairs(&table.capture),
            style: style_name.to_owned(),
            accepted: self.reply(&accepted, style)?,
            failures: Failures {
                unknown: self.optional(table.unknown.as_ref(), style)?,
                missing: self.optional(table.missing.as_ref(), style)?,
                refused: self.optional(table.refused.as_ref(), style)?,
                revoked: self.optional(table.revoked.as_ref(), style)?,
                bad_signature: self.optional(table.bad_signature.as_ref(), style)?,
                bad_token: None,
            },
            limited: self.optional(table.limited.as_ref(), style)?,
        })
    }

    fn remember(&mut self, table: &RememberTable) -> Remember {
        let at = table.list.span().start;
        let mut tables = Vec::new();
        // As text: what is kept is escaped where it is shown.
        let id = self.text(&table.id, at, Escape::Text, &mut tables);
        let each = table.each.as_ref().map(|each| {
            let of = self.text(&each.of, at, Escape::Text, &mut tables);
            (of, each.split.clone())
        });
        let keep = (table.keep.iter())
            .map(|(name, value)| {
                let value = match value {
                    Scalar::Text(text) => {
                        Keep::Text(self.text(text, at, Escape::Text, &mut tables))
                    }
                    Scalar::Number(number) => Keep::Number(*number),
                    Scalar::Truth(truth) => Keep::Truth(*truth),
                };
                (name.clone(), value)
            })
            .collect();
        Remember {
            list: table.list.get_ref().clone(),
            each,
            id,
            keep,
            tables,
        }
    }

    fn optional(
        &mut self,
        table: Option<&AnswerTable>,
        style: &StyleTable,
    ) -> Result<Option<Box<Reply>>, CatalogError> {
        let reply = |table| self.reply(table, style).map(Box::new);
        table.map(reply).transpose()
    }

    fn reply(&mut self, table: &AnswerTable, style: &StyleTable) -> Result<Reply, CatalogError> {
        let part = (table.artifact.as_ref())
            .map(|name| self.artifact(name))
            .transpose()?;
        let made = part.as_ref().and_then(content_type_of).map(str::to_owned);
        let content_type = (table.content_type.as_ref())
            .or(made.as_ref())
            .or(style.content_type.as_ref());
        let mut tables = Vec::new();
        let mut headers = Vec::new();
        if let Some(content_type) = content_type.filter(|it| !it.is_empty()) {
            headers.push((
                "Content-Type".to_owned(),
                Text::Fixed(content_type.clone().into_bytes()),
            ));
        }
        let own = &table.headers.0;
        let inherited = style.headers.0.iter().filter(|(name, _)| {
            !own.iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        });
        for (name, value) in inherited.chain(own).filter(|(_, value)| !value.is_empty()) {
            headers.push((
                name.clone(),
                self.text(value, 0, Escape::Header, &mut tables),
            ));
        }
        let body = match (&table.body, &table.body_base64) {
            (None, None) if let Some(part) = part => part,
            (Some(body), None) if table.artifact.is_none() => {
                let escape = Escape::of(content_type.map_or("", String::as_str));
                self.text(body.get_ref(), body.span().start, escape, &mut tables)
            }
            (None, Some(encoded)) if table.artifact.is_none() => {
                Text::Fixed(self.decoded(encoded)?)
            }
            (None, None) => Text::Fixed(Vec::new()),
            (Some(one), _) | (_, Some(one)) => {
                return Err(self.source.wrong(
                    one.span().start,
                    "an answer has one of `body`, `body_base64` and `artifact`",
                    "drop the others",
                ));
            }
        };
        headers.shrink_to_fit();
        Ok(Reply {
            status: table.status,
            headers,
            body,
            tables,
        })
    }

    /// A mistake of [git].
    pub(crate) fn wrong_git(&self, what: &str, hint: &str) -> CatalogError {
        let at = self.source.text.find("[git]").unwrap_or_default();
        self.source.wrong(at, what, hint)
    }

    /// A mistake of [dav].
    pub(crate) fn wrong_dav(&self, what: &str, hint: &str) -> CatalogError {
        let at = self.source.text.find("[dav]").unwrap_or_default();
        self.source.wrong(at, what, hint)
    }

    fn artifact(&self, name: &Spanned<String>) -> Result<Text, CatalogError> {
        let git = self
            .has_git
            .then(|| GitPart::named(name.get_ref()))
            .flatten();
        let dav = self
            .has_dav
            .then(|| DavPart::named(name.get_ref()))
            .flatten();
        (git.map(Text::Git)).or(dav.map(Text::Dav)).ok_or_else(|| {
            let what = format!("there is no artifact {:?} here", name.get_ref());
            let hint = "write git-refs or git-pack, and a [git] with the files; or dav-properties, \
                        dav-content or dav-lock, and a [dav]";
            self.source.wrong(name.span().start, what, hint)
        })
    }

    fn decoded(&self, encoded: &Spanned<String>) -> Result<Vec<u8>, CatalogError> {
        data_encoding::BASE64
            .decode(encoded.get_ref().as_bytes())
            .map_err(|_| {
                self.source.wrong(
                    encoded.span().start,
                    "not base 64",
                    "encode the bytes with `base64 -w0`",
                )
            })
    }

    pub(crate) fn text(
        &mut self,
        text: &str,
        offset: usize,
        escape: Escape,
        tables: &mut Vec<&'static str>,
    ) -> Text {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Text::Fixed(text.as_bytes().to_vec());
        }
        for table in crate::render::TABLES.iter().chain(crate::render::LISTS) {
            if text.contains(table) && !tables.contains(table) {
                tables.push(table);
            }
        }
        let name = template_name(self.kind, self.templates.len(), escape);
        self.templates.push(NewTemplate {
            name: name.clone(),
            text: text.to_owned(),
            offset,
        });
        Text::Template(name)
    }
}
