//! A share over WebDAV: well-formed answers to whatever is asked, the same at each request, another for each canary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use data_encoding::BASE64;
use lapwing_catalog::{Address, Answer, Asked, Catalog, Matched, MintOrder, Request};
use lapwing_core::{Canary, CanaryId, Carrier, DecoyOutcome, Timestamp};
use proptest::prelude::*;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("compiles"));
static CANARY: LazyLock<Canary> = LazyLock::new(canary);

fn canary() -> Canary {
    let now = Timestamp::parse("2026-06-01").expect("a date");
    let address = Address::parse("https://dav.example.org").expect("parses");
    let mut rng = rand::rng();
    let mut order = MintOrder {
        rng: &mut rng,
        address: Some(&address),
        mail_domain: Some("example.org"),
        set: &BTreeMap::new(),
        now,
        scene: lapwing_catalog::Scene::default(),
    };
    let kind = CATALOG.require("webdav").expect("known");
    Canary {
        id: CanaryId::fresh(),
        kind: kind.id.clone(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields: kind.mint(&mut order).expect("mints"),
        minted: now,
        retired: None,
    }
}

fn ask(canary: &Canary, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let login = format!(
        "{}:{}",
        canary.fields["username"], canary.fields["password"]
    );
    let login = format!("Basic {}", BASE64.encode(login.as_bytes()));
    let headers = headers
        .iter()
        .copied()
        .chain([("Authorization", login.as_str())]);
    let request = Request::new(
        method.to_owned(),
        format!("/{}{path}", canary.fields["place"]),
        "dav.example.org".to_owned(),
        headers
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body.to_vec(),
    );
    let matched = [Matched {
        canary,
        field: "password".to_owned(),
        carrier: Carrier::Basic,
    }];
    let asked = Asked {
        request: &request,
        kinds: &["webdav".to_owned()],
        matched: &matched,
        now: Timestamp::parse("2026-06-09").expect("a date"),
        seed: &[3; 32],
    };
    CATALOG.answer(&asked).expect("an API answers everything")
}

/// The names of a collection, with what follows the root.
fn names(canary: &Canary, path: &str) -> BTreeSet<String> {
    let answer = ask(canary, "PROPFIND", path, &[("Depth", "1")], b"");
    assert_eq!(
        (answer.status, answer.outcome),
        (207, DecoyOutcome::Accepted)
    );
    let text = String::from_utf8(answer.body).expect("text");
    let root = format!("<D:href>/{}", canary.fields["place"]);
    let hrefs = text.lines().filter_map(|line| line.strip_prefix(&root));
    let hrefs = hrefs.filter_map(|rest| rest.strip_suffix("</D:href>"));
    hrefs
        .filter(|href| *href != path)
        .map(str::to_owned)
        .collect()
}

/// All files, by walking down.
fn files(canary: &Canary, path: &str, found: &mut BTreeSet<String>) {
    for name in names(canary, path) {
        if name.ends_with('/') {
            files(canary, &name, found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_that_is_listed_can_be_read() {
    let mut all = BTreeSet::new();
    for _ in 0..20 {
        let (canary, mut own) = (canary(), BTreeSet::new());
        files(&canary, "/", &mut own);
        assert!(own.contains("/README.txt"), "{own:?}");
        for file in &own {
            let read = ask(&canary, "GET", file, &[], b"");
            assert_eq!(read.status, 200, "{file}");
            let listed = ask(&canary, "PROPFIND", file, &[("Depth", "0")], b"");
            let listed = String::from_utf8(listed.body).expect("text");
            let length = format!("<lp1:getcontentlength>{}<", read.body.len());
            assert!(listed.contains(&length), "{file}: {listed}");
            let etag = read.headers.iter().find(|(name, _)| name == "ETag");
            assert!(listed.contains(&etag.expect("an ETag").1), "{file}");
            let text = String::from_utf8(read.body).expect("text");
            assert!(!text.contains("{{") && text.ends_with('\n'), "{text}");
        }
        all.insert(own);
    }
    assert!(all.len() > 5, "each has its own");
}

#[test]
fn a_lock_is_given_up_once() {
    let canary = canary();
    let body = b"<d:lockinfo xmlns:d=\"DAV:\"><d:lockscope><d:exclusive/></d:lockscope>\
                 <d:owner><d:href>CORP\\ann</d:href></d:owner></d:lockinfo>";
    let headers = [("Timeout", "Second-600, Infinite"), ("Depth", "0")];
    let locked = ask(&canary, "LOCK", "/README.txt", &headers, body);
    assert_eq!(locked.captured["dav.owner"], ["CORP\\ann"]);
    let token = locked.headers.iter().find(|(name, _)| name == "Lock-Token");
    let token = token.expect("a token").1.clone();
    let text = String::from_utf8(locked.body).expect("text");
    let owner = "<D:depth>0</D:depth>\n<ns0:owner xmlns:ns0=\"DAV:\"><ns0:href>CORP\\ann</ns0:href></ns0:owner>\
                 <D:timeout>Second-600</D:timeout>\n";
    assert!(text.contains(owner), "{text}");
    assert!(
        text.contains(token.trim_matches(['<', '>'])),
        "{text} {token}"
    );
    let free = |token: &str| {
        ask(
            &canary,
            "UNLOCK",
            "/README.txt",
            &[("Lock-Token", token)],
            b"",
        )
    };
    assert_eq!(free("<opaquelocktoken:other>").status, 400);
    assert_eq!(free(&token).status, 204);
    assert_eq!(free(&token).status, 400);
}

proptest! {
    #[test]
    fn whatever_is_asked_is_answered(
        method in "PROPFIND|LOCK|GET|MOVE|OPTIONS",
        path in "(/|/README.txt|/Finance|/IT/|(/[a-zA-Z.%/]{0,9}){0,3})",
        depth in "0|1|infinity|[a-z]{0,3}",
        body in "(<[a-d:/ ]{0,4}>|<propfind xmlns=\"DAV:\">|<prop>|</prop>|</propfind>|<a xmlns='[a-z&<]{0,3}'/>|[a-z&;]){0,30}",
    ) {
        let answer = ask(&CANARY, &method, &path, &[("Depth", &depth)], body.as_bytes());
        prop_assert!([200, 207, 301, 400, 403, 404].contains(&answer.status), "{}", answer.status);
        prop_assert!(answer.body.len() <= 64 << 10);
    }
}
