//! What one database says of an address, and how several answers become one: a place never mixes sources that
//! disagree, the radius is no narrower than what is known of such lines, and where users are not near their
//! machine there is no place at all.

use lapwing_core::{Agreement, Dissent, Listed, NetworkClass, NetworkFacts, NetworkLine};

use super::Source;

/// How far off the city of a fixed line may be, in kilometres: published medians are 3 to 16 km, and half of the
/// cases lie beyond a median. No source's own figure is taken for less.
const FIXED_KM: u32 = 50;
/// The same of a mobile line, or one of which nothing is known: medians of mobile lines are 179 to 207 km.
const MOBILE_KM: u32 = 200;
/// Sources that say another country, of which that many are named.
const MOST_DISSENTS: usize = 8;

/// What one database says of one address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) country: Option<String>,
    pub(super) city: Option<String>,
    pub(super) coordinates: Option<(i64, i64)>,
    pub(super) radius_km: Option<u32>,
    pub(super) asn: Option<u32>,
    pub(super) as_name: Option<String>,
    /// What the network is flagged as.
    pub(super) classes: Vec<NetworkClass>,
    pub(super) line: Option<NetworkLine>,
}

impl Answer {
    /// Without the fields that `fields` does not name.
    pub(super) fn only(&self, fields: &[String]) -> Self {
        let has = |name: &str| fields.iter().any(|field| field == name);
        let Self {
            country,
            city,
            coordinates,
            radius_km,
            asn,
            as_name,
            classes,
            line,
        } = self.clone();
        Self {
            country: country.filter(|_| has("country")),
            city: city.filter(|_| has("city")),
            coordinates: coordinates.filter(|_| has("coordinates")),
            radius_km: radius_km.filter(|_| has("radius_km")),
            asn: asn.filter(|_| has("asn")),
            as_name: as_name.filter(|_| has("as_name")),
            classes: if has("classes") { classes } else { Vec::new() },
            line: line.filter(|_| has("line")),
        }
    }

    /// The names of the fields that it has.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        [
            ("country", self.country.is_some()),
            ("city", self.city.is_some()),
            ("coordinates", self.coordinates.is_some()),
            ("radius_km", self.radius_km.is_some()),
            ("asn", self.asn.is_some()),
            ("as_name", self.as_name.is_some()),
            ("classes", !self.classes.is_empty()),
            ("line", self.line.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect()
    }
}

/// Puts answers together, those that go first at the front.
pub(super) fn together(answers: Vec<(Answer, &Source)>) -> NetworkFacts {
    let mut facts = NetworkFacts::default();
    let mut said: Vec<(String, String)> = Vec::new();
    for (answer, source) in answers {
        if let Some(country) = &answer.country {
            said.push((country.clone(), source.label()));
        }
        fill(&mut facts, answer, source);
    }
    facts.agreement = agreement(facts.country.as_deref(), said);
    facts
}

/// Fills what `facts` lacks. A city belongs to its country and a name to its number: neither is
/// taken from a source that says otherwise about them.
fn fill(facts: &mut NetworkFacts, answer: Answer, source: &Source) {
    let mut used = false;
    let mut take = |is: bool| {
        used |= is;
        is
    };
    let same_country =
        facts.country.is_none() || answer.country.is_none() || facts.country == answer.country;
    if take(facts.country.is_none() && answer.country.is_some()) {
        facts.country = answer.country;
    }
    if take(same_country && facts.city.is_none() && answer.city.is_some()) {
        facts.city = answer.city;
        facts.coordinates = answer.coordinates;
        facts.radius_km = answer.radius_km;
    }
    let same_system = facts.asn.is_none() || answer.asn.is_none() || facts.asn == answer.asn;
    if take(facts.asn.is_none() && answer.asn.is_some()) {
        facts.asn = answer.asn;
    }
    if take(same_system && facts.as_name.is_none() && answer.as_name.is_some()) {
        facts.as_name = answer.as_name;
    }
    if take(facts.line.is_none() && answer.line.is_some()) {
        facts.line = answer.line;
    }
    for class in answer.classes {
        let is_new = !facts.lists.iter().any(|listed| listed.class == class);
        if take(is_new) {
            let name = source.kind.clone();
            facts.lists.push(Listed { class, name });
        }
    }
    if used {
        facts.sources.push(source.label());
    }
}

/// How many of the sources that name a country name this one.
fn agreement(country: Option<&str>, said: Vec<(String, String)>) -> Option<Agreement> {
    let country = country?;
    let of = u32::try_from(said.len()).unwrap_or(u32::MAX);
    let others = said.into_iter().filter(|(other, _)| other != country);
    let others = others.map(|(country, source)| Dissent { country, source });
    let mut others: Vec<Dissent> = others.collect();
    let agree = of.saturating_sub(u32::try_from(others.len()).unwrap_or(of));
    others.truncate(MOST_DISSENTS);
    Some(Agreement { agree, of, others })
}

/// Widens the radius of a city to what is known of such lines, or takes the place away where whoever uses the
/// address need not be near its machine.
pub(super) fn settle(facts: &mut NetworkFacts) {
    let mut lists = facts.lists.iter();
    if let Some(why) = lists.find_map(|listed| listed.class.hides_place()) {
        facts.city = None;
        facts.coordinates = None;
        facts.radius_km = None;
        facts.unplaced_because = Some(why.to_owned());
    } else if facts.city.is_some() {
        let said = facts.radius_km;
        let least = match (facts.line, said) {
            (Some(NetworkLine::Fixed), _) | (None, Some(_)) => FIXED_KM,
            (Some(NetworkLine::Mobile), _) | (None, None) => MOBILE_KM,
        };
        facts.radius_km = Some(said.unwrap_or(0).max(least));
    }
}
