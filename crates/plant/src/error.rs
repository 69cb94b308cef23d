//! What can go wrong: each error says what, where, and what to do next.

use std::fmt;
use std::path::Path;

/// Where something is wrong, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File (with `:line` where there is one), table or target.
    pub place: String,
    /// What is wrong, a sentence without its full stop.
    pub what: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Problem {
    /// A problem at a place.
    pub(crate) fn new(place: impl fmt::Display, what: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            place: place.to_string(),
            what: what.into(),
            hint: String::new(),
        })
    }

    /// A problem with a file.
    pub(crate) fn at(path: &Path, what: impl Into<String>) -> Box<Self> {
        Self::new(path.display(), what)
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Why something was not planted, checked or uprooted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlantError {
    /// The target is not one that can be planted in.
    #[error("{0}")]
    Target(Box<Problem>),
    /// The kind has no form for this sort of target.
    #[error("{0}")]
    Shape(Box<Problem>),
    /// It could be done, but would be unsafe.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The name is already there.
    #[error("{0}")]
    Exists(Box<Problem>),
    /// The file does not have the form of its kind.
    #[error("{0}")]
    Syntax(Box<Problem>),
    /// No edit could be proven to change nothing else.
    #[error("{0}")]
    Unproven(Box<Problem>),
    /// Somebody else wrote to it at the same time.
    #[error("{0}")]
    Raced(Box<Problem>),
    /// What stands there is not, or no longer, what was planted.
    #[error("{0}")]
    NotOurs(Box<Problem>),
    /// The placement's own record cannot be understood.
    #[error("{0}")]
    Record(Box<Problem>),
    /// The system refused.
    #[error("{place}: cannot {doing}: {source}")]
    Io {
        /// The file.
        place: String,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{place}: cannot {doing}: {source}")]
    Database {
        /// The database.
        place: String,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PlantError {
    pub(crate) fn io(path: &Path, doing: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            place: path.display().to_string(),
            doing,
            source,
        }
    }

    /// Place, what and hint, if it is a problem found by this crate rather than by the system.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Target(problem)
            | Self::Shape(problem)
            | Self::Refused(problem)
            | Self::Exists(problem)
            | Self::Syntax(problem)
            | Self::Unproven(problem)
            | Self::Raced(problem)
            | Self::NotOurs(problem)
            | Self::Record(problem) => Some(problem),
            Self::Io { .. } | Self::Database { .. } => None,
        }
    }

    /// Where: a file (with `:line` where there is one), database or target.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::Io { place, .. } | Self::Database { place, .. } => place,
            _ => self.problem().map_or("", |problem| &problem.place),
        }
    }

    /// What to do next; `None` if nothing better is known than what the message says.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.problem()
            .map(|problem| problem.hint.as_str())
            .filter(|hint| !hint.is_empty())
    }
}
