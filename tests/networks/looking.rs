//! `network --lookup`: asked only when it is said, on the list, kept as it was said, and never of the address itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, mpsc};

use hickory_proto::rr::rdata::{A, NS, PTR, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use lapwing_tests::Home;
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::publisher::{File, Publisher};

const ADDRESS: &str = "193.0.6.139";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn zone(
    origin: &str,
    records: &[(&str, RData)],
) -> (LowerName, InMemoryZoneHandler<TokioRuntimeProvider>) {
    let origin = name(origin);
    let mut zone = InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(
        name("ns1.example."),
        name("hostmaster.example."),
        1,
        7200,
        900,
        1_209_600,
        3600,
    );
    zone.upsert_mut(Record::from_rdata(origin.clone(), 3600, RData::SOA(soa)), 1);
    zone.upsert_mut(
        Record::from_rdata(origin.clone(), 3600, RData::NS(NS(name("ns1.example.")))),
        1,
    );
    for (owner, data) in records {
        zone.upsert_mut(Record::from_rdata(name(owner), 3600, data.clone()), 1);
    }
    (LowerName::from(origin), zone)
}

/// hickory's name server, with the reverse zone and a zone of names.
fn name_server() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            tell.send(socket.local_addr().unwrap()).unwrap();
            let mut catalog = Catalog::new();
            let reverse = "139.6.0.193.in-addr.arpa.";
            let address = |last| RData::A(A(Ipv4Addr::new(193, 0, 6, last)));
            for (origin, zone) in [
                zone(
                    "6.0.193.in-addr.arpa.",
                    &[
                        (reverse, RData::PTR(PTR(name("host.example.")))),
                        (reverse, RData::PTR(PTR(name("liar.example.")))),
                    ],
                ),
                zone(
                    "example.",
                    &[
                        ("host.example.", address(139)),
                        ("liar.example.", address(7)),
                    ],
                ),
            ] {
                catalog.upsert(origin, vec![Arc::new(zone)]);
            }
            let mut server = Server::new(catalog);
            server.register_socket(socket);
            server.block_until_done().await.unwrap();
        });
    });
    told.recv().unwrap()
}

fn registry() -> Publisher {
    let registry = Publisher::plain();
    let list =
        json!({"version": "1.0", "services": [[["193.0.0.0/8"], [registry.url("/registry/")]]]});
    registry.publish("/rdap/ipv4.json", File::of(list.to_string()));
    let record = json!({
        "objectClassName": "ip network", "handle": "193.0.0.0 - 193.0.7.255", "name": "EXAMPLE-NET",
        "startAddress": "193.0.0.0", "endAddress": "193.0.7.255", "country": "NL", "type": "ASSIGNED PI",
        "entities": [
            {"roles": ["registrant"], "vcardArray": ["vcard", [
                ["fn", {}, "text", "Jane Person"], ["kind", {}, "text", "individual"]]]},
            {"roles": ["abuse"], "vcardArray": ["vcard", [
                ["fn", {}, "text", "John Person"], ["email", {}, "text", "abuse@example.net"]]]},
        ],
    });
    registry.publish(
        &format!("/registry/ip/{ADDRESS}"),
        File::of(record.to_string()),
    );
    registry
}

fn home(resolver: SocketAddr, registry: &Publisher) -> Home {
    let home = Home::new();
    let bootstrap = registry.url("/rdap/");
    home.settings(&format!(
        "[lookup]\nresolver = [\"{resolver}\"]\nrdap_bootstrap = {bootstrap:?}\n"
    ));
    home
}

#[test]
fn names_are_asked_for_and_led_back() {
    let registry = registry();
    let home = home(name_server(), &registry);
    let told = home.json(&["network", ADDRESS, "--lookup", "rdns"]);
    let found = &told["lookups"][0];
    assert_eq!(found["found"]["lookup"], "rdns", "{told}");
    let mut names: Vec<(String, bool)> = { found["found"]["names"].as_array().unwrap().iter() }
        .map(|name| {
            (
                name["name"].as_str().unwrap().to_owned(),
                name["confirmed"] == true,
            )
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ("host.example".to_owned(), true),
            ("liar.example".to_owned(), false)
        ]
    );
    assert!(registry.asked().is_empty(), "only what is said");
    let shown = home.ok(&["network", ADDRESS]);
    assert!(shown.contains("host.example (leads back to it)"), "{shown}");
    assert!(
        shown.contains("liar.example (does not lead back"),
        "{shown}"
    );
    let listed = home.json(&["network"]);
    assert_eq!(
        listed.as_array().unwrap().len(),
        3,
        "one of the address, one of each name: {listed}"
    );
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["about"] == ADDRESS && it["purpose"] == "rdns")
    );
    // An address without names, and one that nobody may be asked about.
    let none = home.json(&["network", "193.0.6.1", "--lookup", "rdns"]);
    assert_eq!(none["lookups"][0]["found"]["names"], json!([]), "{none}");
    let ran = home.run(&["network", "10.0.0.1", "--lookup", "rdns"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("private address"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_registry_is_asked_and_people_are_left_out() {
    let registry = registry();
    let home = home("127.0.0.1:9".parse().unwrap(), &registry);
    home.ok(&["network", ADDRESS]);
    home.ok(&["geo", ADDRESS]);
    assert!(registry.asked().is_empty(), "off by default");
    let told = home.json(&["network", ADDRESS, "--lookup", "rdap"]);
    let record = &told["lookups"][0]["found"];
    assert_eq!(record["abuse"], json!(["abuse@example.net"]), "{told}");
    assert_eq!(
        (&record["name"], &record["country"]),
        (&json!("EXAMPLE-NET"), &json!("NL"))
    );
    assert_eq!(record["range"], json!(["193.0.0.0", "193.0.7.255"]));
    assert!(!told.to_string().contains("Person"), "{told}");
    // What is kept is private, and nothing of it names a person.
    let kept: Vec<_> = std::fs::read_dir(home.data().join("lookups"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    for path in &kept {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        assert!(
            !lapwing_core::bounded::read_text(path, 1 << 20)
                .unwrap()
                .contains("Person")
        );
    }
    // Again: another snapshot; the list of servers is still good.
    home.ok(&["network", ADDRESS, "--lookup", "rdap"]);
    let asked = registry.asked();
    let lists = asked.iter().filter(|it| it.contains("ipv4.json")).count();
    assert_eq!((lists, asked.len()), (1, 3));
    let told = home.json(&["network", ADDRESS]);
    assert_eq!(told["lookups"].as_array().unwrap().len(), 2);
    let shown = home.ok(&["network", ADDRESS]);
    assert!(shown.contains("abuse mailbox abuse@example.net"), "{shown}");
    let listed = home.json(&["network"]);
    let to: Vec<&str> = { listed.as_array().unwrap().iter() }
        .map(|it| it["to"].as_str().unwrap())
        .collect();
    assert_eq!(to.len(), 3, "{listed}");
    assert!(to[1].ends_with(&format!("/registry/ip/{ADDRESS}")));
}

#[test]
fn a_registry_that_answers_with_something_else_is_told() {
    let registry = registry();
    let home = home("127.0.0.1:9".parse().unwrap(), &registry);
    for (body, said) in [
        (
            json!({"objectClassName": "domain"}).to_string(),
            "no record of a network",
        ),
        ("<html>".to_owned(), "no record of a network"),
        (Value::Null.to_string(), "no record of a network"),
    ] {
        registry.publish(&format!("/registry/ip/{ADDRESS}"), File::of(body));
        let ran = home.run(&["network", ADDRESS, "--lookup", "rdap"]);
        assert!(ran.code == 1 && ran.stderr.contains(said), "{}", ran.stderr);
    }
    let ran = home.run(&["network", "8.8.8.8", "--lookup", "rdap"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("no registry answers for 8.8.8.8"),
        "{}",
        ran.stderr
    );
    let ran = home.run(&["network", ADDRESS, "--lookup", "rdns"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("no resolver answered"),
        "{}",
        ran.stderr
    );
    let told = home.json(&["network", ADDRESS]);
    assert_eq!(told["lookups"], json!([]), "what failed is not kept");
}
