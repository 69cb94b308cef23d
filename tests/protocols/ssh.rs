//! SSH, with the clients of OpenSSH, paramiko, nmap and ssh-audit; and next to a real sshd.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use lapwing_tests::{Minted, Ran, Station, eventually, finish, free, repository, venv};
use serde_json::Value;

use crate::stage::Stage;

/// A client whose key is a planted one.
struct Client<'a> {
    stage: &'a Stage,
    port: String,
    user: String,
    key: PathBuf,
}

impl<'a> Client<'a> {
    fn new(stage: &'a Stage, minted: &Minted) -> Self {
        let key = stage.home.path().join(format!("key-{}", minted.id));
        fs::write(&key, minted.field("private_key")).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            stage,
            port: stage.port(),
            user: minted.field("username").to_owned(),
            key,
        }
    }

    /// Options that keep a client to this key and this test.
    fn options(&self) -> Vec<String> {
        [
            "-F",
            "none",
            "-i",
            self.key.to_str().unwrap(),
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]
        .map(str::to_owned)
        .into()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let options = self.options();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.stage.run(program, &[&options, arguments].concat())
    }

    fn ssh(&self, options: &[&str], command: &str) -> Ran {
        let whom = format!("{}@127.0.0.1", self.user);
        let all = [options, &["-p", &self.port, &whom, command]].concat();
        self.run("ssh", &all)
    }
}

#[test]
fn a_planted_key_opens_a_shell_and_everything_is_recorded() {
    let stage = Stage::new("ssh");
    let minted = stage.mint("ssh-ed25519");
    let client = Client::new(&stage, &minted);
    let said = client.ssh(&[], "whoami; cat /etc/os-release | grep ^ID= && nonsense");
    let user = &client.user;
    assert_eq!(said.code, 127, "{said:?}");
    assert!(said.stdout.starts_with(&format!("{user}\nID=")), "{said:?}");
    assert!(
        said.stderr
            .contains("bash: line 1: nonsense: command not found\n"),
        "{said:?}"
    );
    let lines = stage.told("EXEC ssh-ed25519");
    let key = format!(
        "login.key=ssh-ed25519 {} login.method=publickey login.user={user}\n",
        minted.field("fingerprint")
    );
    assert!(
        lines.contains(&format!("OFFER ssh-ed25519 accepted {key}")),
        "{lines}"
    );
    assert!(
        lines.contains(&format!("LOGIN ssh-ed25519 accepted {key}")),
        "{lines}"
    );
    assert!(
        lines.contains("EXEC ssh-ed25519 accepted ssh.command=whoami; cat /etc/os-release | grep ^ID= && nonsense\n"),
        "{lines}"
    );
    let offered = &stage.trips(1)[0]["trip"];
    let about = offered["claims"]["headers"].to_string();
    assert!(
        about.contains("kex_algorithms") && about.contains("public_key"),
        "{offered}"
    );
    let agent = offered["claims"]["agent"].as_str().unwrap();
    assert!(agent.starts_with("SSH-2.0-OpenSSH_"), "{agent}");

    // Under another name it is known, and of no use.
    let other = client.run("ssh", &["-p", &client.port, "root@127.0.0.1", "id"]);
    let denied = "root@127.0.0.1: Permission denied (publickey,password).";
    assert!(other.stderr.contains(denied), "{other:?}");
    stage.told("OFFER ssh-ed25519 refused");
    stage.home.ok(&["retire", &minted.id]);
    let retired = client.ssh(&[], "id");
    let alike = retired.stderr.replace(&format!("{user}@"), "root@");
    assert_eq!(alike, other.stderr, "{retired:?}");
    stage.told("OFFER ssh-ed25519 revoked");
}

#[test]
fn whatever_is_offered_works() {
    // The oldest release offers no sntrup; a station in four is one.
    let mut stages = (0..40).map(|_| Stage::new("ssh"));
    let newer = |stage: &Stage| {
        let mut greeting = [0; 19];
        let mut stream = TcpStream::connect(stage.address()).unwrap();
        stream.read_exact(&mut greeting).unwrap();
        &greeting != b"SSH-2.0-OpenSSH_8.4"
    };
    let stage = stages.find(newer).unwrap();
    let client = Client::new(&stage, &stage.mint("ssh-ed25519"));
    let heard = client.ssh(&["-vv"], "id").stderr;
    let theirs = heard.split("peer server KEXINIT").nth(1).unwrap();
    let list = |name: &str| -> Vec<String> {
        let line = theirs
            .lines()
            .find_map(|line| line.split_once(name))
            .unwrap();
        line.1.split(',').map(str::to_owned).collect()
    };
    let marker = |name: &String| name.starts_with("kex-strict") || name == "ext-info-s";
    let exchanges: Vec<String> = list("KEX algorithms: ")
        .into_iter()
        .filter(|it| !marker(it))
        .collect();
    // A client without SHA-1 has no "ssh-rsa".
    let host_keys: Vec<String> = list("host key algorithms: ")
        .into_iter()
        .filter(|it| it != "ssh-rsa")
        .collect();
    let (ciphers, macs) = (list("ciphers stoc: "), list("MACs stoc: "));
    assert!(
        exchanges.len() >= 10 && host_keys.len() == 4 && ciphers.len() == 6 && macs.len() == 10
    );
    let mut ways: Vec<Vec<String>> = vec![vec!["-C".to_owned()]];
    for (option, names) in [
        ("KexAlgorithms", &exchanges),
        ("HostKeyAlgorithms", &host_keys),
        ("Ciphers", &ciphers),
    ] {
        ways.extend(
            names
                .iter()
                .map(|name| vec!["-o".to_owned(), format!("{option}={name}")]),
        );
    }
    ways.extend(
        macs.iter()
            .map(|name| ["-c", "aes192-ctr", "-m", name].map(str::to_owned).into()),
    );
    // Keys are exchanged again in the middle.
    ways.push(vec!["-o".to_owned(), "RekeyLimit=1K".to_owned()]);
    for way in &ways {
        let way: Vec<&str> = way.iter().map(String::as_str).collect();
        let said = client.ssh(&way, "cat /etc/passwd /etc/passwd; echo done");
        assert!(
            said.code == 0 && said.stdout.ends_with("done\n"),
            "{way:?}: {said:?}"
        );
    }
}

#[test]
fn files_are_fetched_and_never_left() {
    let stage = Stage::new("ssh");
    let client = Client::new(&stage, &stage.mint("ssh-ed25519"));
    let (home, user) = (stage.home.path(), &client.user);
    let (got, mine) = (home.join("got"), home.join("mine"));
    fs::write(&mine, "a tool").unwrap();
    let batch = home.join("batch");
    let whole = format!(
        "pwd\nls -la\nget todo.txt {}\n-put {} /tmp/tool\n-rm todo.txt\n-get /etc/shadow\n",
        got.display(),
        mine.display()
    );
    fs::write(&batch, whole).unwrap();
    let whom = format!("{user}@127.0.0.1");
    let said = client.run(
        "sftp",
        &["-P", &client.port, "-b", batch.to_str().unwrap(), &whom],
    );
    assert_eq!(said.code, 0, "{said:?}");
    let told = format!("Remote working directory: /home/{user}\n");
    assert!(said.stdout.contains(&told), "{said:?}");
    assert!(
        said.stdout.contains("-rwxr-xr-x") && said.stdout.contains("release.sh"),
        "{said:?}"
    );
    assert_eq!(
        said.stderr.matches("ermission denied").count(),
        3,
        "{said:?}"
    );
    assert!(
        lapwing_core::bounded::read_text(&got, 1 << 20)
            .unwrap()
            .starts_with("- rotate")
    );
    let from = format!("{whom}:/etc/hostname");
    let fetched = client.run("scp", &["-P", &client.port, &from, got.to_str().unwrap()]);
    assert_eq!(fetched.code, 0, "{fetched:?}");
    let to = format!("{whom}:/tmp/tool");
    for old in [&[][..], &["-O"]] {
        let arguments = [old, &["-P", &client.port, mine.to_str().unwrap(), &to]].concat();
        let left = client.run("scp", &arguments);
        assert_ne!(left.code, 0, "{left:?}");
    }
    let lines = stage.told("ssh.command=scp -t /tmp/tool");
    assert!(
        lines.contains("sftp.command=OPEN /tmp/tool for writing"),
        "{lines}"
    );
}

#[test]
fn nothing_is_forwarded() {
    let stage = Stage::new("ssh");
    let client = Client::new(&stage, &stage.mint("ssh-ed25519"));
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let where_to = trap.local_addr().unwrap().to_string();
    let through = client.ssh(&["-W", &where_to], "");
    assert!(
        through
            .stderr
            .contains("open failed: administratively prohibited: open failed"),
        "{through:?}"
    );
    let back = client.ssh(&["-A", "-X", "-R", "8022:127.0.0.1:1"], "id");
    assert!(
        back.stderr.contains("remote port forwarding failed"),
        "{back:?}"
    );
    let lines = stage.lines(8);
    assert!(
        lines.contains(&format!("ssh.forward=direct-tcpip {where_to}\n")),
        "{lines}"
    );
    assert!(
        lines.contains("ssh.forward=tcpip-forward localhost:8022\n"),
        "{lines}"
    );
    assert!(trap.accept().is_err(), "nobody came");
}

#[test]
fn paramiko_logs_in_with_a_password_and_its_fingerprint_is_its_own() {
    let stage = Stage::new("ssh");
    let minted = stage.mint("ftp-uri");
    let (user, password) = (minted.field("username"), minted.field("password"));
    let script = repository().join("tests/protocols/ssh.py");
    let python = venv().join("bin/python");
    let arguments = [script.to_str().unwrap(), &stage.port(), user, password];
    let ran = stage.run(python.to_str().unwrap(), &arguments);
    let said: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("wrong"), "Authentication failed.", "{said}");
    assert!(
        text("typed").starts_with(&format!("whoamx\u{8} \u{8}i\r\n{user}\r\n")),
        "{said}"
    );
    assert!(
        text("sudo").contains("sudo: 3 incorrect password attempts"),
        "{said}"
    );
    assert!(text("prompt").ends_with(":/etc$ "), "{said}");
    assert_eq!(text("home"), format!("/home/{user}"), "{said}");
    assert_eq!(said["files"][0], ".bash_logout", "{said}");
    for denied in ["put", "remove"] {
        assert_eq!(text(denied), "Permission denied", "{said}");
    }
    assert_eq!(text("missing"), "No such file", "{said}");
    assert!(
        text("connect").contains("Administratively prohibited"),
        "{said}"
    );
    assert_eq!(text("listen"), "TCP forwarding request denied", "{said}");
    let lines = stage.told("ssh.forward=tcpip-forward");
    for expect in [
        format!("LOGIN ftp-uri accepted login.method=password login.user={user}\n"),
        "COMMAND ftp-uri accepted ssh.command=whoami\n".to_owned(),
        "COMMAND ftp-uri accepted ssh.input=7 characters\n".to_owned(),
        "COMMAND ftp-uri accepted ssh.interrupted=rm -rf \n".to_owned(),
        "FORWARD ftp-uri accepted ssh.forward=direct-tcpip 192.0.2.9:25\n".to_owned(),
        "FORWARD ftp-uri accepted ssh.forward=tcpip-forward 0.0.0.0:8022\n".to_owned(),
    ] {
        assert!(lines.contains(&expect), "{expect}: {lines}");
    }
    let observed = &stage.trips(1)[0]["trip"]["observed"];
    assert_eq!(observed["signals"]["hassh"], said["hassh"], "{observed}");
}

#[test]
fn who_tries_keys_is_told_what_openssh_tells() {
    let stage = Stage::new("ssh");
    let client = Client::new(&stage, &stage.mint("ssh-ed25519"));
    let keys: Vec<String> = (0..7)
        .map(|number| {
            let path = stage.home.path().join(format!("own-{number}"));
            let path = path.to_str().unwrap().to_owned();
            let made = stage.run(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &path],
            );
            assert_eq!(made.code, 0, "{made:?}");
            path
        })
        .collect();
    let options = client.options();
    let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
    arguments.drain(2..4);
    arguments.extend(keys.iter().flat_map(|key| ["-i", key]));
    arguments.extend(["-p", &client.port, "deploy@127.0.0.1", "id"]);
    let said = stage.run("ssh", &arguments);
    assert!(
        said.stderr.contains("Received disconnect from 127.0.0.1")
            && said.stderr.contains("Too many authentication failures"),
        "{said:?}"
    );
}

/// Its lists, and how scanners name it.
#[test]
fn it_is_an_openssh_to_who_looks() {
    let stage = Stage::new("ssh");
    let real = Sshd::start(&stage);
    let offers = |port: &str| -> Vec<String> {
        let arguments = [
            "-vv",
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-p",
            port,
            "a@127.0.0.1",
            "id",
        ];
        let heard = stage.run("ssh", &arguments).stderr;
        let theirs = heard.split("peer server KEXINIT").nth(1).unwrap();
        // What the releases differ in: names that came or went with one of them.
        let differs = |name: &&str| {
            !name.starts_with("sntrup") && !name.starts_with("ext-info") && *name != "ssh-rsa"
        };
        let lines = theirs
            .lines()
            .skip(1)
            .take_while(|line| !line.contains("reserved"));
        let lists = lines.filter_map(|line| line.rsplit_once(": "));
        lists
            .map(|(_, list)| {
                list.split(',')
                    .filter(differs)
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .collect()
    };
    let (ours, theirs) = (offers(&stage.port()), offers(&real.port));
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 8, "{ours:?}");

    let nmap = stage.run(
        "nmap",
        &["-n", "-Pn", "-sV", "-p", &stage.port(), "127.0.0.1"],
    );
    assert!(nmap.stdout.contains("ssh     OpenSSH "), "{nmap:?}");
    let audit = venv().join("bin/ssh-audit");
    let audit = stage.run(
        audit.to_str().unwrap(),
        &["-p", &stage.port(), "-j", "127.0.0.1"],
    );
    let said: Value =
        serde_json::from_str(&audit.stdout).unwrap_or_else(|error| panic!("{error}: {audit:?}"));
    let software = said["banner"]["software"].as_str().unwrap();
    assert!(software.starts_with("OpenSSH_"), "{said}");
    assert_eq!(
        said["fingerprints"].as_array().unwrap().len() % 2,
        0,
        "{said}"
    );
}

#[test]
fn host_keys_are_the_same_after_a_restart() {
    let Stage { home, station, .. } = Stage::new("ssh");
    let scan = |station: &Station| -> Vec<String> {
        let mut command = Command::new("ssh-keyscan");
        home.scrub(&mut command);
        let port = station.on("ssh").port().to_string();
        let said = finish(command.args(["-T", "60", "-p", &port, "127.0.0.1"]));
        let lines = said.stdout.lines().filter_map(|line| line.split_once(' '));
        let mut keys: Vec<String> = lines.map(|(_, key)| key.to_owned()).collect();
        keys.sort();
        keys
    };
    let before = scan(&station);
    let kinds = before.iter().filter_map(|key| key.split(' ').next());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]
    );
    station.stop();
    let again = home.listen(&["--on", "ssh=127.0.0.1:0"]);
    assert_eq!(scan(&again), before);
}

/// A real sshd with the settings of Debian's package.
struct Sshd {
    child: Child,
    port: String,
}

impl Sshd {
    fn start(stage: &Stage) -> Self {
        // Where it locks itself in while a peer is a stranger; the package makes it at boot.
        let _ = fs::create_dir_all("/run/sshd");
        let port = free().port().to_string();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args([
            "-D",
            "-f",
            "/dev/null",
            "-p",
            &port,
            "-o",
            "ListenAddress=127.0.0.1",
            "-o",
            "PidFile=none",
        ]);
        for kind in ["rsa", "ecdsa", "ed25519"] {
            let key = stage.home.path().join(format!("host-{kind}"));
            let key = key.to_str().unwrap();
            let made = stage.run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-f", key]);
            assert_eq!(made.code, 0, "{made:?}");
            command.args(["-h", key]);
        }
        let child = command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        eventually("sshd listens", || TcpStream::connect(&address).ok());
        Self { child, port }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
