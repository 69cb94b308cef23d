//! Pieces of a format that depend on where a record's people live: names, addresses, companies, money,
//! and moments in their order. One row of a locale serves a whole canary, so that city, postcode,
//! region, area code and country agree, and a name has one gender.
//!
//! Pieces: `{person:given}`, `{person:family}`; `{place:street}` (also `city`, `region`, `region-code`,
//! `postcode`, `country`, `country-name`); `{company}`; `{work:job}` (also `department`, `salary`);
//! `{currency}`; `{amount:5-480}` (dollars, brought to the locale's level of prices); `{phone}` (nothing
//! unless the operator gave numbers); `{moment:created:%Y-%m-%d}` (also `born`, `hired`, `changed`,
//! `seen`, `paid`, `due`, `expires`); `{private-ip}`; `{shared-word}` (of a path). The lists are in `data/locale/`.

mod ascii;
mod data;
mod moment;
mod phone;

use std::fmt::Write as _;

use lapwing_core::Timestamp;

use crate::dice::Dice;
use crate::error::CatalogError;
use crate::format::Drawing;
use crate::words::PATH_WORDS;

pub(crate) use ascii::{Spelling, login, slug};
pub use data::Locale;
use moment::Moments;
pub(crate) use moment::Which;

/// How often a person is drawn until it is of a sort.
const TRIES: usize = 32;

/// Where and when the people of records live.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scene<'a> {
    /// Their language and country; none: the default one.
    pub locale: Option<&'static Locale>,
    /// Telephone numbers of the operator's own, one of which each record shows; the word `reserved`
    /// stands for the locale's range kept for fiction. None: records show no number.
    pub phones: &'a [String],
    /// When the record was made; none: drawn.
    pub created: Option<Timestamp>,
    /// What rows of one table have in common (the host in their addresses, the shape of their
    /// numbers) follows from this; none: each canary has its own.
    pub style: Option<u64>,
}

impl<'a> Scene<'a> {
    /// The locale, or the default one.
    #[must_use]
    pub fn locale(&self) -> &'static Locale {
        self.locale.unwrap_or_else(|| Locale::default_one())
    }

    /// A number below `count` that all rows of a table share for `what`.
    pub(crate) fn shared(&self, what: &str, count: usize) -> Option<usize> {
        // FNV-1a: nothing secret hangs on it.
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        let hash = what.as_bytes().iter().fold(self.style?, mix) >> 17;
        usize::try_from(hash % (count.max(1) as u64)).ok()
    }

    /// Whether its telephone numbers can be shown.
    ///
    /// # Errors
    /// One is no number, or the locale has none kept for fiction.
    pub fn check(&self) -> Result<(), CatalogError> {
        for text in self.phones {
            if !phone::is_number(text) {
                return Err(CatalogError::Phone { text: text.clone() });
            }
            if phone::is_reserved(text) && !self.locale().has_reserved_phones() {
                return Err(CatalogError::NoReservedPhones {
                    country: self.locale().country_name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether records show numbers that are kept for fiction, which a reader may know.
    #[must_use]
    pub fn shows_reserved(&self) -> bool {
        self.phones.iter().any(|text| phone::is_reserved(text))
    }

    pub(crate) fn begin(self, days: u32, now: Timestamp) -> Drawn<'a> {
        Drawn {
            scene: self,
            days,
            now,
            person: None,
            place: None,
            work: None,
            moments: None,
        }
    }
}

/// What was drawn for one canary so far.
pub(crate) struct Drawn<'a> {
    scene: Scene<'a>,
    days: u32,
    now: Timestamp,
    person: Option<Person>,
    place: Option<Address>,
    work: Option<Work>,
    moments: Option<Moments>,
}

struct Person {
    given: &'static str,
    family: String,
}

/// What somebody does, and in which department.
#[derive(Clone, Copy)]
struct Work {
    job: &'static str,
    department: &'static str,
}

#[derive(Clone)]
struct Address {
    place: &'static data::Place,
    postcode: String,
    street: String,
}

impl Drawn<'_> {
    /// Which of `count` shapes a field has in all rows of a table, if it is to have one.
    pub(crate) fn shared(&self, uniform: bool, field: &str, count: usize) -> Option<usize> {
        self.scene.shared(field, count).filter(|_| uniform)
    }

    /// How names are written in ASCII.
    pub(crate) fn spelling(&self) -> Spelling {
        self.scene
            .locale
            .map_or(Spelling::Plain, |locale| locale.spelling)
    }

    /// The locale in use.
    pub(crate) fn locale(&self) -> &'static Locale {
        self.scene.locale()
    }

    fn person(&mut self, dice: &mut Dice<'_>) -> &Person {
        let locale = self.locale();
        self.person.get_or_insert_with(|| draw_person(locale, dice))
    }

    fn address(&mut self, dice: &mut Dice<'_>) -> &Address {
        let locale = self.locale();
        self.place.get_or_insert_with(|| draw_address(locale, dice))
    }

    fn work(&mut self, dice: &mut Dice<'_>) -> Work {
        let locale = self.locale();
        *self.work.get_or_insert_with(|| {
            let drawn = dice.pick(&locale.jobs).map_or("", String::as_str);
            let (job, department) = drawn.split_once('|').unwrap_or((drawn, ""));
            Work { job, department }
        })
    }

    fn moments(&mut self, dice: &mut Dice<'_>) -> &Moments {
        let (created, days, now) = (self.scene.created, self.days, self.now);
        self.moments
            .get_or_insert_with(|| Moments::draw(created, days, now, dice))
    }
}

/// A piece that depends on the locale, the person or the moment.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Given,
    Family,
    Street,
    City,
    Region,
    RegionCode,
    Postcode,
    Country,
    CountryName,
    Company,
    Job,
    Department,
    Salary,
    Currency,
    Amount {
        low: usize,
        high: usize,
    },
    Phone,
    Moment {
        which: Which,
        format: Box<str>,
    },
    PrivateIp,
    /// A word of a path that all rows of a table share.
    SharedWord,
}

impl Part {
    /// The piece of this name; `None` if it is none of these.
    pub(crate) fn parse(name: &str, argument: &str) -> Option<Result<Self, String>> {
        let part = match (name, argument) {
            ("person", "given") => Self::Given,
            ("person", "family") => Self::Family,
            ("place", "street") => Self::Street,
            ("place", "city") => Self::City,
            ("place", "region") => Self::Region,
            ("place", "region-code") => Self::RegionCode,
            ("place", "postcode") => Self::Postcode,
            ("place", "country") => Self::Country,
            ("place", "country-name") => Self::CountryName,
            ("company", "") => Self::Company,
            ("work", "job") => Self::Job,
            ("work", "department") => Self::Department,
            ("work", "salary") => Self::Salary,
            ("currency", "") => Self::Currency,
            ("phone", "") => Self::Phone,
            ("private-ip", "") => Self::PrivateIp,
            ("shared-word", "") => Self::SharedWord,
            ("amount", range) => return Some(amount(range)),
            ("moment", which) => return Some(moment(which)),
            (
                "person" | "place" | "company" | "work" | "currency" | "phone" | "private-ip"
                | "shared-word",
                _,
            ) => {
                return Some(Err(format!("`{{{name}}}` has no part {argument:?}")));
            }
            _ => return None,
        };
        Some(Ok(part))
    }

    /// Whether another locale would give other values.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(
            self,
            Self::Moment { .. } | Self::PrivateIp | Self::SharedWord
        )
    }

    pub(crate) fn is_phone(&self) -> bool {
        matches!(self, Self::Phone)
    }

    pub(crate) fn draw(&self, drawing: &mut Drawing<'_>, out: &mut String) {
        let Drawing { dice, drawn, .. } = drawing;
        let locale = drawn.locale();
        match self {
            Self::Given => out.push_str(drawn.person(dice).given),
            Self::Family => out.push_str(&drawn.person(dice).family),
            Self::Street => out.push_str(&drawn.address(dice).street),
            Self::City => out.push_str(&drawn.address(dice).place.city),
            Self::Region => out.push_str(&drawn.address(dice).place.region),
            Self::RegionCode => out.push_str(&drawn.address(dice).place.code),
            Self::Postcode => out.push_str(&drawn.address(dice).postcode),
            Self::Country => out.push_str(&locale.country),
            Self::CountryName => out.push_str(&locale.country_name),
            Self::Company => out.push_str(&draw_company(locale, dice)),
            Self::Job => out.push_str(drawn.work(dice).job),
            Self::Department => out.push_str(drawn.work(dice).department),
            Self::Salary => {
                let [low, high] = locale.salary;
                let _ = write!(out, "{}.00", dice.between(low, high) / 100 * 100);
            }
            Self::Currency => out.push_str(&locale.currency),
            Self::Amount { low, high } => draw_amount(*low, *high, locale, dice, out),
            Self::Phone => {
                let place = drawn.address(dice).place;
                phone::draw(drawn.scene.phones, locale, place, dice, out);
            }
            Self::Moment { which, format } => {
                let at = drawn.moments(dice).of(*which);
                if let Ok(at) = jiff::Timestamp::from_second(at) {
                    let _ = write!(out, "{}", at.strftime(&**format));
                }
            }
            Self::SharedWord => {
                let word = drawn
                    .scene
                    .shared("word", PATH_WORDS.len())
                    .unwrap_or_else(|| dice.below(PATH_WORDS.len()));
                out.push_str(PATH_WORDS[word]);
            }
            Self::PrivateIp => {
                let (b, c, d) = (dice.below(256), dice.below(256), dice.between(2, 250));
                let _ = match dice.below(3) {
                    0 => write!(out, "10.{b}.{c}.{d}"),
                    1 => write!(out, "172.{}.{c}.{d}", 16 + b % 16),
                    _ => write!(out, "192.168.{c}.{d}"),
                };
            }
        }
    }
}

fn amount(range: &str) -> Result<Part, String> {
    match range
        .split_once('-')
        .map(|(low, high)| (low.parse(), high.parse()))
    {
        Some((Ok(low), Ok(high))) if 0 < low && low <= high && high <= 10_000_000 => {
            Ok(Part::Amount { low, high })
        }
        _ => Err(format!("{range:?} is no range; write 5-480")),
    }
}

fn moment(argument: &str) -> Result<Part, String> {
    let (name, format) = argument
        .split_once(':')
        .ok_or("a moment wants a name and a form, {moment:created:%Y-%m-%d}")?;
    let which = Which::named(name).ok_or_else(|| {
        format!(
            "{name:?} is no moment; there are {}",
            Which::NAMES.map(|(name, _)| name).join(", ")
        )
    })?;
    moment::check_form(format)?;
    Ok(Part::Moment {
        which,
        format: format.into(),
    })
}

/// Somebody else from where a given name is usual: a given name of its sort, and family names. None where it is usual
/// in no locale.
#[must_use]
pub fn somebody_else(given: &str) -> Option<(&'static str, String)> {
    let (locale, names) = Locale::of_name(given)?;
    let mut rng = rand::rng();
    let mut dice = Dice::new(&mut rng);
    let drawn = (0..TRIES).map(|_| draw_person(locale, &mut dice));
    let mut alike = drawn.filter(|person| names.iter().any(|name| name == person.given));
    alike.next().map(|person| (person.given, person.family))
}

fn draw_person(locale: &'static Locale, dice: &mut Dice<'_>) -> Person {
    let female = dice.below(2) == 0;
    let given = if female { &locale.female } else { &locale.male };
    let given = dice.pick(given).map_or("", String::as_str);
    let mut family = String::new();
    let names = dice.between(locale.family_names[0], locale.family_names[1]);
    let mut last = "";
    while !locale.family.is_empty() && family.matches(' ').count() + 1 < names || family.is_empty()
    {
        let name = dice.pick(&locale.family).map_or("", String::as_str);
        if name == last && locale.family.len() > 1 {
            continue;
        }
        last = name;
        // `Иванов|Иванова`: a form for men, and one for women.
        let (male, feminine) = name.split_once('|').unwrap_or((name, name));
        if !family.is_empty() {
            family.push(' ');
        }
        family.push_str(if female { feminine } else { male });
        if names <= 1 {
            break;
        }
    }
    Person { given, family }
}

fn draw_address(locale: &'static Locale, dice: &mut Dice<'_>) -> Address {
    let place = &locale.places[dice.below(locale.places.len())];
    let postcode = dice.pick(&place.postcodes).map_or("", String::as_str);
    let postcode = fill(postcode, dice);
    let form = dice.pick(&locale.street_forms).map_or("", String::as_str);
    let street = dice.pick(&locale.streets).map_or("", String::as_str);
    // House numbers are small more often than not.
    let most = dice.between(9, 180);
    let number = dice.between(1, most) * locale.number_step;
    let unit = dice.between(1, 24);
    let floor = dice.between(1, 6);
    let street = form
        .replace("{street}", street)
        .replace("{number}", &number.to_string())
        .replace("{unit}", &unit.to_string())
        .replace("{floor}", &floor.to_string());
    Address {
        place,
        postcode,
        street,
    }
}

/// `#` becomes a digit, `?` a letter that postcodes use.
fn fill(pattern: &str, dice: &mut Dice<'_>) -> String {
    const LETTERS: &[u8] = b"ABDEGHJLNPRTUWXZ";
    pattern
        .chars()
        .map(|c| match c {
            '#' => char::from(b'0' + u8::try_from(dice.below(10)).unwrap_or_default()),
            '?' => char::from(LETTERS[dice.below(LETTERS.len())]),
            c => c,
        })
        .collect()
}

fn draw_company(locale: &Locale, dice: &mut Dice<'_>) -> String {
    let form = dice.pick(&locale.companies).map_or("", String::as_str);
    let family = |dice: &mut Dice<'_>| {
        let name = dice.pick(&locale.family).map_or("", String::as_str);
        name.split_once('|').map_or(name, |(male, _)| male)
    };
    let (first, second) = (family(dice), family(dice));
    let trade = dice.pick(&locale.trades).map_or("", String::as_str);
    form.replace("{family}", first)
        .replace("{other}", second)
        .replace("{trade}", trade)
}

/// An amount of money: the smaller the more often, in the locale's level of prices, with cents as
/// shops like them.
fn draw_amount(low: usize, high: usize, locale: &Locale, dice: &mut Dice<'_>, out: &mut String) {
    let (low, high) = (low * locale.prices, high * locale.prices);
    let top = dice.between(low, high);
    let whole = dice.between(low, top);
    let cents = match dice.below(6) {
        0 | 1 => 0,
        2 => 99,
        3 => 50,
        4 => 90,
        _ => dice.below(100),
    };
    let _ = write!(out, "{whole}.{cents:02}");
}

#[cfg(test)]
mod tests;
