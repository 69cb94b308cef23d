//! The world map: countries shaded by how many uses came from networks placed there, and a circle where a source
//! gives a place with a radius. Never a pin: no source knows a point. Shapes come from `data/world.tsv` (see `data/LICENSE.md`).

mod circle;
mod path;

use std::sync::LazyLock;

use crate::Language;
use crate::findings::{CountryFinding, Findings};
use crate::words::{Words, fill};

pub(crate) use circle::{Circle, circles};
pub(crate) use path::{Ring, rings};

/// `alpha-2 TAB name TAB SVG path`, made by `data/world.py`.
static WORLD: &str = include_str!("../data/world.tsv");

/// `alpha-2 TAB Spanish name`.
static SPANISH: &str = include_str!("../data/countries-es.tsv");

/// Width and height of the drawing.
pub(crate) const SIZE: (u32, u32) = (960, 415);

/// A line of the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Country {
    /// ISO 3166-1 alpha-2; `-` for a shape without one.
    pub(crate) code: &'static str,
    /// English short name.
    pub(crate) name: &'static str,
    /// SVG path; empty if too small for the map.
    pub(crate) path: &'static str,
}

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    let country = |line: &'static str| {
        let mut cells = line.split('\t');
        Some(Country {
            code: cells.next()?,
            name: cells.next()?,
            path: cells.next()?,
        })
    };
    WORLD.lines().filter_map(country).collect()
});

/// The country of an alpha-2 code, upper or lower case.
pub(crate) fn country(code: &str) -> Option<Country> {
    let mut countries = COUNTRIES.iter();
    countries
        .find(|one| one.code != "-" && one.code.eq_ignore_ascii_case(code))
        .copied()
}

impl Country {
    /// Its name in a language.
    pub(crate) fn name_in(&self, language: Language) -> &'static str {
        let spanish = || {
            let mut lines = SPANISH.lines().filter_map(|line| line.split_once('\t'));
            lines
                .find(|(code, _)| *code == self.code)
                .map(|(_, name)| name)
        };
        match language {
            Language::En => self.name,
            Language::Es => spanish().unwrap_or(self.name),
        }
    }
}

/// A shape to draw.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) path: &'static str,
    /// 0 for no use, else the shade 1 to 4.
    pub(crate) shade: usize,
    /// `Germany: 12 uses`; empty for shade 0.
    pub(crate) title: String,
}

/// One step of the legend.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) shade: usize,
    pub(crate) label: String,
}

/// The map of a report.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) legend: Vec<Step>,
}

/// Draws the map; `None` where no country is known.
pub(crate) fn draw(countries: &[CountryFinding], words: &Words) -> Option<Map> {
    let most = countries.iter().map(|one| one.uses).max()?;
    let bounds = bounds(most);
    let shape = |country: &Country| {
        let found = countries.iter().find(|one| one.code == country.code);
        Shape {
            path: country.path,
            shade: found.map_or(0, |one| shade(&bounds, one.uses)),
            title: found.map_or_else(String::new, |one| {
                let uses = words.count(one.uses, words.uses_count);
                format!("{}: {uses}", one.name)
            }),
        }
    };
    let mut shapes: Vec<Shape> = COUNTRIES
        .iter()
        .filter(|country| !country.path.is_empty())
        .map(shape)
        .collect();
    // Shaded ones last, so that their outlines are whole.
    shapes.sort_by_key(|shape| shape.shade);
    Some(Map {
        shapes,
        legend: legend(&bounds, most, words),
    })
}

/// `Germany: 12 uses, 3 addresses. `, for a caption.
pub(crate) fn country_line(words: &Words, one: &CountryFinding) -> String {
    let uses = words.count(one.uses, words.uses_count);
    let addresses = words.count(one.addresses, words.addresses_count);
    format!("{}: {uses}, {addresses}. ", one.name)
}

/// Countries and ranges that the map cannot show, in words.
pub(crate) fn off_map(all: &Findings) -> Vec<String> {
    let words = all.words;
    let small = all.countries.iter().filter(|country| !country.on_map);
    let small = small.map(|one| {
        let uses = words.count(one.uses, words.uses_count);
        format!("{} ({}): {uses}", one.name, words.too_small)
    });
    let rest = all.unplaced.iter();
    let rest = rest.map(|one| {
        let uses = words.count(one.uses, words.uses_count);
        format!("{}: {uses}", one.why)
    });
    small.chain(rest).collect()
}

/// Lower bounds of the shades: powers of ten, fewer where few uses need fewer.
fn bounds(most: u64) -> Vec<u64> {
    let ladder: &[u64] = match most {
        0..=1 => &[1],
        2..=9 => &[1, 2, 4],
        10..=999 => &[1, 2, 10, 100],
        _ => &[1, 10, 100, 1000],
    };
    ladder
        .iter()
        .copied()
        .filter(|bound| *bound <= most)
        .collect()
}

/// Shade of a count; the strongest bound always gets the strongest shade.
fn shade(bounds: &[u64], uses: u64) -> usize {
    let step = bounds.iter().filter(|bound| **bound <= uses).count();
    if step == 0 {
        0
    } else {
        step + 4 - bounds.len()
    }
}

fn legend(bounds: &[u64], most: u64, words: &Words) -> Vec<Step> {
    let label = |index: usize, low: u64| {
        let high = bounds.get(index + 1).map_or(most, |next| next - 1);
        if high == low {
            words.count(low, words.uses_count)
        } else {
            let (low, high) = (words.number(low), words.number(high));
            fill(words.uses_from_to, &[("low", &low), ("high", &high)])
        }
    };
    let steps = bounds.iter().enumerate();
    steps
        .map(|(index, low)| Step {
            shade: shade(bounds, *low),
            label: label(index, *low),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &str, uses: u64) -> CountryFinding {
        CountryFinding {
            code: code.to_owned(),
            name: country(code).map_or("?", |one| one.name).to_owned(),
            uses,
            addresses: 1,
            on_map: true,
        }
    }

    #[test]
    fn knows_countries() {
        assert_eq!(country("de").map(|one| one.name), Some("Germany"));
        let germany = country("DE").expect("a country");
        assert_eq!(germany.name_in(Language::Es), "Alemania");
        assert!(
            COUNTRIES
                .iter()
                .all(|one| one.code == "-" || SPANISH.contains(one.code))
        );
        assert!(country("SG").is_some_and(|one| one.path.is_empty()));
        assert!(country("XK").is_some_and(|one| !one.path.is_empty()));
        for bad in ["-", "ZZ", "", "DEU", "<s>"] {
            assert!(country(bad).is_none(), "{bad}");
        }
        assert!(COUNTRIES.len() > 240);
        let drawable = |c: char| c.is_ascii_digit() || "Mlz-. ".contains(c);
        assert!(COUNTRIES.iter().all(|one| one.path.chars().all(drawable)));
    }

    #[test]
    fn shades_by_count() {
        let map = draw(
            &[finding("DE", 4_980), finding("FR", 1)],
            Words::of(Language::En),
        )
        .expect("a map");
        let shaded: Vec<_> = map.shapes.iter().filter(|one| one.shade > 0).collect();
        assert_eq!(shaded.len(), 2);
        assert_eq!((shaded[0].shade, shaded[1].shade), (1, 4));
        assert_eq!(shaded[1].title, "Germany: 4,980 uses");
        let labels: Vec<_> = map.legend.iter().map(|step| step.label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "1 to 9 uses",
                "10 to 99 uses",
                "100 to 999 uses",
                "1,000 to 4,980 uses"
            ]
        );
        assert!(draw(&[], Words::of(Language::En)).is_none());
        let map = draw(&[finding("DE", 1)], Words::of(Language::Es)).expect("a map");
        assert_eq!(map.legend[0].label, "1 uso");
    }
}
