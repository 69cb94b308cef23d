//! Every locale is whole, and what it says together agrees: towns with their postcodes and dialling
//! codes (checked against the countries' numbering, written here a second time), names with their
//! spelling in ASCII, moments with their order.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::Timestamp;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::data::Locale;
use super::moment::{Moments, Which};
use super::{Scene, Spelling, login, phone, slug, somebody_else};
use crate::address::Address;
use crate::catalog::Catalog;
use crate::dice::Dice;
use crate::kind::MintOrder;

/// By locale, each region: its code, the beginnings of its postcodes, its dialling codes.
const NUMBERING: &[(&str, &str)] = &[
    (
        "de_DE",
        "BE:10,12,13:030 HH:20,21,22:040 BY:80,81,90:089,0911 NW:44,50,51:0221,0231 HE:60:069 BW:70:0711 SN:04:0341 NI:30:0511 HB:28:0421 RP:55:06131 SH:24:0431 TH:99:0361",
    ),
    (
        "en_GB",
        "MAN:M:0161 LDS:LS:0113 SHF:S:0114 NGM:NG:0115 LCE:LE:0116 BST:BS:0117 RDG:RG:0118 BIR:B:0121 EDH:EH:0131 GLG:G:0141 LIV:L:0151 LND:E,N,SE,SW,W:020 NET:NE:0191 BFS:BT:028 CRF:CF:029",
    ),
    (
        "en_US",
        "OR:97:503 OH:43:614 MN:55:612 CO:80:303 NC:27:919 PA:15:412 WI:53:608 CA:95:916 AZ:857:520 NY:122:518 RI:029:401 VA:232:804 MO:641:816 WA:992:509 NE:681:402 TN:379:865 TX:782:210 FL:336:813",
    ),
    (
        "es_ES",
        "M:28:91 B:08:93 V:46:96 SE:41:954,955 Z:50:976 MA:29:952,951 BI:48:94 MU:30:968 VA:47:983 C:15:981 PO:36:986 GR:18:958 O:33:98 A:03:965 NA:31:948",
    ),
    (
        "es_MX",
        "JAL:44:33 NL:64:81 PUE:72:222 QRO:76:442 YUC:97:999 GTO:37:477 BC:22:664 MEX:50:722 CDMX:03,04,06,07,09:55 MICH:58:443 VER:91:229 SLP:78:444 AGS:20:449 CHIH:31:614 OAX:68:951 SON:83:662",
    ),
    (
        "fr_FR",
        "75:75:01 93:93:01 35:35:02 44:44:02 76:76:02 59:59:03 67:67:03 21:21:03 69:69:04 13:13:04 38:38:04 34:34:04 31:31:05 33:33:05",
    ),
    (
        "it_IT",
        "MI:20:02 TO:10:011 GE:16:010 BO:40:051 FI:50:055 RM:00:06 NA:80:081 BA:70:080 PA:90:091 CA:09:070 VR:37:045 PD:35:049 TS:34:040 PG:06:075 AN:60:071",
    ),
    (
        "nl_NL",
        "NH:10,20:020,023 ZH:25,30:010,070 UT:35:030 NB:50,56:040,013 GR:97:050 GE:65,68:024,026 OV:75:053 LI:62:043 FR:89:058 FL:13:036",
    ),
    (
        "pl_PL",
        "MZ:00,01,02,03,04:22 MA:30,31:12 LD:90,91,92,93:42 DS:50,51,52,53:71 WP:60,61:61 PM:80:58 ZP:70,71:91 KP:85:52 LU:20:81 PD:15:85 SL:40:32 PK:35:17 SK:25:41 WN:10:89 OP:45:77",
    ),
    (
        "pt_BR",
        "SP:01,02,03,04,05,13:11,19 RJ:20,22:21 MG:30,31:31 ES:29:27 PR:80,82:41 SC:88:48 RS:90,91:51 DF:70,71:61 GO:74:62 BA:40,41:71 PE:50,51,52:81 CE:60:85 AM:69:92 PA:66:91",
    ),
    (
        "ru_RU",
        "77:105,109,115,117,125,127:495 78:19:812 54:630:383 66:620:343 16:420:843 52:603:831 63:443:846 61:344:863 74:454:351 02:450:347 24:660:391 36:394:473 59:614:342 23:350:861",
    ),
    (
        "tr_TR",
        "34:34:0216,0212 06:06:0312 35:35:0232 16:16:0224 07:07:0242 01:01:0322 42:42:0332 27:27:0342 26:26:0222 61:61:0462",
    ),
];

fn locales() -> impl Iterator<Item = (&'static str, &'static Locale)> {
    Locale::names().map(|id| (id, Locale::named(id).expect("in the list")))
}

#[test]
fn postcodes_and_dialling_codes_are_the_regions() {
    assert_eq!(
        NUMBERING.len(),
        Locale::names().count(),
        "a new locale needs a row above"
    );
    for (id, rules) in NUMBERING {
        let rules: BTreeMap<&str, (&str, &str)> = rules
            .split(' ')
            .map(|rule| {
                let mut parts = rule.split(':');
                let mut next = || parts.next().expect("code, postcodes, areas");
                (next(), (next(), next()))
            })
            .collect();
        for place in &Locale::named(id).expect("a locale").places {
            let (postcodes, areas) = rules
                .get(place.code.as_str())
                .unwrap_or_else(|| panic!("{id}: no rule for {}", place.code));
            assert!(
                areas.split(',').any(|area| area == place.area),
                "{id} {}: {}",
                place.city,
                place.area
            );
            for postcode in &place.postcodes {
                let letters = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
                let begins = |start: &str| {
                    let rest = postcode.strip_prefix(start);
                    // `L` is Liverpool, `LS` is Leeds.
                    rest.is_some_and(|rest| !letters(start) || !letters(rest))
                };
                assert!(
                    postcodes.split(',').any(begins),
                    "{id} {}: {postcode}",
                    place.city
                );
            }
        }
    }
}

#[test]
fn lists_are_whole_and_plain() {
    for (id, locale) in locales() {
        let lists = [
            ("female", &locale.female, 40),
            ("male", &locale.male, 40),
            ("family", &locale.family, 60),
            ("streets", &locale.streets, 25),
            ("street_forms", &locale.street_forms, 3),
            ("companies", &locale.companies, 4),
            ("trades", &locale.trades, 15),
            ("jobs", &locale.jobs, 15),
        ];
        for (name, list, least) in lists {
            assert!(list.len() >= least, "{id}: {name}");
            let mut items: Vec<&str> = list.iter().map(|item| item.as_str()).collect();
            for item in &items {
                let begins = item.starts_with(|c: char| c.is_alphanumeric() || c == '{');
                assert!(begins && *item == item.trim(), "{id} {name}: {item:?}");
            }
            items.sort_unstable();
            items.dedup();
            let repeats = name == "street_forms";
            assert!(repeats || items.len() == list.len(), "{id}: {name} repeats");
        }
        let parted = |job: &String| job.split('|').filter(|part| !part.is_empty()).count() == 2;
        assert!(
            locale.jobs.iter().all(parted),
            "{id}: a job without its department"
        );
        assert!(
            locale.places.len() >= 10 && locale.salary[0] < locale.salary[1],
            "{id}"
        );
        assert!(
            locale.country.len() == 2 && locale.currency.len() == 3,
            "{id}"
        );
    }
}

#[test]
fn every_name_can_be_written_in_an_address() {
    for (id, locale) in locales() {
        let families = locale.family.iter().flat_map(|name| name.split('|'));
        let names = locale.female.iter().chain(&locale.male).map(String::as_str);
        for name in names.chain(families) {
            let (mut short, mut long) = (String::new(), String::new());
            login(name, locale.spelling, &mut short);
            slug(name, locale.spelling, &mut long);
            let plain = short.bytes().all(|byte| byte.is_ascii_lowercase());
            assert!(plain && short.len() >= 2, "{id} {name}: {short}");
            // The soft sign has no sound of its own.
            let letters = name.chars().filter(|c| c.is_alphabetic() && *c != 'ь');
            let letters = letters.count();
            let written = long.bytes().filter(u8::is_ascii_lowercase).count();
            assert!(written >= letters, "{id} {name}: {long}");
        }
    }
    let spelt = |name: &str, spelling| {
        let mut out = String::new();
        login(name, spelling, &mut out);
        out
    };
    assert_eq!(spelt("Jäger", Spelling::German), "jaeger");
    assert_eq!(spelt("Özgür", Spelling::Plain), "ozgur");
    assert_eq!(spelt("Işık", Spelling::Plain), "isik");
    assert_eq!(spelt("Щербакова", Spelling::Russian), "shcherbakova");
    assert_eq!(spelt("María Fernanda", Spelling::Plain), "maria");
    assert_eq!(spelt("de Vries", Spelling::Plain), "vries");
    assert_eq!(spelt("O'Brien", Spelling::Plain), "obrien");
}

#[test]
fn rows_agree_with_themselves_in_every_locale() {
    let catalog = Catalog::builtin().expect("compiles");
    let person = catalog.require("person").expect("there");
    let address = Address::parse("https://*.example.org").expect("parses");
    let mut rng = StdRng::seed_from_u64(7);
    for (id, locale) in locales() {
        let phones = ["reserved".to_owned()];
        let phones = if locale.has_reserved_phones() {
            &phones[..]
        } else {
            &[]
        };
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let fields = person
                .mint(&mut MintOrder {
                    rng: &mut rng,
                    address: Some(&address),
                    mail_domain: Some("mail.example.org"),
                    set: &BTreeMap::new(),
                    now: Timestamp::parse("2026-06-01").expect("a date"),
                    scene: Scene {
                        locale: Some(locale),
                        phones,
                        ..Scene::default()
                    },
                })
                .expect("mints");
            let place = locale
                .places
                .iter()
                .find(|place| place.city == fields["city"])
                .expect("a town of the locale");
            assert_eq!(fields["region"], place.region, "{id}");
            let fits = |pattern: &String| {
                let like = |(p, c): (char, char)| match p {
                    '#' => c.is_ascii_digit(),
                    '?' => c.is_ascii_uppercase(),
                    p => p == c,
                };
                let same = pattern.chars().count() == fields["postcode"].chars().count();
                same && pattern.chars().zip(fields["postcode"].chars()).all(like)
            };
            assert!(
                place.postcodes.iter().any(fits),
                "{id}: {}",
                fields["postcode"]
            );
            let country = &fields["country"];
            assert!(
                *country == locale.country || *country == locale.country_name,
                "{id}: {country}"
            );
            assert!(fields["email"].is_ascii(), "{id}: {}", fields["email"]);
            let mut first = String::new();
            slug(&fields["first_name"], locale.spelling, &mut first);
            assert!(fields["email"].contains(&first[..1]), "{id}");
            assert_eq!(fields.contains_key("phone"), !phones.is_empty(), "{id}");
            if let Some(number) = fields.get("phone") {
                assert!(phone::is_number(number), "{id}: {number}");
                let mobile = locale.fiction.iter().any(|pattern| {
                    !pattern.contains("{area}") && number.starts_with(&pattern[..4])
                });
                assert!(number.contains(&place.area) || mobile, "{id}: {number}");
            }
            let moments = ["birth_date", "created", "changed", "seen"].map(|name| &fields[name]);
            assert!(moments.is_sorted(), "{id}: {moments:?}");
            assert!(
                fields["seen"].as_str() <= "2026-06-01 00:00:00",
                "{id}: {}",
                fields["seen"]
            );
            seen.insert(fields["city"].clone());
        }
        assert!(seen.len() > 5, "{id}: towns differ");
    }
}

#[test]
fn slavic_names_have_one_gender() {
    for id in ["ru_RU", "pl_PL"] {
        let locale = Locale::named(id).expect("a locale");
        let mut rng = StdRng::seed_from_u64(11);
        let mut dice = Dice::new(&mut rng);
        for _ in 0..300 {
            let person = super::draw_person(locale, &mut dice);
            let is_female = locale.female.iter().any(|name| name == person.given);
            let pair = locale
                .family
                .iter()
                .filter_map(|name| name.split_once('|'))
                .find(|(male, female)| [*male, *female].contains(&person.family.as_str()));
            if let Some((male, female)) = pair {
                assert_eq!(person.family, if is_female { female } else { male });
            }
        }
    }
    let spain = Locale::named("es-es").expect("letter case and hyphen are forgiven");
    let mut rng = StdRng::seed_from_u64(3);
    let person = super::draw_person(spain, &mut Dice::new(&mut rng));
    assert_eq!(person.family.split(' ').count(), 2, "{}", person.family);
}

#[test]
fn somebody_else_has_a_name_of_the_same_sort() {
    let poland = Locale::named("pl_PL").expect("a locale");
    let unusual = |name: &&String| Locale::of_name(name).is_some_and(|(it, _)| it.country == "PL");
    let given = poland.female.iter().find(unusual).expect("a Polish name");
    for _ in 0..100 {
        let (other, family) = somebody_else(given).expect("it is in the list");
        assert!(poland.female.iter().any(|name| name == other), "{other}");
        assert!(!family.is_empty() && !family.contains('|'), "{family}");
    }
    assert_eq!(somebody_else("Qwertz"), None);
}

#[test]
fn moments_come_in_their_order() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut dice = Dice::new(&mut rng);
    let now = Timestamp::parse("2026-06-01").expect("a date");
    for days in [1, 21, 400, 3000] {
        for _ in 0..500 {
            let moments = Moments::draw(None, days, now, &mut dice);
            let at = |which| moments.of(which);
            let order = [Which::Born, Which::Hired, Which::Created, Which::Changed];
            assert!(order.map(at).is_sorted());
            assert!(at(Which::Changed) <= at(Which::Seen) && at(Which::Seen) <= now.seconds());
            assert!(at(Which::Due) > at(Which::Created) && at(Which::Expires) > now.seconds());
            assert!(at(Which::Hired) - at(Which::Born) > 18 * 365 * 86_400);
            assert!(now.seconds() - at(Which::Created) <= i64::from(days) * 86_400 + 1);
        }
    }
}

#[test]
fn telephone_numbers_are_refused_or_left_out_with_a_reason() {
    let check = |locale: &str, phones: &[&str]| {
        let phones: Vec<String> = phones.iter().map(|text| (*text).to_owned()).collect();
        Scene {
            locale: Some(Locale::named(locale).expect("a locale")),
            phones: &phones,
            ..Scene::default()
        }
        .check()
        .map_err(|error| error.to_string())
    };
    assert_eq!(check("es_MX", &["55 1234 5678", "(33) 1234-5678"]), Ok(()));
    assert_eq!(check("en_GB", &["reserved"]), Ok(()));
    let error = check("es_MX", &["reserved"]).expect_err("none there");
    assert!(error.contains("México"), "{error}");
    for text in ["+52 55 1234 5678", "12", "=1+1", "call me", ""] {
        assert!(check("es_MX", &[text]).is_err(), "{text}");
    }
    let error = Locale::named("xx_XX").expect_err("no such locale");
    assert!(error.to_string().contains("es_MX"), "{error}");
}
