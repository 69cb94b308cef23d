//! Decoy rules of a kind, compiled: what is asked (method, path, conditions, who asks) and what is
//! answered to a valid, wrong, retired or unknown credential.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::error::CatalogError;
use crate::kind::Field;
use crate::render::{Escape, NewTemplate, template_name};
use crate::route::Route;
use crate::schema::{AnswerTable, ApiTable, Auth, DecoyTable, KindFile, Source, StyleTable};

/// Name of the style that applies where a rule names none.
pub(crate) const DEFAULT_STYLE: &str = "default";

/// All rules of one kind.
#[derive(Debug, Default)]
pub(crate) struct Decoy {
    /// Present if the kind stands for a vendor's API, which has an answer to everything.
    pub(crate) api: Option<ApiTable>,
    pub(crate) styles: BTreeMap<String, Style>,
    pub(crate) rules: Vec<Rule>,
}

/// How a vendor fails, for one protocol of its.
#[derive(Debug, Default)]
pub(crate) struct Style {
    pub(crate) failures: Failures,
    pub(crate) not_found: Option<Reply>,
}

/// Answers to credentials that are not accepted; each falls back to a more general one.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) unknown: Option<Reply>,
    pub(crate) missing: Option<Reply>,
    pub(crate) refused: Option<Reply>,
    pub(crate) revoked: Option<Reply>,
    pub(crate) bad_signature: Option<Reply>,
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
    pub(crate) auth: Auth,
    pub(crate) service: Option<String>,
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
}

/// Where values to capture and conditions on absence may come from.
const SOURCES: &[&str] = &[
    "form", "query", "param", "json", "header", "path", "auth", "aws", "body",
];

struct Compiler<'a> {
    kind: &'a str,
    source: Source<'a>,
    templates: Vec<NewTemplate>,
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
        };
        if let Some(api) = &file.api {
            check_api(api, fields, file, source)?;
        }
        let mut styles = BTreeMap::new();
        for (name, table) in &file.style {
            styles.insert(name.clone(), compiler.style(table)?);
        }
        let plain = StyleTable::default();
        let mut rules = Vec::new();
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
            let auth = table
                .matching
                .auth
                .or(file.api.as_ref().map(|api| api.auth))
                .unwrap_or(Auth::None);
            rules.push(compiler.rule(table, name, style, auth)?);
        }
        Ok((
            Self {
                api: file.api.clone(),
                styles,
                rules,
            },
            compiler.templates,
        ))
    }

    /// Every answer, for the battery.
    pub(crate) fn replies(&self) -> impl Iterator<Item = &Reply> {
        let styles = self
            .styles
            .values()
            .flat_map(|style| style.failures.replies().chain(&style.not_found));
        styles.chain(
            self.rules
                .iter()
                .flat_map(|rule| std::iter::once(&rule.accepted).chain(rule.failures.replies())),
        )
    }
}

impl Failures {
    fn replies(&self) -> impl Iterator<Item = &Reply> {
        let Self {
            unknown,
            missing,
            refused,
            revoked,
            bad_signature,
        } = self;
        [unknown, missing, refused, revoked, bad_signature]
            .into_iter()
            .flatten()
    }
}

fn check_api(
    api: &ApiTable,
    fields: &[Field],
    file: &KindFile,
    source: Source<'_>,
) -> Result<(), CatalogError> {
    let at = source.text.find("[api]").unwrap_or_default();
    for name in [&api.user, &api.password].into_iter().flatten() {
        if !fields.iter().any(|field| field.name == *name) {
            return Err(source.wrong(
                at,
                format!("[api] names the field {name:?}, which is not declared"),
                "declare it under [[field]]",
            ));
        }
    }
    let (user, password) = (api.user.is_some(), api.password.is_some());
    let enough = match api.auth {
        Auth::None => true,
        Auth::Bearer | Auth::Token => password,
        Auth::Basic | Auth::Sigv4 | Auth::Query => user && password,
    };
    if !enough {
        return Err(source.wrong(
            at,
            "[api] does not name the fields its callers show",
            "set `user` and `password` to field names",
        ));
    }
    let complete = file
        .style
        .get(DEFAULT_STYLE)
        .is_some_and(|style| style.unknown.is_some() && style.not_found.is_some());
    if !complete {
        return Err(source.wrong(at, "an API answers everything, so it has to have [style.default] with `unknown` and `not_found`", "add them as the vendor answers"));
    }
    Ok(())
}

impl Compiler<'_> {
    fn style(&mut self, table: &StyleTable) -> Result<Style, CatalogError> {
        let StyleTable {
            unknown,
            missing,
            refused,
            revoked,
            bad_signature,
            not_found,
            ..
        } = table;
        Ok(Style {
            failures: Failures {
                unknown: self.optional(unknown.as_ref(), table)?,
                missing: self.optional(missing.as_ref(), table)?,
                refused: self.optional(refused.as_ref(), table)?,
                revoked: self.optional(revoked.as_ref(), table)?,
                bad_signature: self.optional(bad_signature.as_ref(), table)?,
            },
            not_found: self.optional(not_found.as_ref(), table)?,
        })
    }

    fn rule(
        &mut self,
        table: &DecoyTable,
        style_name: &str,
        style: &StyleTable,
        auth: Auth,
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
        for source in table.capture.values().chain(&matching.missing) {
            let known = source.split('.').next().unwrap_or_default();
            if !SOURCES.contains(&known) {
                return Err(self.source.wrong(
                    at,
                    format!("{source:?} is no part of a request"),
                    format!(
                        "write one of {} and a name behind a dot",
                        SOURCES.join(", ")
                    ),
                ));
            }
        }
        let accepted = AnswerTable {
            status: table.status,
            content_type: table.content_type.clone(),
            headers: table.headers.clone(),
            body: table.body.clone(),
            body_base64: table.body_base64.clone(),
        };
        Ok(Rule {
            name: format!("{method} {}", matching.path.get_ref()),
            methods: if method == "*" {
                Vec::new()
            } else {
                method.split('|').map(str::to_owned).collect()
            },
            routes,
            except,
            auth,
            service: matching.service.clone(),
            form: matching.form.clone().into_iter().collect(),
            query: matching.query.clone().into_iter().collect(),
            header: matching.header.clone().into_iter().collect(),
            missing: matching.missing.clone(),
            capture: table.capture.clone().into_iter().collect(),
            style: style_name.to_owned(),
            accepted: self.reply(&accepted, style)?,
            failures: Failures {
                unknown: self.optional(table.unknown.as_ref(), style)?,
                missing: self.optional(table.missing.as_ref(), style)?,
                refused: self.optional(table.refused.as_ref(), style)?,
                revoked: self.optional(table.revoked.as_ref(), style)?,
                bad_signature: None,
            },
        })
    }

    fn optional(
        &mut self,
        table: Option<&AnswerTable>,
        style: &StyleTable,
    ) -> Result<Option<Reply>, CatalogError> {
        table.map(|table| self.reply(table, style)).transpose()
    }

    fn reply(&mut self, table: &AnswerTable, style: &StyleTable) -> Result<Reply, CatalogError> {
        let content_type = table.content_type.as_ref().or(style.content_type.as_ref());
        let mut tables = Vec::new();
        let mut headers = Vec::new();
        if let Some(content_type) = content_type {
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
            (Some(body), None) => {
                let escape = Escape::of(content_type.map_or("", String::as_str));
                self.text(body.get_ref(), body.span().start, escape, &mut tables)
            }
            (None, Some(encoded)) => Text::Fixed(self.decoded(encoded)?),
            (None, None) => Text::Fixed(Vec::new()),
            (Some(body), Some(_)) => {
                return Err(self.source.wrong(
                    body.span().start,
                    "an answer has `body` or `body_base64`, not both",
                    "drop one",
                ));
            }
        };
        Ok(Reply {
            status: table.status,
            headers,
            body,
            tables,
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

    fn text(
        &mut self,
        text: &str,
        offset: usize,
        escape: Escape,
        tables: &mut Vec<&'static str>,
    ) -> Text {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Text::Fixed(text.as_bytes().to_vec());
        }
        for table in crate::render::TABLES {
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
