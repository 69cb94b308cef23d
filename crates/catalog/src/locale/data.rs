//! The lists of a locale: `data/locale/<id>.toml`, compiled in and read when a locale is first used.

use std::sync::OnceLock;

use serde::Deserialize;

use super::ascii::Spelling;
use crate::error::CatalogError;

/// A language in a country: its names, places and habits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locale {
    /// Two letters.
    pub(crate) country: String,
    pub(crate) country_name: String,
    pub(crate) currency: String,
    /// How many times a price in dollars.
    pub(crate) prices: usize,
    /// A year's pay, or a month's where that is what tables hold.
    pub(crate) salary: [usize; 2],
    #[serde(default)]
    pub(crate) spelling: Spelling,
    /// How many family names people have, from and to.
    #[serde(default = "one_name")]
    pub(crate) family_names: [usize; 2],
    pub(crate) female: Vec<String>,
    pub(crate) male: Vec<String>,
    /// `Kowalski|Kowalska` where women's form differs.
    pub(crate) family: Vec<String>,
    pub(crate) streets: Vec<String>,
    /// `{street}`, `{number}`, `{floor}` and `{unit}` in the country's order.
    pub(crate) street_forms: Vec<String>,
    /// 1, or more where house numbers run in steps.
    #[serde(default = "one")]
    pub(crate) number_step: usize,
    /// `{family}`, `{other}` and `{trade}`.
    pub(crate) companies: Vec<String>,
    pub(crate) trades: Vec<String>,
    /// `Buyer|Purchasing`: what somebody does, and where.
    pub(crate) jobs: Vec<String>,
    /// Patterns of numbers kept for fiction anywhere in the country.
    #[serde(default)]
    pub(crate) fiction: Vec<String>,
    #[serde(rename = "place")]
    pub(crate) places: Vec<Place>,
}

/// A town: what belongs together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) city: String,
    pub(crate) region: String,
    /// The region as short tables have it.
    pub(crate) code: String,
    /// Dialling code, as it is written in the country.
    pub(crate) area: String,
    /// `#` is any digit, `?` a letter.
    pub(crate) postcodes: Vec<String>,
    /// Pattern of numbers kept for fiction in this area; `{area}` is its dialling code.
    pub(crate) fiction: Option<String>,
}

/// A locale's name, its file, and what was read from it.
struct Shelf {
    id: &'static str,
    text: &'static str,
    read: OnceLock<Locale>,
}

macro_rules! shelves {
    ($($id:literal),+) => {
        [$(Shelf {
            id: $id,
            text: include_str!(concat!("../../data/locale/", $id, ".toml")),
            read: OnceLock::new(),
        }),+]
    };
}

static SHELVES: [Shelf; 12] = shelves![
    "de_DE", "en_GB", "en_US", "es_ES", "es_MX", "fr_FR", "it_IT", "nl_NL", "pl_PL", "pt_BR",
    "ru_RU", "tr_TR"
];

impl Locale {
    /// The locale of this name, `es_MX`; letter case and `-` for `_` are forgiven.
    ///
    /// # Errors
    /// [`CatalogError::UnknownLocale`].
    pub fn named(id: &str) -> Result<&'static Self, CatalogError> {
        let wanted = id.replace('-', "_");
        SHELVES
            .iter()
            .find(|shelf| shelf.id.eq_ignore_ascii_case(&wanted))
            .map(Shelf::locale)
            .ok_or_else(|| CatalogError::UnknownLocale {
                id: id.to_owned(),
                known: Self::names().collect(),
            })
    }

    /// Every locale's name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHELVES.iter().map(|shelf| shelf.id)
    }

    /// Whether its country keeps telephone numbers for fiction.
    #[must_use]
    pub fn has_reserved_phones(&self) -> bool {
        !self.fiction.is_empty() || self.places.iter().all(|place| place.fiction.is_some())
    }

    /// The first locale in which a given name is usual, the default one before others, and the other names of its
    /// sort there, women's or men's.
    pub(super) fn of_name(given: &str) -> Option<(&'static Self, &'static [String])> {
        let default = std::iter::once(Self::default_one());
        let mut all = default.chain(SHELVES.iter().map(Shelf::locale));
        all.find_map(|locale| {
            let mut lists = [&locale.female, &locale.male].into_iter();
            let list = lists.find(|list| list.iter().any(|known| known == given))?;
            Some((locale, list.as_slice()))
        })
    }

    pub(crate) fn default_one() -> &'static Self {
        SHELVES
            .iter()
            .find(|shelf| shelf.id == "en_US")
            .map(Shelf::locale)
            .expect("it is in the list above")
    }
}

impl Shelf {
    fn locale(&'static self) -> &'static Locale {
        self.read
            .get_or_init(|| toml::from_str(self.text).expect("the tests read every locale's file"))
    }
}

fn one_name() -> [usize; 2] {
    [1, 1]
}

fn one() -> usize {
    1
}
