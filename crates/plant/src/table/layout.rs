//! Dates and times in other layouts than a database's own: `08.06.1961`, `3/8/1985 5:37 PM`, `04 Aug 2009`,
//! `20240429071122`, `05:37`. A layout is what nearly all values of a column have in common; whatever
//! another value is written as, it is a moment that there is.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp};

use super::Value;
use super::fill::shaped;

/// What a run of figures or letters stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Weekday,
    Hour,
    Minute,
    Second,
    Fraction,
    /// `AM` or `pm`.
    Half,
}

use Field::{Day, Month, Year};

/// The order of a date's fields, and whether they follow each other without anything between.
const ORDERS: [(&[Field], bool); 9] = [
    (&[Year, Month, Day], true),
    (&[Day, Month, Year], true),
    (&[Month, Day, Year], true),
    (&[Year, Month, Day], false),
    (&[Day, Month, Year], false),
    (&[Month, Day, Year], false),
    (&[Year, Month], false),
    (&[Month, Year], false),
    (&[], false),
];

/// Names of months: long and short, a language each two.
const MONTHS: [&str; 8] = [
    "January February March April May June July August September October November December",
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
];

/// Names of the days of a week.
const WEEKDAYS: [&str; 6] = [
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "Mon Tue Wed Thu Fri Sat Sun",
    "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "Mo Di Mi Do Fr Sa So",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
];

/// Of ten values, how many at least have to be of a layout.
const MOST: usize = 9;

/// Fewer numbers than this may be dates by chance.
const TELLING: usize = 8;

/// How many values are looked at first, and the longest text that may be a moment.
const FEW: usize = 20;
const LONGEST: usize = 48;

/// How a column writes points in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    order: &'static [Field],
    compact: bool,
    /// Places in the lists of names.
    months: usize,
    weekdays: usize,
    /// Whether days and months below ten, and hours, have a nought before them.
    padded: bool,
    padded_hour: bool,
    /// Whether it is sure which figure is the day and which is the month.
    sure: bool,
}

/// A value taken apart.
struct Parsed {
    at: DateTime,
    /// What stands where, in order.
    fields: Vec<(Field, std::ops::Range<usize>)>,
}

impl Layout {
    /// The layout of a column's values; what is empty does not count.
    pub(crate) fn of(values: &[&Value], timely: bool) -> Option<Self> {
        let texts = written(values);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let numbers = values.iter().any(|value| value.text().is_none());
        // Most columns hold something else, which a few values show.
        let few = &texts[..texts.len().min(FEW)];
        let plain = ORDERS.map(|(order, compact)| Self::plain(order, compact));
        if !plain.iter().any(|layout| layout.fitting(few) > 0) {
            return None;
        }
        let counted = ORDERS.into_iter().map(|(order, compact)| {
            let layout = Self::plain(order, compact).among(&texts);
            (layout, layout.fitting(&texts))
        });
        let counted: Vec<(Self, usize)> = counted.collect();
        let most = counted.iter().map(|(_, fitting)| *fitting).max()?;
        let mut best = counted
            .into_iter()
            .filter(|(_, fitting)| *fitting == most)
            .map(|(layout, _)| layout);
        let mut layout = best.next()?;
        if most == 0 || most * 10 < texts.len() * MOST || numbers && most < texts.len() {
            return None;
        }
        // Points stand between day and month in this order only; elsewhere nothing tells which is which.
        let date = |text: &&str| {
            text.split(' ')
                .next()
                .is_some_and(|date| date.contains('.'))
        };
        let pointed = || texts.iter().all(date);
        layout.sure = best.next().is_none() || layout.order == [Day, Month, Year] && pointed();
        let short = |text: &&str| {
            layout
                .parse(text)
                .is_some_and(|parsed| parsed.has_short_year())
        };
        // Figures alone may be a number, and three pairs of them a version.
        let numbers = most < texts.len() || texts.len() < TELLING;
        let doubtful = layout.compact && numbers || texts.iter().any(short);
        (timely || !doubtful).then_some(layout)
    }

    const fn plain(order: &'static [Field], compact: bool) -> Self {
        Self {
            order,
            compact,
            months: 0,
            weekdays: 0,
            padded: true,
            padded_hour: true,
            sure: true,
        }
    }

    /// The names and noughts that values of this order have.
    fn among(mut self, texts: &[&str]) -> Self {
        let parsed: Vec<(&str, Parsed)> = texts
            .iter()
            .filter_map(|text| Some((*text, self.parse(text)?)))
            .collect();
        let spelt = |field: Field| {
            let fields = parsed.iter().flat_map(|(text, parsed)| {
                let fields = parsed.fields.iter().filter(move |(of, _)| *of == field);
                fields.map(|(_, range)| &text[range.clone()])
            });
            fields.collect::<Vec<&str>>()
        };
        let list = |lists: &[&str], field: Field| {
            let words = spelt(field);
            let all = |list: &&str| words.iter().all(|word| place(list, word).is_some());
            lists.iter().position(all).unwrap_or(0)
        };
        self.months = list(&MONTHS, Month);
        self.weekdays = list(&WEEKDAYS, Field::Weekday);
        let padded = |field: Field| spelt(field).iter().all(|text| text.len() != 1);
        self.padded = padded(Day) && padded(Month);
        self.padded_hour = padded(Field::Hour);
        self
    }

    fn fitting(&self, texts: &[&str]) -> usize {
        let fits = texts.iter().filter(|text| self.parse(text).is_some());
        fits.count()
    }

    /// Whether it has nothing but figures.
    pub(crate) const fn is_compact(self) -> bool {
        self.compact
    }

    /// Whether it has a date; else it is a time of day.
    pub(crate) const fn is_dated(self) -> bool {
        !self.order.is_empty()
    }

    /// Seconds since 1970, of a time of day since midnight.
    pub(crate) fn seconds(self, value: &Value) -> Option<i64> {
        let at = self.parse(&text(value)?)?.at;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(at.timestamp().as_second())
    }

    /// The template, so many seconds later. Where day and month cannot be told from each other it stays as
    /// it is: only what stands there already is sure to be possible both ways.
    pub(crate) fn write(self, template: &Value, seconds: i64) -> Value {
        let moved = || {
            let text = text(template).filter(|_| self.sure)?;
            let parsed = self.parse(&text)?;
            let moved = parsed.at.checked_add(Span::new().seconds(seconds)).ok()?;
            Some(self.written(&text, &parsed, moved))
        };
        let Some(moved) = moved() else {
            return template.clone();
        };
        match template {
            Value::Integer(_) => moved.parse().map_or(template.clone(), Value::Integer),
            _ => Value::Text(moved),
        }
    }

    fn written(self, text: &str, parsed: &Parsed, moved: DateTime) -> String {
        let mut out = String::new();
        let mut end = 0;
        let halved = parsed.fields.iter().any(|(field, _)| *field == Field::Half);
        for (field, range) in &parsed.fields {
            out.push_str(&text[end..range.start]);
            end = range.end;
            let own = &text[range.clone()];
            let digits = |number: i32, padded: bool| {
                let width = if padded { own.len().max(2) } else { 1 };
                format!("{number:0width$}")
            };
            let hour = i32::from(moved.hour());
            out += &match field {
                Year if own.len() == 2 => digits(i32::from(moved.year()).rem_euclid(100), true),
                Year => digits(i32::from(moved.year()), true),
                Month if is_word(own) => named(
                    MONTHS[self.months],
                    usize::from(moved.month().unsigned_abs()) - 1,
                    own,
                ),
                Month => digits(i32::from(moved.month()), self.padded),
                Day => digits(i32::from(moved.day()), self.padded),
                Field::Weekday => {
                    let day = moved.weekday().to_monday_zero_offset();
                    named(
                        WEEKDAYS[self.weekdays],
                        usize::from(day.unsigned_abs()),
                        own,
                    )
                }
                Field::Hour if halved => digits((hour + 11) % 12 + 1, self.padded_hour),
                Field::Hour => digits(hour, self.padded_hour),
                Field::Minute => digits(i32::from(moved.minute()), true),
                Field::Second => digits(i32::from(moved.second()), true),
                Field::Fraction if own.bytes().all(|byte| byte == b'0') => own.to_owned(),
                Field::Fraction => shaped(own, 0),
                Field::Half => in_case(if hour < 12 { "am" } else { "pm" }, own),
            };
        }
        out + &text[end..]
    }

    fn parse(&self, text: &str) -> Option<Parsed> {
        if text.len() > LONGEST || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut reader = Reader::new(text);
        let date = if self.is_dated() {
            let date = reader.date(self.order, self.compact)?;
            if reader.rest().is_empty() {
                return Some(reader.parsed(date, Time::midnight()));
            }
            let between = reader.skip(&[", ", "T", " ", "_", "-"]);
            between.or(self.compact.then_some(()))?;
            date
        } else {
            Date::constant(1970, 1, 1)
        };
        let time = reader.time(self.compact)?;
        reader.ends().then(|| reader.parsed(date, time))
    }
}

impl Parsed {
    fn has_short_year(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(field, range)| *field == Year && range.len() == 2)
    }
}

/// Whether values are moments, but not all in one layout: such a column has no form of its own.
pub(crate) fn is_mixed(values: &[&Value]) -> bool {
    let texts = written(values);
    let layouts = ORDERS.map(|(order, compact)| Layout::plain(order, compact));
    let separate = layouts.iter().filter(|layout| !layout.compact);
    let fits = |text: &&String| separate.clone().any(|layout| layout.parse(text).is_some());
    !texts.is_empty() && texts.iter().filter(fits).count() * 10 >= texts.len() * MOST
}

/// The values as they are written; empty ones are left out.
fn written(values: &[&Value]) -> Vec<String> {
    let texts = values.iter().map(|value| text(value).unwrap_or_default());
    texts.filter(|text| !text.trim().is_empty()).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads fields from the front of a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    fields: Vec<(Field, std::ops::Range<usize>)>,
}

impl<'a> Reader<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            fields: Vec::new(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn parsed(self, date: Date, time: Time) -> Parsed {
        Parsed {
            at: date.to_datetime(time),
            fields: self.fields,
        }
    }

    /// Goes past the first of these that stands here.
    fn skip(&mut self, marks: &[&str]) -> Option<()> {
        let mark = marks.iter().find(|mark| self.rest().starts_with(**mark))?;
        self.at += mark.len();
        Some(())
    }

    fn take(&mut self, field: Field, length: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.fields.push((field, self.at..self.at + length));
        self.at += length;
        taken
    }

    /// So many figures, and no more unless others follow without anything between.
    fn number(&mut self, field: Field, widths: &[usize], compact: bool) -> Option<i16> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let fits = |width: &&usize| digits == **width || compact && digits > **width;
        let width = *widths.iter().find(fits)?;
        self.take(field, width).parse().ok()
    }

    fn word(&mut self, field: Field, lists: &[&str]) -> Option<usize> {
        let letters = self.rest().find(|c: char| !c.is_alphabetic());
        let word = &self.rest()[..letters.unwrap_or(self.rest().len())];
        let place = lists.iter().find_map(|list| place(list, word))?;
        self.take(field, word.len());
        Some(place)
    }

    fn date(&mut self, order: &[Field], compact: bool) -> Option<Date> {
        if self.rest().starts_with(char::is_alphabetic)
            && self.word(Field::Weekday, &WEEKDAYS).is_some()
        {
            self.skip(&[", ", "., ", ". ", " "])?;
        }
        let (mut year, mut month, mut day) = (0, 0, 1);
        for (at, field) in order.iter().enumerate() {
            if at > 0 && !compact {
                self.skip(&[". ", ", ", " de ", ".", "/", "-", " "])?;
            }
            let parts: &[usize] = if compact { &[2] } else { &[1, 2] };
            match field {
                Year => year = self.year(compact)?,
                Day => day = self.number(Day, parts, compact)?,
                _ if !compact && self.rest().starts_with(char::is_alphabetic) => {
                    month = i16::try_from(self.word(Month, &MONTHS)?).ok()? + 1;
                }
                _ => month = self.number(Month, parts, compact)?,
            }
        }
        // A month and a year of two figures are too little to be sure of.
        let few = order.len() < 3 && !(1_800..=2_999).contains(&year);
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok().filter(|_| !few)
    }

    fn year(&mut self, compact: bool) -> Option<i16> {
        if compact {
            let year = self.number(Year, &[4], true)?;
            return (1_900..=2_099).contains(&year).then_some(year);
        }
        let year = self.number(Year, &[4, 2], false)?;
        let long = self
            .fields
            .last()
            .is_some_and(|(_, range)| range.len() == 4);
        if long {
            return (year >= 1_000).then_some(year);
        }
        // Of two figures: the last year of that ending that has come.
        let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
        let century = now - now.rem_euclid(100);
        let past = year > now.rem_euclid(100);
        Some(century + year - if past { 100 } else { 0 })
    }

    fn time(&mut self, compact: bool) -> Option<Time> {
        let hours: &[usize] = if compact { &[2] } else { &[1, 2] };
        let mut hour = self.number(Field::Hour, hours, compact)?;
        if !compact {
            self.skip(&[":"])?;
        }
        let minute = self.number(Field::Minute, &[2], compact)?;
        let more = if compact {
            self.rest().starts_with(|c: char| c.is_ascii_digit())
        } else {
            self.skip(&[":"]).is_some()
        };
        let mut second = 0;
        if more {
            second = self.number(Field::Second, &[2], compact)?;
            if self.skip(&[".", ","]).is_some() {
                let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
                self.take(Field::Fraction, digits);
            }
        }
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start().len();
        let half = rest.trim_start().get(..2).map(str::to_lowercase);
        if let Some(half) = half.filter(|half| ["am", "pm"].contains(&half.as_str())) {
            self.at += blank;
            self.take(Field::Half, 2);
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if half == "pm" { 12 } else { 0 };
        }
        let part = |number: i16| i8::try_from(number).ok();
        Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
    }

    /// Whether nothing follows but a time zone.
    fn ends(&self) -> bool {
        let zone = self.rest().trim_start();
        let shift = zone.strip_prefix(['+', '-']);
        let shift = shift.is_some_and(|shift| {
            (2..=5).contains(&shift.len()) && shift.bytes().all(|b| b.is_ascii_digit() || b == b':')
        });
        shift || ["", "Z", "UTC", "GMT", "Uhr"].contains(&zone)
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
}

/// Where a word stands in a list, whatever its case; figures stand in each.
fn place(list: &str, word: &str) -> Option<usize> {
    if !is_word(word) {
        return Some(0);
    }
    let word = word.to_lowercase();
    list.split(' ')
        .position(|other| other.to_lowercase() == word)
}

/// A name from a list, in the case of another.
fn named(list: &str, at: usize, like: &str) -> String {
    in_case(list.split(' ').nth(at).unwrap_or(like), like)
}

fn in_case(word: &str, like: &str) -> String {
    let has = |test: fn(char) -> bool| like.chars().any(test);
    match (has(char::is_uppercase), has(char::is_lowercase)) {
        (true, false) => word.to_uppercase(),
        (false, true) => word.to_lowercase(),
        _ => {
            let mut letters = word.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<Value> {
        list.iter()
            .map(|text| Value::Text((*text).to_owned()))
            .collect()
    }

    fn layout(values: &[Value]) -> Option<Layout> {
        Layout::of(&values.iter().collect::<Vec<_>>(), true)
    }

    #[test]
    fn moments_are_moved_in_their_own_layout() {
        const DAYS: i64 = 86_400;
        for (list, seconds, moved) in [
            (["08.06.1961", "31.12.1999"], 30 * DAYS, "08.07.1961"),
            (["8.6.1961", "31.12.1999"], DAYS, "9.6.1961"),
            (["08.06.61", "31.12.99"], DAYS, "09.06.61"),
            (["3/8/1985", "12/31/1999"], 30 * DAYS, "4/7/1985"),
            (["21/01/1980", "02/03/1999"], 11 * DAYS, "01/02/1980"),
            (["1984/02/09", "1999/12/31"], -9 * DAYS, "1984/01/31"),
            (["04 Aug 2009", "31 May 1999"], 28 * DAYS, "01 Sep 2009"),
            (["Aug 4, 2009", "May 31, 1999"], 28 * DAYS, "Sep 1, 2009"),
            (
                ["4. AUGUST 2009", "31. MAI 1999"],
                70 * DAYS,
                "13. OKTOBER 2009",
            ),
            (
                ["4 de agosto de 2009", "3 de mayo de 1999"],
                30 * DAYS,
                "3 de septiembre de 2009",
            ),
            (
                [
                    "Tue, 04 Aug 2009 05:37:11 +0000",
                    "Mon, 31 May 1999 00:00:00 +0000",
                ],
                DAYS,
                "Wed, 05 Aug 2009 05:37:11 +0000",
            ),
            (["19840209", "19991231"], 30 * DAYS, "19840310"),
            (
                ["20240429071122", "20231231235959"],
                3_600,
                "20240429081122",
            ),
            (
                ["20240429T0711Z", "20231231T2359Z"],
                3_600,
                "20240429T0811Z",
            ),
            (
                ["2024-04-29 07:11", "2023-12-31 23:59"],
                3_600,
                "2024-04-29 08:11",
            ),
            (
                ["08.06.1961 23:37", "31.12.1999 00:00"],
                3_600,
                "09.06.1961 00:37",
            ),
            (
                ["3/8/1985 5:37 AM", "12/31/1999 11:00 PM"],
                43_200,
                "3/8/1985 5:37 PM",
            ),
            (["08/2009", "12/1999"], 40 * DAYS, "09/2009"),
            (["05:37", "23:59"], 600, "05:47"),
            (["03.08.1985", "01.02.1999"], 86_400, "04.08.1985"),
            (["5:37 pm", "11:59 am"], 12 * 3_600, "5:37 am"),
            (["05:37:11", "23:59:59"], 61, "05:38:12"),
        ] {
            let values = texts(&list);
            let layout = layout(&values).unwrap_or_else(|| panic!("{list:?}"));
            let written = layout.write(&values[0], seconds);
            assert_eq!(written.text(), Some(moved), "{list:?}");
            for value in &values {
                assert_eq!(&layout.write(value, 0), value);
            }
        }
        let numbers = [Value::Integer(19_840_209), Value::Integer(19_991_231)];
        let moved = layout(&numbers).expect("dates").write(&numbers[0], 86_400);
        assert_eq!(moved, Value::Integer(19_840_210));
    }

    #[test]
    fn a_day_that_may_be_a_month_stays() {
        for list in [
            ["03/08/1985", "01/02/1999"],
            ["3-8-85", "1-2-99"],
            ["03/08/1985 05:37:11.5", "01/02/1999 05:37:11.5"],
        ] {
            let values = texts(&list);
            let written = layout(&values)
                .expect("dates")
                .write(&values[0], 86_400 * 9);
            assert_eq!(written, values[0]);
        }
    }

    #[test]
    fn what_is_no_moment_has_no_layout() {
        for list in [
            ["1.2.3", "4.5.6"],
            ["31.02.1999", "08.06.1961"],
            ["25:00", "05:37"],
            ["192.168.0.1", "10.0.0.1"],
            ["A-12/2009", "B-11/2009"],
            ["83645192", "91827364"],
            ["5:37:", "5:38:"],
            ["", ""],
        ] {
            assert_eq!(layout(&texts(&list)), None, "{list:?}");
        }
        let version = texts(&["10.04.21", "10.05.21"]);
        assert_eq!(Layout::of(&version.iter().collect::<Vec<_>>(), false), None);
    }

    #[test]
    fn moments_of_several_layouts_are_told() {
        let mixed = texts(&["08.06.1961", "1961-06-08", "8 June 1961"]);
        let mixed: Vec<&Value> = mixed.iter().collect();
        assert!(Layout::of(&mixed, true).is_none() && is_mixed(&mixed));
        let words = texts(&["08.06.1961", "none"]);
        assert!(!is_mixed(&words.iter().collect::<Vec<_>>()));
    }
}
