//! The owner edits something else between planting and uprooting: exactly our bytes leave.

use proptest::prelude::*;

use super::*;
use crate::{Condition, check, uproot};

/// An edit of one line that is the owner's.
#[derive(Clone, Debug)]
enum Edit {
    Delete,
    InsertBefore,
    Append,
}

/// Where the runs of ours are in the planted bytes, in order.
fn ours(after: &[u8], placement: &Placement) -> Vec<std::ops::Range<usize>> {
    let file = &placement.detail["files"][0];
    let more = file["more"].as_array().into_iter().flatten();
    let mut runs: Vec<_> = std::iter::once(file)
        .chain(more)
        .map(|run| {
            let start = usize::try_from(run["offset"].as_u64().expect("a number")).expect("small");
            let text = run["text"].as_str().expect("text").as_bytes();
            assert_eq!(&after[start..start + text.len()], text);
            start..start + text.len()
        })
        .collect();
    runs.sort_by_key(|run| run.start);
    runs
}

/// Lines of `bytes` that hold nothing of ours.
fn owners_lines(bytes: &[u8], ours: &[std::ops::Range<usize>]) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        if ours.iter().all(|run| end <= run.start || start >= run.end) {
            lines.push(start..end);
        }
        start = end;
    }
    lines
}

fn edited(bytes: &[u8], line: std::ops::Range<usize>, edit: &Edit, new: &str) -> Vec<u8> {
    let body = bytes[line.clone()].trim_ascii_end().len();
    let (range, text) = match edit {
        Edit::Delete => (line, String::new()),
        Edit::InsertBefore => (line.start..line.start, format!("{new}\n")),
        Edit::Append => (line.start + body..line.start + body, " x".to_owned()),
    };
    [&bytes[..range.start], text.as_bytes(), &bytes[range.end..]].concat()
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Delete),
        Just(Edit::InsertBefore),
        Just(Edit::Append)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_our_bytes_leave(file in 0_usize..1_000, at in 0_usize..1_000, edit in edits()) {
        let corpus = corpus();
        let (sort, name, before) = &corpus[file % corpus.len()];
        let bench = Bench::with(name, before);
        let Ok(placement) = bench.plant(&plain(sort)) else { return Ok(()) };
        let after = bench.bytes();
        let ours = ours(&after, &placement);
        prop_assert_eq!(after.len(), before.len() + ours.iter().map(ExactSizeIterator::len).sum::<usize>());
        let lines = owners_lines(&after, &ours);
        prop_assume!(!lines.is_empty());
        let line = lines[at % lines.len()].clone();
        let shift: usize = ours.iter().filter(|run| run.end <= line.start).map(ExactSizeIterator::len).sum();
        let new = match sort.as_str() {
            "json" => "  \"owners_new\": 1,",
            "yaml" | "kubeconfig" => "# the owner's",
            "ini" => "; the owner's",
            "env" | "properties" | "npmrc" => "OWNERS_NEW=1",
            "php" => "// an owner",
            "xml" | "markup-comment" => "<!-- an owner -->",
            "csv" => "an,owner,row,of,cells",
            "history" => "echo owner",
            _ => "# an owner",
        };
        let now = edited(&after, line.clone(), &edit, new);
        let expect = edited(before, line.start - shift..line.end - shift, &edit, new);
        std::fs::write(&bench.file, &now).expect("written");
        prop_assert_eq!(check(&placement).expect("checked"), Condition::Moved, "{}", name);
        match uproot(&placement, false, NOW) {
            Ok(_) => prop_assert!(bench.bytes() == expect, "{} {:?}", name, edit),
            Err(error) => {
                // An edit can give our lines another owner: then nothing is touched without force.
                prop_assert!(matches!(error, PlantError::Unproven(_)), "{}: {}", name, error);
                prop_assert!(bench.bytes() == now);
                uproot(&placement, true, NOW).expect("forced");
                prop_assert!(bench.bytes() == expect, "{} {:?}", name, edit);
            }
        }
        prop_assert_eq!(bench.files(), 1);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), sort in 0_usize..1_000) {
        let sort = sorts().cycle().nth(sort).expect("endless");
        let bench = Bench::with("a", &bytes);
        match bench.plant(&plain(sort)) {
            Ok(placement) => {
                uproot(&placement, false, NOW).expect("uprooted");
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        prop_assert!(bench.bytes() == bytes);
    }

    #[test]
    fn hostile_text_never_panics(
        text in "([a-zA-Z_]{1,6}|[ \t]{1,3}|\n|\r\n|=|: |#|\"|'|\\{|\\}|\\[|\\]|,|- |\\||>|&a|\\*a|---|<<|é|<|>|/|<!--|-->|\\(|\\)|;|\\\\|@|machine |default|macdef |#1790000000|FROM a|ENV |define|<<E|```|clusters:|contexts:|users:|name: a|//|/\\*|\\*/|name,url,password){0,40}",
        sort in 0_usize..1_000,
    ) {
        let sort = sorts().cycle().nth(sort).expect("endless");
        let bench = Bench::with("a", text.as_bytes());
        if let Ok(placement) = bench.plant(&plain(sort)) {
            uproot(&placement, false, NOW).expect("uprooted");
        }
        prop_assert!(bench.bytes() == text.as_bytes());
    }
}

/// What parts ours from what was added beside it later goes with ours, and a strict file stays strict.
#[test]
fn no_comma_is_left_over() {
    let json = plain("json");
    for (empty, beside) in [
        ("{}", "{\"a.example\": 1, "),
        ("{}\n", "{\n  \"a.example\": {},"),
        ("{\n\t\"auths\": {}\n}", ""),
        ("{\n}\n", ""),
    ] {
        // Two of ours: the first stands alone, the second in front of it.
        let bench = Bench::with("a.json", empty.as_bytes());
        let first = bench.plant(&json).expect("planted");
        let second = bench.plant(&json).expect("planted");
        for placement in [&first, &second] {
            uproot(placement, false, NOW).expect("uprooted");
            let text = String::from_utf8(bench.bytes()).expect("UTF-8");
            serde_json::from_str::<serde_json::Value>(&text).expect(&text);
        }
        let left: serde_json::Value = serde_json::from_slice(&bench.bytes()).expect("strict");
        let was: serde_json::Value = serde_json::from_str(empty).expect("strict");
        assert_eq!(left, was);
        if beside.is_empty() {
            continue;
        }
        // And one of the owner's.
        let placement = bench.plant(&json).expect("planted");
        let text = String::from_utf8(bench.bytes()).expect("UTF-8");
        std::fs::write(&bench.file, text.replacen('{', beside, 1)).expect("written");
        uproot(&placement, false, NOW).expect("uprooted");
        let left: serde_json::Value = serde_json::from_slice(&bench.bytes()).expect("strict");
        assert_eq!(left.as_object().expect("an object").len(), 1);
        assert!(left.get("a.example").is_some());
    }
}

#[test]
fn what_was_rewritten_on_one_line_leaves_too() {
    for (now, left) in [
        ("{z: 1, OURS}\n", "{z: 1}\n"),
        ("{OURS, z: 1}\n", "{z: 1}\n"),
        ("{OURS}\n", "{}\n"),
    ] {
        let bench = Bench::with("a.yml", b"z: 1\n");
        let placement = bench.plant(&plain("yaml")).expect("planted");
        let ours = &placement.detail["files"][0]["ours"];
        let entries = ours["entries"].as_array().expect("entries").iter();
        let entries: Vec<String> = entries
            .map(|it| format!("{}: {}", it[0].as_str().expect("text"), it[1]))
            .collect();
        let ours = format!(
            "{}: {{{}}}",
            ours["key"].as_str().expect("a key"),
            entries.join(", ")
        );
        std::fs::write(&bench.file, now.replace("OURS", &ours)).expect("written");
        uproot(&placement, false, NOW).expect("uprooted");
        assert_eq!(String::from_utf8(bench.bytes()).expect("UTF-8"), left);
    }
}
