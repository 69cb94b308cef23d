//! FTP: vsftpd, for reading only, as its package sets it up. Files come over passive connections; an active
//! one would have us connect to where the peer says, and is refused. (RFC 959, 2228, 2428, 4217;
//! replies as vsftpd 3.0 words them.)

mod files;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lapwing_core::Carrier;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::proxy;
use crate::stream::{Replay, Stream};
use crate::tls::{self, Purpose};
use crate::visit::{Account, Act, Ended, Visit};
use files::{Files, absolute};

/// The commands it knows.
const VERBS: &[&str] = &[
    "ABOR", "ACCT", "ALLO", "APPE", "AUTH", "CDUP", "CWD", "DELE", "EPRT", "EPSV", "FEAT", "HELP",
    "LIST", "MDTM", "MKD", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT",
    "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "STAT", "STOR",
    "STOU", "STRU", "SYST", "TYPE", "USER", "XCUP", "XCWD", "XMKD", "XPWD", "XRMD",
];

/// vsftpd: `VSFTP_MAX_COMMAND_LINE`.
const LONGEST_LINE: usize = 4096;

/// How long a passive port waits for its connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// Wrong logins before it hangs up, as vsftpd's `max_login_fails`.
const MOST_FAILURES: u32 = 3;

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let version = visit.station().system.release.vsftpd;
    visit
        .send(format!("220 (vsFTPd {version})\r\n").as_bytes())
        .await?;
    let mut session = Session {
        files: Files::of(&visit.station().system),
        user: None,
        account: None,
        directory: "/".to_owned(),
        passive: None,
        protected: false,
        failures: 0,
    };
    loop {
        let line = visit.line(LONGEST_LINE).await?;
        if !line.ends_with(b"\n") {
            let act = session.act("GARBAGE");
            let found = visit.recognise(&[(Carrier::Message, &line)]);
            visit.notice(found, act).await;
            return visit.send(b"500 Input line too long.\r\n").await;
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let known = |known: &&&str| verb.eq_ignore_ascii_case(known);
        let verb = VERBS.iter().find(known).copied().unwrap_or("UNKNOWN");
        if session.command(visit, &text, verb, argument).await? == Next::HangUp {
            return Ok(());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    HangUp,
}

struct Session {
    files: Files,
    /// As `USER` had it.
    user: Option<String>,
    account: Option<Account>,
    directory: String,
    passive: Option<TcpListener>,
    /// Whether data goes through TLS too.
    protected: bool,
    failures: u32,
}

impl Session {
    fn act(&self, method: &str) -> Act {
        Act {
            protocol: "ftp".to_owned(),
            method: method.to_owned(),
            target: self.user.clone().unwrap_or_default(),
            decoy: self.account.as_ref().map(|own| own.decoy(true, method, 0)),
            ..Act::default()
        }
    }

    /// Records a command, then answers it.
    async fn command(
        &mut self,
        visit: &mut Visit,
        line: &str,
        verb: &str,
        argument: &str,
    ) -> Result<Next, Ended> {
        match (verb, &self.account) {
            ("PASS", None) => return self.log_in(visit, argument).await,
            ("USER", None) => self.user = Some(argument.to_owned()),
            _ => {}
        }
        let mut act = self.act(verb);
        if self.account.is_some() {
            // What may be a password stays out of it.
            let kept = if matches!(verb, "PASS" | "ACCT") {
                verb
            } else {
                line
            };
            act.capture("ftp.command", kept);
        }
        let carrier = if verb == "USER" {
            Carrier::User
        } else {
            Carrier::Message
        };
        let found = visit.recognise(&[(carrier, argument.as_bytes())]);
        visit.notice(found, act).await;
        match verb {
            "QUIT" => {
                visit.send(b"221 Goodbye.\r\n").await?;
                Ok(Next::HangUp)
            }
            "AUTH" if argument.eq_ignore_ascii_case("tls") && can_secure(visit) => {
                visit.send(b"234 Proceed with negotiation.\r\n").await?;
                visit.secure().await?;
                Ok(Next::GoOn)
            }
            _ if self.account.is_none() => {
                let said = self.before_login(visit, verb);
                visit.send(said.as_bytes()).await?;
                Ok(Next::GoOn)
            }
            "LIST" | "NLST" | "RETR" => {
                self.transfer(visit, verb, argument).await?;
                Ok(Next::GoOn)
            }
            _ => {
                let said = self.obey(visit, verb, argument).await;
                visit.send(format!("{said}\r\n").as_bytes()).await?;
                Ok(Next::GoOn)
            }
        }
    }

    fn before_login(&self, visit: &Visit, verb: &str) -> String {
        match verb {
            "USER" => "331 Please specify the password.\r\n".to_owned(),
            "FEAT" => {
                let tls = if can_secure(visit) {
                    " AUTH TLS\r\n PBSZ\r\n PROT\r\n"
                } else {
                    ""
                };
                format!(
                    "211-Features:\r\n EPRT\r\n EPSV\r\n MDTM\r\n PASV\r\n{tls} REST STREAM\r\n \
                     SIZE\r\n TVFS\r\n UTF8\r\n211 End\r\n"
                )
            }
            "OPTS" => "200 Always in UTF8 mode.\r\n".to_owned(),
            "PBSZ" => "200 PBSZ set to 0.\r\n".to_owned(),
            "PROT" => "200 PROT now Private.\r\n".to_owned(),
            _ => "530 Please login with USER and PASS.\r\n".to_owned(),
        }
    }

    async fn log_in(&mut self, visit: &mut Visit, password: &str) -> Result<Next, Ended> {
        let Some(user) = self.user.clone() else {
            let act = self.act("PASS");
            let found = visit.recognise(&[(Carrier::Password, password.as_bytes())]);
            visit.notice(found, act).await;
            visit.send(b"503 Login with USER first.\r\n").await?;
            return Ok(Next::GoOn);
        };
        let found = visit.recognise(&[
            (Carrier::User, user.as_bytes()),
            (Carrier::Password, password.as_bytes()),
        ]);
        let account = visit.account(&found);
        let mut act = self.act("LOGIN");
        let named = user.clone().into_bytes();
        act.capture("login.user", user);
        let mut opened = false;
        if let Some(account) = account {
            let right = account.knows(password.as_bytes()) && account.is_user(&named);
            act.decoy = Some(account.decoy(right, "LOGIN", 0));
            opened = right && account.opens(password.as_bytes());
            if opened {
                self.account = Some(account);
                visit.remember(&found);
            }
        }
        visit.notice(found, act).await;
        if opened {
            visit.send(b"230 Login successful.\r\n").await?;
            return Ok(Next::GoOn);
        }
        // As vsftpd's `delay_failed_login`.
        visit.pause(Duration::from_secs(1)).await;
        self.failures += 1;
        visit.send(b"530 Login incorrect.\r\n").await?;
        Ok(if self.failures < MOST_FAILURES {
            Next::GoOn
        } else {
            Next::HangUp
        })
    }

    async fn obey(&mut self, visit: &Visit, verb: &str, argument: &str) -> String {
        let path = absolute(&self.directory, argument);
        let said = match verb {
            "USER" => "530 Can't change to another user.",
            "PASS" => "230 Already logged in.",
            "SYST" => "215 UNIX Type: L8",
            "NOOP" => "200 NOOP ok.",
            "TYPE" if argument.to_ascii_uppercase().starts_with('A') => {
                "200 Switching to ASCII mode."
            }
            "TYPE" => "200 Switching to Binary mode.",
            "MODE" => "200 Mode set to S.",
            "STRU" => "200 Structure set to F.",
            "OPTS" => "200 Always in UTF8 mode.",
            "REST" => "350 Restart position accepted (0).",
            "FEAT" => return self.before_login(visit, verb).trim_end().to_owned(),
            "PBSZ" => "200 PBSZ set to 0.",
            "PROT" if argument.eq_ignore_ascii_case("p") && visit.is_secure() => {
                self.protected = true;
                "200 PROT now Private."
            }
            "PROT" => {
                self.protected = false;
                "200 PROT now Clear."
            }
            "PWD" | "XPWD" => {
                return format!("257 \"{}\" is the current directory", self.directory);
            }
            "CWD" | "XCWD" | "CDUP" => {
                let path = if verb == "CDUP" {
                    absolute(&self.directory, "..")
                } else {
                    path
                };
                if self.files.is_directory(&path) {
                    self.directory = path;
                    "250 Directory successfully changed."
                } else {
                    "550 Failed to change directory."
                }
            }
            "SIZE" => match self.files.file(&path) {
                Some(file) => return format!("213 {}", file.bytes.len()),
                None => "550 Could not get file size.",
            },
            "MDTM" => match self.files.file(&path) {
                Some(file) => {
                    let stamp = file.changed.to_seconds_string();
                    let digits = stamp.chars().filter(char::is_ascii_digit);
                    return format!("213 {}", digits.collect::<String>());
                }
                None => "550 Could not get file modification time.",
            },
            "PASV" | "EPSV" => return self.listen(visit, verb).await,
            "PORT" | "EPRT" => "550 Permission denied.",
            "STOR" | "APPE" | "STOU" | "DELE" | "MKD" | "XMKD" | "RMD" | "XRMD" | "RNFR"
            | "RNTO" | "SITE" => "550 Permission denied.",
            "STAT" | "HELP" => "214 Help OK.",
            "ABOR" => "225 No transfer to ABOR.",
            _ => "500 Unknown command.",
        };
        said.to_owned()
    }

    /// Opens a passive port on the address the client reached.
    async fn listen(&mut self, visit: &Visit, verb: &str) -> String {
        let ip = visit.place.local.ip().to_canonical();
        let bound = TcpListener::bind((ip, 0)).await;
        let Ok((listener, port)) = bound.and_then(|it| {
            let port = it.local_addr()?.port();
            Ok((it, port))
        }) else {
            return "425 Failed to establish connection.".to_owned();
        };
        self.passive = Some(listener);
        match (verb, ip) {
            ("PASV", IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets();
                let [high, low] = port.to_be_bytes();
                format!("227 Entering Passive Mode ({a},{b},{c},{d},{high},{low}).")
            }
            ("PASV", IpAddr::V6(_)) => "550 Permission denied.".to_owned(),
            _ => format!("229 Entering Extended Passive Mode (|||{port}|)"),
        }
    }

    async fn transfer(
        &mut self,
        visit: &mut Visit,
        verb: &str,
        argument: &str,
    ) -> Result<(), Ended> {
        let names: Vec<&str> = argument
            .split(' ')
            .filter(|word| !word.starts_with('-'))
            .collect();
        let path = absolute(&self.directory, &names.join(" "));
        let (opening, bytes, done) = if verb == "RETR" {
            let Some(file) = self.files.file(&path) else {
                return visit.send(b"550 Failed to open file.\r\n").await;
            };
            let size = file.bytes.len();
            let opening = format!(
                "150 Opening BINARY mode data connection for {argument} ({size} bytes).\r\n"
            );
            (opening, file.bytes.clone(), "226 Transfer complete.\r\n")
        } else {
            let opening = "150 Here comes the directory listing.\r\n".to_owned();
            let list = self.files.list(&path, verb == "NLST");
            (opening, list.into_bytes(), "226 Directory send OK.\r\n")
        };
        let Some(listener) = self.passive.take() else {
            return visit.send(b"425 Use PORT or PASV first.\r\n").await;
        };
        visit.send(opening.as_bytes()).await?;
        let sent = match timeout(PATIENCE, self.data(visit, listener)).await {
            Ok(Some(mut stream)) => {
                let send = async {
                    stream.write_all(&bytes).await?;
                    stream.shutdown().await
                };
                matches!(timeout(PATIENCE, send).await, Ok(Ok(())))
            }
            _ => false,
        };
        let said = if sent {
            done
        } else {
            "425 Failed to establish connection.\r\n"
        };
        visit.send(said.as_bytes()).await
    }

    /// The data connection: of the same peer only.
    async fn data(&self, visit: &Visit, listener: TcpListener) -> Option<Stream> {
        let ours = |peer: SocketAddr| {
            peer.ip() == visit.place.peer.ip()
                || proxy::trusted(&visit.station().proxies, peer.ip())
        };
        let socket = loop {
            let (socket, peer) = listener.accept().await.ok()?;
            if ours(peer) {
                break socket;
            }
        };
        let replay = Replay {
            bytes: Vec::new(),
            socket,
            packets: None,
        };
        if !self.protected {
            return Some(Stream::Plain(replay));
        }
        let station = visit.station();
        let deadline = Instant::now() + station.limits.header_deadline;
        let accepting = tls::accept(&station.tls, Purpose::Other, replay, deadline, &visit.place);
        let handshake = accepting.await;
        handshake.stream
    }
}

fn can_secure(visit: &Visit) -> bool {
    visit.station().tls.is_set() && !visit.is_secure()
}
