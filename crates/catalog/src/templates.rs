//! The templates of all kinds. Those of a kind are compiled when one of them is first asked for: most
//! kinds of a station never answer anybody.

use std::collections::HashMap;
use std::sync::OnceLock;

use minijinja::{Environment, Error, ErrorKind, Template};

use crate::render::{self, NewTemplate};

/// Templates by kind and name.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    kinds: HashMap<String, OfKind>,
}

#[derive(Debug)]
struct OfKind {
    texts: Vec<(String, Box<str>)>,
    compiled: OnceLock<Environment<'static>>,
}

impl Templates {
    /// Takes the templates of a kind in, in place of those it had.
    pub(crate) fn replace(&mut self, kind: &str, templates: Vec<NewTemplate>) {
        let texts = templates
            .into_iter()
            .map(|template| (template.name, template.text.into()))
            .collect();
        let compiled = OnceLock::new();
        self.kinds
            .insert(kind.to_owned(), OfKind { texts, compiled });
    }

    /// Drops what was compiled of a kind until it is asked for again.
    pub(crate) fn forget(&mut self, kind: &str) {
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.compiled.take();
        }
    }

    /// The template of this name, which starts with its kind's.
    ///
    /// # Errors
    /// There is none, or it does not follow the syntax.
    pub(crate) fn get_template(&self, name: &str) -> Result<Template<'_, '_>, Error> {
        let kind = name.split('/').next().unwrap_or_default();
        let of_kind = self.kinds.get(kind).ok_or_else(|| {
            Error::new(ErrorKind::TemplateNotFound, format!("no template {name:?}"))
        })?;
        of_kind
            .compiled
            .get_or_init(|| of_kind.compile())
            .get_template(name)
    }

    /// Compiles one template, and says what is wrong with it.
    ///
    /// # Errors
    /// It does not follow the syntax.
    pub(crate) fn try_one(template: &NewTemplate) -> Result<(), Error> {
        let mut environment = render::environment();
        environment.add_template_owned(template.name.clone(), template.text.clone())
    }
}

impl OfKind {
    fn compile(&self) -> Environment<'static> {
        let mut environment = render::environment();
        for (name, text) in &self.texts {
            let added = environment.add_template_owned(name.clone(), text.to_string());
            debug_assert!(
                added.is_ok(),
                "templates are tried before they are released"
            );
        }
        environment
    }
}
