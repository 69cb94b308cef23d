//! Every template reads what it writes, and says the same in all languages.

use std::collections::BTreeSet;

use super::*;

fn placeholders(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts.filter_map(|part| part.split('}').next()).collect()
}

#[test]
fn languages_say_the_same() {
    let mut seen = BTreeSet::new();
    for phrase in Phrase::all() {
        let Phrase { en, es } = phrase;
        assert!(seen.insert(en), "{en}: twice");
        assert!(!es.is_empty() && !en.is_empty(), "{en}");
        assert_eq!(placeholders(en), placeholders(es), "{en}");
        for text in [en, es] {
            let forms: Vec<&str> = text.split('|').collect();
            assert_eq!(forms.len(), 1 + usize::from(en.contains('|')), "{text}");
            let own = en.split('|').map(placeholders).collect::<Vec<_>>();
            assert!(own.iter().all(|one| *one == own[0]), "{en}");
            assert!(!text.contains("}{"), "{text}: nothing parts its values");
        }
        let letters = |text: &str| text.chars().any(char::is_alphabetic);
        let own = en.replace(['{', '}'], " ");
        let is_frame = own
            .split_whitespace()
            .all(|word| !letters(word) || word == word.to_uppercase());
        assert!(en != es || is_frame, "{en} is not translated");
        for word in [" the ", " of ", " is ", " and ", " with ", " that ", " an "] {
            assert!(!format!(" {es} ").contains(word), "{es}: {word}");
        }
    }
    assert!(seen.len() > 150, "{}", seen.len());
}

#[test]
fn what_stands_in_a_sentence_is_said_too() {
    for (english, spanish) in [
        (
            "The program calls itself a link preview (Slack).",
            "El programa dice ser una vista previa de enlaces (Slack).",
        ),
        (
            "The program calls itself a crawler (a robot).",
            "El programa dice ser un rastreador (un robot).",
        ),
        (
            "The program calls itself curl.",
            "El programa dice ser curl.",
        ),
        (
            "same address 198.51.100.7, 1 second after trip 0a1b2c3d-5",
            "la misma dirección 198.51.100.7, 1 segundo después de la activación 0a1b2c3d-5",
        ),
        (
            "same program, perhaps in another version, 3 hours before trip 0a1b2c3d-5; weak: an exit that hides many",
            "el mismo programa, quizá en otra versión, 3 horas antes de la activación 0a1b2c3d-5; débil: una salida que oculta a muchos",
        ),
        ("not the same network", "no comparten la misma red"),
        (
            "2 of 4 sources agree; others say AT, PL",
            "2 de 4 fuentes coinciden; otras dicen AT, PL",
        ),
        (
            "Its TLS handshake is that of curl, git or others (measured: curl 7.88.1).",
            "Su saludo TLS es el de curl, git u otros (medido: curl 7.88.1).",
        ),
        (
            "bob took 1 session out of a0a1b2c3d-1: it was us",
            "bob sacó 1 sesión de a0a1b2c3d-1: it was us",
        ),
    ] {
        assert_eq!(
            translate(english, Language::Es).as_deref(),
            Some(spanish),
            "{english}"
        );
        assert_eq!(
            translate(english, Language::En).as_deref(),
            Some(english),
            "{english}"
        );
    }
}

#[test]
fn what_no_template_makes_is_left_alone() {
    for text in [
        "",
        "{program}",
        "The program calls itself .",
        "not the weather",
        "same network ASX, soon after",
        "x of y sources agree",
        "A value that exists nowhere but in this bait was sent",
    ] {
        assert_eq!(translate(text, Language::Es), None, "{text}");
    }
    assert_eq!(names("curl or Oracle", Language::Es), "curl u Oracle");
    assert_eq!(names("who knows", Language::Es), "who knows");
}

#[test]
fn a_text_that_could_be_many_things_is_not_read_for_long() {
    let begin = std::time::Instant::now();
    for piece in [", ", "; ", " after trip ", " merged : ", "not the ", " or "] {
        let text = piece.repeat(LONGEST / piece.len());
        let _ = translate(&text, Language::Es);
        let _ = translate(&format!("same address{text}"), Language::Es);
    }
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}
