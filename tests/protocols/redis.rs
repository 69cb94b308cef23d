//! Redis, with redis-cli and redis-py.

use crate::stage::Stage;

#[test]
fn redis_cli_logs_in_and_looks_around() {
    let stage = Stage::new("redis");
    let minted = stage.mint("redis-uri");
    let port = stage.port();
    let cli = |arguments: &[&str]| {
        let first = ["-h", "127.0.0.1", "-p", &port, "--no-auth-warning"];
        stage.run("redis-cli", &[&first, arguments].concat())
    };
    let password = minted.field("password");

    // Without the password it says what every server says, and nothing is noticed.
    assert_eq!(
        cli(&["GET", "x"]).stdout.trim(),
        "NOAUTH Authentication required."
    );
    let wrong = cli(&["-a", "wrong-one", "PING"]);
    assert!(wrong.stderr.contains("WRONGPASS"), "{wrong:?}");

    assert_eq!(cli(&["-a", password, "PING"]).stdout, "PONG\n");
    let info = cli(&["-3", "-a", password, "INFO", "server"]).stdout;
    assert!(info.contains("redis_version:"), "{info}");
    let keys = cli(&["-a", password, "--scan"]).stdout;
    let session = keys.lines().find(|key| key.starts_with("session:"));
    let session = cli(&["-a", password, "HGETALL", session.unwrap()]).stdout;
    assert!(session.contains("user_id"), "{session}");
    let odd = cli(&["-a", password, "NOSUCH", "thing"]).stdout;
    assert!(odd.starts_with("ERR unknown command"), "{odd}");

    let lines = stage.told("UNKNOWN redis-uri accepted redis.command=NOSUCH thing");
    let expect =
        "AUTH redis-uri accepted login.user=default\nPING redis-uri accepted redis.command=PING\n";
    assert!(lines.starts_with(expect), "{lines}");
    assert!(
        lines.contains("SCAN redis-uri accepted redis.command=SCAN|0\n")
            || lines.contains("redis.command=SCAN 0"),
        "{lines}"
    );
}

#[test]
fn retired_bait_is_refused_and_still_noticed() {
    let stage = Stage::new("redis");
    let minted = stage.mint("redis-uri");
    stage.home.ok(&["retire", &minted.id]);
    let said = stage.run(
        "redis-cli",
        &["-p", &stage.port(), "-a", minted.field("password"), "PING"],
    );
    assert!(said.stderr.contains("WRONGPASS"), "{said:?}");
    assert!(stage.lines(1).starts_with("AUTH redis-uri revoked"));
}

/// A server with a password and no users knows one user only; names that end within a character break nothing.
#[test]
fn only_the_default_user_gets_in() {
    let stage = Stage::new("redis");
    let minted = stage.mint("redis-uri");
    let port = stage.port();
    let cli = |arguments: &[&str]| {
        let first = [
            "-p",
            &port,
            "--no-auth-warning",
            "-a",
            minted.field("password"),
        ];
        stage.run("redis-cli", &[&first, arguments].concat())
    };
    let wrong = cli(&["--user", "anybody", "PING"]);
    assert!(wrong.stderr.contains("WRONGPASS"), "{wrong:?}");
    let long = "\u{20ac}".repeat(100);
    assert_eq!(
        cli(&["CLIENT", "SETINFO", "LIB-NAME", &long]).stdout,
        "OK\n"
    );
    let secret = cli(&["CONFIG", "SET", "requirepass", "hunter22hunter22"]);
    assert_eq!(secret.stdout, "OK\n");
    let lines = stage.lines(5);
    assert!(
        lines.starts_with("AUTH redis-uri refused login.user=anybody\n"),
        "{lines}"
    );
    assert!(!lines.contains("hunter22"), "{lines}");
}

/// Bait in what is no Redis at all is noticed too: requests are forged to inner ports.
#[test]
fn bait_in_another_protocol_is_noticed() {
    let stage = Stage::new("redis");
    let minted = stage.mint("url");
    let url = format!(
        "http://127.0.0.1:{}/x?u={}",
        stage.port(),
        minted.field("beacon.url")
    );
    stage.run("curl", &["-s", "-m", "5", &url]);
    assert_eq!(stage.trips(1)[0]["trip"]["canary"], minted.id.as_str());
}
