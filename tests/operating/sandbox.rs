//! Locked in: what the confined process may not do is tried inside it, in every thread; and everything it has to do
//! while it runs it still does.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use lapwing_tests::{
    Beacon, Home, MailCatcher, Station, WebhookCatcher, eventually, finish, free, get, trips,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::gdb::{
    EACCES, EPERM, Gave, bind, bound, everywhere, open_to_read, open_to_write, run, socket,
};
use crate::status::{common, threads};

const FINE: Gave = Gave(0, 0);

fn home(settings: &str) -> Home {
    let home = Home::new();
    home.settings(settings);
    home.ok(&[
        "init",
        "--address",
        "http://*.bait.example",
        "--mail-domain",
        "bait.example",
    ]);
    home
}

fn confined(station: &Station, name: &str) -> (bool, String) {
    let all = station.said()["confined"].as_array().unwrap();
    let one = all.iter().find(|it| it["name"] == name).unwrap();
    (
        one["held"].as_bool().unwrap(),
        one["what"].as_str().unwrap().to_owned(),
    )
}

/// What the process may do in each thread: write elsewhere, write in its data directory, read elsewhere, read what
/// looking up names takes, run a program, open a raw socket and an ordinary one, bind another port.
fn tried(home: &Home, station: &Station) -> Vec<Vec<Gave>> {
    let path = |name: &str| home.path().join(name).display().to_string();
    fs::write(path("secret"), "x").unwrap();
    let data = home.data().join("probe").display().to_string();
    let calls = [
        open_to_write(&path("elsewhere")),
        open_to_write(&data),
        open_to_read(&path("secret")),
        open_to_read("/etc/hosts"),
        run("/nowhere/to/be/found"),
        socket(17),
        socket(2),
        bound(),
    ];
    everywhere(station.pid(), &bind(free().port()), &calls)
}

#[test]
fn every_thread_is_locked_in() {
    let home = home("");
    let station = home.listen(&[]);
    for name in ["files", "calls"] {
        let (held, what) = confined(&station, name);
        assert!(held, "{what}");
    }
    let status = threads(station.pid());
    assert_eq!(common(&status, "Seccomp"), "2");
    assert_eq!(common(&status, "NoNewPrivs"), "1");
    let [elsewhere, data, secret, names, program, raw, ordinary, port] =
        &tried(&home, &station)[..]
    else {
        panic!("eight calls");
    };
    assert_eq!(elsewhere, &[EACCES]);
    assert!(!home.path().join("elsewhere").exists());
    assert_eq!(data, &[FINE]);
    assert_eq!(secret, &[EACCES]);
    assert_eq!(names, &[FINE]);
    assert_eq!(program, &[EPERM]);
    assert_eq!(raw, &[EPERM]);
    assert_eq!(ordinary, &[FINE]);
    assert_eq!(port, &[EACCES]);
    assert_eq!(station.stop().code, 0);
}

/// The same calls succeed where the setting says so: it is the sandbox that refuses them.
#[test]
fn nothing_is_locked_in_that_is_not_to_be() {
    let home = home("[listen]\nsandbox = \"off\"\n");
    let station = home.listen(&[]);
    for name in ["files", "calls"] {
        let (held, what) = confined(&station, name);
        assert!(!held && what.contains("listen.sandbox"), "{what}");
    }
    assert_eq!(common(&threads(station.pid()), "Seccomp"), "0");
    let tried = tried(&home, &station);
    let enoent = Gave(-1, 2);
    let first_four: Vec<_> = tried[..4].iter().map(|gave| gave[0]).collect();
    assert_eq!(first_four, [FINE; 4]);
    assert_eq!(
        tried[4],
        [enoent],
        "there is no such program, and nothing else against it"
    );
    // The second thread finds the port taken by the first.
    assert!(tried[7].contains(&FINE), "{:?}", tried[7]);
    assert!(home.path().join("elsewhere").exists());
}

/// A certificate for one name by an authority of its own, as `openssl` makes it.
fn certificate(directory: &Path, number: u32) {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    openssl.args(["-keyout", &path(&format!("key{number}.pem"))]);
    openssl.args(["-out", &path(&format!("chain{number}.pem"))]);
    openssl.args(["-subj", &format!("/CN=www.bait.example/O=Number {number}")]);
    openssl.args(["-addext", "subjectAltName=DNS:www.bait.example"]);
    let ran = finish(&mut openssl);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Links to the files of one renewal, put in the place of those before as certbot does.
fn link(live: &Path, number: u32) {
    for name in ["chain", "key"] {
        let target = format!("../../archive/site/{name}{number}.pem");
        let new = live.join(format!("{name}.new"));
        symlink(target, &new).unwrap();
        fs::rename(&new, live.join(format!("{name}.pem"))).unwrap();
    }
}

fn subject(home: &Home, station: &Station) -> String {
    let mut openssl = Command::new("openssl");
    home.scrub(&mut openssl);
    openssl.args(["s_client", "-connect", &station.address().to_string()]);
    openssl
        .args(["-servername", "www.bait.example"])
        .stdin(Stdio::null());
    let said = finish(&mut openssl).stdout;
    let line = said.lines().find_map(|line| line.strip_prefix("subject="));
    line.unwrap_or_default().to_owned()
}

#[test]
fn what_a_station_does_while_it_runs_it_does_locked_in() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let files = tempfile::tempdir().unwrap();
    let (live, archive) = (
        files.path().join("live/site"),
        files.path().join("archive/site"),
    );
    fs::create_dir_all(&live).unwrap();
    fs::create_dir_all(&archive).unwrap();
    certificate(&archive, 1);
    link(&live, 1);
    // By name: that takes the resolver's configuration, and modules of the C library.
    let hook_by_name = hook.channel("hook").replace("//127.0.0.1:", "//localhost:");
    let secret = files.path().join("hook.secret");
    fs::write(&secret, hook.secret()).unwrap();
    let hook_by_name = hook_by_name.replace(
        &format!("secret = {:?}", hook.secret()),
        &format!("secret_file = {:?}", secret.display().to_string()),
    );
    assert!(
        hook_by_name.contains("localhost") && hook_by_name.contains("secret_file"),
        "{hook_by_name}"
    );
    let home = home(&format!(
        "[[tls.certificates]]\ncertificate = {:?}\nkey = {:?}\n\n{}\n{hook_by_name}",
        live.join("chain.pem").display().to_string(),
        live.join("key.pem").display().to_string(),
        mail.channel("mail"),
    ));
    let canary = home.mint("url", &[]);
    let station = home.listen(&["--on", "ftp=127.0.0.1:0"]);
    assert!(confined(&station, "files").0, "{}", station.said());
    assert!(subject(&home, &station).contains("Number 1"));

    // A renewal puts new files into a directory, and links in the place of links.
    certificate(&archive, 2);
    link(&live, 2);
    let pid = Pid::from_raw(i32::try_from(station.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    eventually("the renewed certificate", || {
        subject(&home, &station).contains("Number 2").then_some(())
    });

    // A trip is recorded, and told of by both channels.
    let beacon = Beacon::of(&canary);
    get(station.address(), &beacon.host, &beacon.target, &[]);
    assert_eq!(trips(&home, 1).len(), 1);
    eventually("the webhook", || hook.hooks().first().cloned());
    eventually("the mail", || mail.mails().first().cloned());

    // What runs beside it works on the same directory.
    let report = home.path().join("report").display().to_string();
    home.ok(&["report", "--out", &report]);
    home.ok(&["backup", &home.path().join("backup").display().to_string()]);
    let minted = home.mint("url", &[]);
    let beacon = Beacon::of(&minted);
    get(station.address(), &beacon.host, &beacon.target, &[]);
    assert_eq!(trips(&home, 2).len(), 2);

    // FTP opens a port for each transfer.
    let login = home.mint("ftp-uri", &[]);
    let mut curl = Command::new("curl");
    home.scrub(&mut curl);
    curl.args(["-sS", "-m", "20", "--user"]);
    curl.arg(format!(
        "{}:{}",
        login.field("username"),
        login.field("password")
    ));
    let listed = finish(curl.arg(format!("ftp://{}/", station.on("ftp"))));
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let ended = station.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("ermission denied"),
        "{}",
        ended.stderr
    );
}
