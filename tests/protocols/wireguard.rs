//! WireGuard, with wireguard-go and `wg`, in a network of its own.

use lapwing_tests::{Minted, Ran, eventually};

use crate::stage::Stage;

/// A client's way with a configuration: up, two places looked at, and what `wg` says at last.
const CLIENT: &str = r#"
set -e
mount -t tmpfs none /run
wireguard-go wg0 2>/dev/null
wg setconf wg0 client.conf
ip address add "$ADDRESS" dev wg0
ip link set wg0 up
ip route add "$NETWORK.0/24" dev wg0
dig +tries=1 +time=1 "@$NETWORK.1" vault.corp.example >/dev/null || true
curl -s -m 1 "http://$NETWORK.9:8200/v1/sys/health" || true
for second in $(seq "$PATIENCE"); do
    received=$(wg show wg0 transfer | cut -f 2)
    if [ "$received" -gt 92 ]; then break; fi
    sleep 1
done
wg show wg0 latest-handshakes
wg show wg0 transfer
ip link delete wg0
"#;

fn up(stage: &Stage, minted: &Minted, patience: &str) -> Ran {
    let config = minted.field("config");
    let config: String = (config.lines())
        .filter(|line| !line.starts_with("Address") && !line.starts_with("DNS"))
        .map(|line| match line.starts_with("Endpoint") {
            true => format!("Endpoint = {}\n", stage.address()),
            false => format!("{line}\n"),
        })
        .collect();
    std::fs::write(stage.home.path().join("client.conf"), config).unwrap();
    let address = minted.field("address");
    let variables = [
        ("ADDRESS", address),
        ("NETWORK", address.rsplit_once('.').unwrap().0),
        ("PATIENCE", patience),
    ];
    stage.inside(&variables, &["unshare", "--mount", "sh", "-c", CLIENT])
}

fn stage() -> Stage {
    let door = ["--on", "wireguard=127.0.0.1:51820"];
    Stage::apart("wireguard", &["http://*.bait.example"], |_| (), &door)
}

#[test]
fn a_client_brings_the_tunnel_up() {
    let stage = stage();
    // Others that could be meant.
    for _ in 0..3 {
        stage.mint("wireguard");
    }
    let minted = stage.mint("wireguard");
    let said = up(&stage, &minted, "60");
    assert_eq!(said.code, 0, "{said:?}");
    let key = minted.field("peer_key");
    let lines: Vec<Vec<&str>> = (said.stdout.lines())
        .map(|line| line.split('\t').collect())
        .collect();
    let [handshakes, transfer] = &lines[..] else {
        panic!("{said:?}");
    };
    assert_eq!((handshakes[0], transfer[0]), (key, key));
    let number = |text: &str| text.parse::<u64>().unwrap();
    assert!(number(handshakes[1]) > 1_700_000_000, "{said:?}");
    // The answer, and at least one message that says that data came.
    assert!(number(transfer[1]) >= 92 + 32, "{said:?}");

    // The first message of the session carries data or does not, as it happens.
    let lines = eventually("what came through the tunnel", || {
        let lines = stage.lines(4);
        lines.contains("TRAFFIC").then_some(lines)
    });
    let trips = stage.trips(4);
    for trip in &trips {
        assert_eq!(trip["trip"]["canary"], minted.id.as_str());
    }
    assert!(
        lines.starts_with("HANDSHAKE wireguard accepted wireguard.clock=2"),
        "{lines}"
    );
    let network = minted.field("address").rsplit_once('.').unwrap().0;
    for expect in [
        "\nSESSION wireguard accepted".to_owned(),
        format!(" tunnel.name=vault.corp.example tunnel.to=udp {network}.1:53\n"),
        format!("PACKET wireguard accepted tunnel.to=tcp {network}.9:8200\n"),
        "\nTRAFFIC wireguard accepted tunnel.bytes=".to_owned(),
    ] {
        assert!(lines.contains(&expect), "{expect:?} in {lines}");
    }
    let offset = &trips[0]["trip"]["claims"]["captured"]["wireguard.offset"][0];
    let offset: f64 = offset
        .as_str()
        .unwrap()
        .trim_end_matches(" s")
        .parse()
        .unwrap();
    assert!(offset.abs() < 5.0, "both have the same clock: {offset}");
}

#[test]
fn retired_bait_hears_nothing_and_is_noticed() {
    let stage = stage();
    let minted = stage.mint("wireguard");
    stage.home.ok(&["retire", &minted.id]);
    let said = up(&stage, &minted, "1");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("\t0\n"), "{said:?}");
    assert!(
        stage
            .lines(1)
            .starts_with("HANDSHAKE wireguard revoked wireguard.clock=")
    );
}
