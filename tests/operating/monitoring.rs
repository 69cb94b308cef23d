//! The desk says how the station is: `/healthz`, `/readyz` and `/metrics`, judged by promtool and scraped by
//! Prometheus. What intruders reach says nothing of the sort.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapwing_tests::{
    Answer, Home, MailCatcher, Station, WebhookCatcher, eventually, finish, free, get, trips,
    within,
};
use serde_json::Value;

fn home(settings: &str) -> Home {
    let home = Home::new();
    home.settings(&format!("{settings}\n[desk]\nlisten = [\"127.0.0.1:0\"]\n"));
    home.ok(&["init", "--address", "http://*.bait.example"]);
    home
}

/// The secret of a credential that may monitor.
fn monitor(home: &Home) -> String {
    let made = home.json(&["credential", "add", "prometheus", "--may", "monitor"]);
    made["secret"].as_str().unwrap().to_owned()
}

fn ask(desk: SocketAddr, path: &str, secret: Option<&str>) -> Answer {
    let bearer = secret.map(|secret| format!("Bearer {secret}"));
    let headers: Vec<_> = bearer
        .iter()
        .map(|it| ("Authorization", it.as_str()))
        .collect();
    get(desk, "desk", path, &headers)
}

/// The value of a line of figures, by its name and labels.
fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

fn figures(station: &Station, secret: &str) -> String {
    let answer = ask(station.desk(), "/metrics", Some(secret));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn open(station: &Station, url: &str, agent: &str) {
    let url = url.strip_prefix("http://").unwrap();
    let (host, path) = url.split_once('/').unwrap();
    get(
        station.address(),
        host,
        &format!("/{path}"),
        &[("User-Agent", agent)],
    );
}

#[test]
fn figures_are_what_promtool_takes_and_say_what_happened() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home(&[mail.channel("mail"), hook.channel("hook")].concat());
    home.ok(&["tls", "issue", "www.bait.example"]);
    let secret = monitor(&home);
    let canary = home.mint("url", &[]);
    let station = home.listen(&["--on", "redis=127.0.0.1:0"]);
    let before = figures(&station, &secret);
    assert_eq!(
        figure(&before, "lapwing_trips_total{listener=\"http\"}"),
        Some(0.0)
    );
    for _ in 0..3 {
        open(&station, canary.field("beacon.url"), "agent-of-a-stranger");
    }
    get(
        station.address(),
        "host-of-a-stranger",
        "/path-of-a-stranger",
        &[],
    );
    trips(&home, 3);
    eventually("the webhook", || hook.hooks().first().cloned());
    let after = eventually(
        "the delivery is counted and the last record indexed",
        || {
            let text = figures(&station, &secret);
            let delivered = figure(&text, "lapwing_deliveries_total{channel=\"hook\"}");
            let lag = figure(&text, "lapwing_index_lag_records");
            (delivered > Some(0.0) && lag == Some(0.0)).then_some(text)
        },
    );
    assert_eq!(
        figure(&after, "lapwing_trips_total{listener=\"http\"}"),
        Some(3.0)
    );
    assert_eq!(
        figure(&after, "lapwing_trips_total{listener=\"redis\"}"),
        Some(0.0)
    );
    let matched_and_not = figure(&after, "lapwing_unmatched_total").unwrap() + 3.0;
    let appends = figure(&after, "lapwing_journal_append_seconds_count").unwrap();
    assert!(
        appends >= 4.0 && appends <= matched_and_not + 1.0,
        "{after}"
    );
    for (name, value) in [
        ("lapwing_ready", 1.0),
        ("lapwing_connections_displaced_total", 0.0),
        ("lapwing_journal_gaps_total", 0.0),
        ("lapwing_trips_lost_total", 0.0),
        ("lapwing_confined{what=\"files\"}", 1.0),
        ("lapwing_deliveries_dead_total{channel=\"mail\"}", 0.0),
    ] {
        assert_eq!(figure(&after, name), Some(value), "{name}\n{after}");
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let synced = figure(&after, "lapwing_journal_last_sync_timestamp_seconds").unwrap();
    assert!((now - synced).abs() < 120.0, "{synced}");
    assert!(
        after.contains("lapwing_certificate_not_after_timestamp_seconds{name=\"www.bait.example\"")
    );
    assert!(after.contains("lapwing_data_timestamp_seconds{source=\"lists\"}"));
    for theirs in ["agent-of", "host-of", "path-of", canary.field("beacon.url")] {
        assert!(!after.contains(theirs), "{theirs}");
    }
    judge(&after);
}

/// Has Prometheus' own program say that these figures are well formed and well named.
fn judge(figures: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(figures.as_bytes()).unwrap();
    drop(stdin);
    let judged = promtool.wait_with_output().unwrap();
    let said = [judged.stdout, judged.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        judged.status.success() && said.is_empty(),
        "{said}\n{figures}"
    );
}

#[test]
fn a_disk_that_fails_makes_it_not_ready_until_it_works_again() {
    let home = home("");
    let secret = monitor(&home);
    let canary = home.mint("url", &[]);
    let fails = home.path().join("fails");
    let mut command = home.command(&["listen", "--json", "--http", "127.0.0.1:0"]);
    command
        .env("LD_PRELOAD", shim(home.path()))
        .env("SYNC_SHIM_FAIL_FILE", &fails);
    let station = Station::start(&mut command);
    let ready = || {
        let answer = ask(station.desk(), "/readyz", None);
        let body: Value = serde_json::from_str(&answer.text()).unwrap();
        (answer.status, body)
    };
    let (status, body) = eventually("it is ready", || Some(ready()).filter(|it| it.0 == 200));
    assert_eq!(
        (status, body.to_string()),
        (200, "{\"ready\":true,\"reasons\":[]}".to_owned())
    );
    std::fs::write(&fails, "").unwrap();
    open(&station, canary.field("beacon.url"), "curl");
    let (_, body) = eventually("it is not ready", || Some(ready()).filter(|it| it.0 == 503));
    assert_eq!(body["reasons"][0], "journal");
    assert!(
        body.get("details").is_none(),
        "a stranger is told no more: {body}"
    );
    let told = ask(station.desk(), "/readyz", Some(&secret));
    let told: Value = serde_json::from_str(&told.text()).unwrap();
    let detail = told["details"]["journal"].as_str().unwrap();
    assert!(
        detail.contains("1 trips wait in memory") && detail.contains("Look at the disk"),
        "{detail}"
    );
    assert_eq!(told["about"]["confined"][1]["name"], "files");
    let text = figures(&station, &secret);
    assert_eq!(figure(&text, "lapwing_ready"), Some(0.0));
    assert!(figure(&text, "lapwing_journal_gaps_total") >= Some(1.0));
    assert_eq!(figure(&text, "lapwing_trips_late_total"), Some(1.0));
    // It lives all the same: nobody is to restart it for that.
    let health = ask(station.desk(), "/healthz", None);
    assert_eq!((health.status, health.text().as_str()), (200, "ok\n"));
    std::fs::remove_file(&fails).unwrap();
    eventually("it is ready again", || (ready().0 == 200).then_some(()));
}

/// The library that makes syncs fail.
fn shim(directory: &Path) -> std::path::PathBuf {
    let library = directory.join("sync.so");
    let source = lapwing_tests::repository().join("tests/shim/sync.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg(source);
    let ran = finish(&mut compiler);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    library
}

#[test]
fn figures_take_a_credential_that_may_monitor() {
    let home = home("");
    let secret = monitor(&home);
    let other = home.json(&["credential", "add", "shop", "--may", "check"]);
    let other = other["secret"].as_str().unwrap();
    let station = home.listen(&[]);
    let desk = station.desk();
    let status = |path: &str, secret: Option<&str>| ask(desk, path, secret).status;
    assert_eq!(status("/metrics", None), 401);
    assert_eq!(status("/metrics", Some("wrong")), 401);
    assert_eq!(status("/metrics", Some(other)), 403);
    assert_eq!(status("/metrics", Some(&secret)), 200);
    assert_eq!(status("/readyz", Some("wrong")), 401);
    assert_eq!(status("/healthz", None), 200);
    // It may do nothing else.
    let asked = lapwing_tests::post(
        desk,
        "desk",
        "/v1/check",
        &[("Authorization", &format!("Bearer {secret}"))],
        b"{\"value\": \"x\"}",
    );
    assert_eq!(asked.status, 403);
    home.ok(&["credential", "revoke", "prometheus"]);
    assert_eq!(status("/metrics", Some(&secret)), 401);
}

#[test]
fn what_intruders_reach_says_nothing_of_the_sort() {
    let home = home("");
    let station = home.listen(&[]);
    let ask = |path: &str| {
        let answer = get(station.address(), "127.0.0.1", path, &[]);
        (answer.status, answer.text())
    };
    let nothing = ask("/nothing-of-the-sort");
    for path in ["/healthz", "/readyz", "/metrics"] {
        let (status, body) = ask(path);
        assert_eq!(status, nothing.0, "{path}");
        assert_eq!(
            body.replace(path, "/nothing-of-the-sort"),
            nothing.1,
            "{path}"
        );
        assert!(!body.to_ascii_lowercase().contains("lapwing"), "{body}");
    }
}

/// Prometheus; stopped when it is dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Err: it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_it_and_its_rules_are_quiet() {
    let home = home("");
    let secret = monitor(&home);
    let canary = home.mint("url", &[]);
    let station = home.listen(&[]);
    open(&station, canary.field("beacon.url"), "curl");
    trips(&home, 1);
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(path("secret"), secret).unwrap();
    let examples = lapwing_tests::repository().join("examples/prometheus");
    let config =
        lapwing_core::bounded::read_text(&examples.join("prometheus.yml"), 1 << 20).unwrap();
    let config = config
        .replace("/etc/prometheus/lapwing.secret", &path("secret"))
        .replace("127.0.0.1:8090", &station.desk().to_string())
        .replace("15s", "1s")
        .replace(
            "alerts.yml",
            &examples.join("alerts.yml").display().to_string(),
        );
    std::fs::write(path("prometheus.yml"), config).unwrap();
    let web = free();
    let mut command = Command::new("prometheus");
    home.scrub(&mut command);
    let prometheus = command
        .args([
            "--config.file",
            &path("prometheus.yml"),
            "--storage.tsdb.path",
            &path("tsdb"),
        ])
        .args(["--web.listen-address", &web.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _prometheus = Prometheus(prometheus);
    let ask = |query: &str| -> Option<Value> {
        std::net::TcpStream::connect(web).ok()?;
        let answer = get(
            web,
            "prometheus",
            &format!("/api/v1/query?query={query}"),
            &[],
        );
        let body: Value = serde_json::from_str(&answer.text()).ok()?;
        body["data"]["result"]
            .as_array()
            .filter(|it| !it.is_empty())?;
        Some(body["data"]["result"].clone())
    };
    let found = within(Duration::from_secs(60), "Prometheus has it", || {
        ask("lapwing_trips_total%7Blistener%3D%22http%22%7D")
    });
    assert_eq!(found[0]["value"][1], "1");
    within(Duration::from_secs(60), "it is up", || {
        (ask("up")?[0]["value"][1] == "1").then_some(())
    });
    assert!(ask("ALERTS%7Balertstate%3D%22firing%22%7D").is_none());
}
