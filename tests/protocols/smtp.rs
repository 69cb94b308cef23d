//! SMTP, with swaks, curl and Python's smtplib.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use lapwing_tests::Minted;

use crate::stage::Stage;

/// Says lines one by one; gives the first line of each answer, without the host's name and queue ids.
fn converse(stage: &Stage, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(stage.address()).unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut answer = || {
        let mut first = String::new();
        loop {
            let mut line = String::new();
            #[expect(
                clippy::disallowed_methods,
                reason = "the station's own answer, with a deadline"
            )]
            reader.read_line(&mut line).unwrap();
            if first.is_empty() {
                line.trim_end().clone_into(&mut first);
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return first;
            }
        }
    };
    answer();
    let mut answers = Vec::new();
    for line in lines {
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        answers.push(answer());
    }
    answers
}

fn swaks(stage: &Stage, arguments: &[&str]) -> String {
    let server = stage.address().to_string();
    let (host, port) = server.split_once(':').unwrap();
    let first = ["--server", host, "--port", port, "--helo", "sender.example"];
    let ran = stage.run("swaks", &[&first, arguments].concat());
    format!("{}{}", ran.stdout, ran.stderr)
}

fn login(minted: &Minted) -> (&str, &str) {
    (minted.field("username"), minted.field("password"))
}

#[test]
fn the_words_are_those_of_postfix() {
    let stage = Stage::new("smtp");
    let said = converse(
        &stage,
        &[
            "HELP",
            "MAIL FROM:<a@b.example",
            "RCPT TO:<a@b.example>",
            "DATA",
            "EHLO",
            "EHLO client.example",
            "MAIL FROM:<a@b.example> SIZE=99999999",
            "MAIL FROM:<a@b.example> X=1",
            "MAIL FROM:<a@b.example> SIZE=10",
            "MAIL FROM:<a@b.example>",
            "RCPT TO:<someone@elsewhere.example>",
            "RCPT TO:<nobody@bait.example>",
            "DATA",
            "RSET",
            "NOOP",
            "",
            "AUTH",
            "AUTH KERBEROS_V4",
            "STARTTLS",
            "QUIT",
        ],
    );
    let expect = [
        "502 5.5.2 Error: command not recognized",
        "501 5.1.7 Bad sender address syntax",
        "503 5.5.1 Error: need MAIL command",
        "503 5.5.1 Error: need RCPT command",
        "501 Syntax: EHLO hostname",
        "250-bait.example",
        "552 5.3.4 Message size exceeds fixed limit",
        "555 5.5.4 Unsupported option: X=1",
        "250 2.1.0 Ok",
        "503 5.5.1 Error: nested MAIL command",
        "454 4.7.1 <someone@elsewhere.example>: Relay access denied",
        "550 5.1.1 <nobody@bait.example>: Recipient address rejected: User unknown in local recipient table",
        "554 5.5.1 Error: no valid recipients",
        "250 2.0.0 Ok",
        "250 2.0.0 Ok",
        "500 5.5.2 Error: bad syntax",
        "501 5.5.4 Syntax: AUTH mechanism",
        "535 5.7.8 Error: authentication failed: Invalid authentication mechanism",
        "502 5.5.1 Error: command not implemented",
        "221 2.0.0 Bye",
    ];
    for (said, expect) in said.iter().zip(expect) {
        assert_eq!(said, expect);
    }
    let http = converse(&stage, &["GET / HTTP/1.1"]);
    assert_eq!(http, ["221 2.7.0 Error: I can break rules, too. Goodbye."]);
}

#[test]
fn mail_to_a_mailbox_that_is_bait_is_kept() {
    let stage = Stage::new("smtp");
    let minted = stage.mint("email-address");
    let email = minted.field("email");
    fs::write(stage.home.path().join("invoice.pdf"), b"%PDF-").unwrap();
    let said = swaks(
        &stage,
        &[
            "--from",
            "eve@sender.example",
            "--to",
            email,
            "--header",
            "Subject: About your account",
            "--header",
            "Date: Tue, 03 Mar 2026 09:12:01 +0330",
            "--body",
            "Please look at https://pay.example/a?b=1 today.",
            "--attach-name",
            "invoice.pdf",
            "--attach",
            "@invoice.pdf",
        ],
    );
    assert!(said.contains("250 2.0.0 Ok: queued as "), "{said}");
    let lines = stage.lines(2);
    let (first, second) = lines.split_once('\n').unwrap();
    assert_eq!(
        first,
        format!("RCPT email-address accepted mail.to={email}")
    );
    assert!(
        second.starts_with("MESSAGE email-address accepted "),
        "{second}"
    );
    for part in [
        "mail.from=eve@sender.example",
        "mail.link=https://pay.example/a?b=1",
        "mail.recipients=1",
        "mail.subject=About your account",
        "mail.zone=+0330",
        "mail.attachment=invoice.pdf; application/octet-stream; 5 bytes; sha256 ",
    ] {
        assert!(second.contains(part), "{part} in {second}");
    }
}

#[test]
fn to_ask_whether_a_mailbox_is_there_is_to_use_it() {
    let stage = Stage::new("smtp");
    let minted = stage.mint("email-address");
    let email = minted.field("email");
    let upper = email.to_ascii_uppercase();
    let (user, domain) = email.split_once('@').unwrap();
    let lines = [
        "HELO probe.example",
        "MAIL FROM:<>",
        &format!("RCPT TO:<{upper}>"),
        &format!("RCPT TO:<{user}+news@{domain}>"),
        &format!("VRFY {email}"),
        "QUIT",
    ];
    let said = converse(&stage, &lines);
    assert_eq!(said[2], "250 2.1.5 Ok");
    assert_eq!(said[3], "250 2.1.5 Ok");
    assert_eq!(said[4], format!("252 2.0.0 {email}"));
    let trips = stage.lines(3);
    assert!(trips.starts_with("RCPT email-address accepted"), "{trips}");
    // A mailbox whose bait is retired is still there.
    stage.home.ok(&["retire", &minted.id]);
    assert_eq!(converse(&stage, &lines)[2], "250 2.1.5 Ok");
}

#[test]
fn who_logs_in_may_send_to_anybody_and_nothing_goes_out() {
    let stage = Stage::new("smtp");
    let minted = stage.mint("smtp-login");
    let (user, password) = login(&minted);
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let said = swaks(
            &stage,
            &[
                "--from",
                "billing@bait.example",
                "--to",
                "jane@victim.example,joe@victim.example",
                "--auth",
                mechanism,
                "--auth-user",
                user,
                "--auth-password",
                password,
                "--header",
                "Subject: Pay now",
            ],
        );
        assert!(
            said.contains("235 2.7.0 Authentication successful"),
            "{said}"
        );
        assert!(said.contains("250 2.0.0 Ok: queued as "), "{said}");
        assert!(!said.contains("***"), "{said}");
    }
    // AUTH, MAIL, RCPT, RCPT, DATA, the message, QUIT.
    let lines = stage.lines(21);
    let first = format!("AUTH smtp-login accepted login.mechanism=PLAIN login.user={user}\n");
    assert!(lines.starts_with(&first), "{lines}");
    let message = lines
        .lines()
        .find(|line| line.starts_with("MESSAGE"))
        .unwrap();
    assert!(
        message.contains("mail.to=j***@victim.example|j***@victim.example"),
        "{message}"
    );
    assert!(
        message.contains("mail.recipients=2") && message.contains("mail.subject=Pay now"),
        "{message}"
    );
}

#[test]
fn wrong_unknown_and_retired_logins_are_refused_in_the_same_words() {
    let stage = Stage::new("smtp");
    let minted = stage.mint("smtp-login");
    let (user, password) = login(&minted);
    let refusal = |user: &str, password: &str, mechanism: &str| {
        let said = swaks(
            &stage,
            &[
                "--quit-after",
                "AUTH",
                "--auth",
                mechanism,
                "--auth-user",
                user,
                "--auth-password",
                password,
            ],
        );
        let refusal = said.lines().find(|line| line.contains("535 "));
        refusal.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let unknown = refusal("nobody", "nothing-at-all", mechanism);
        assert_eq!(refusal(user, "nothing-at-all", mechanism), unknown);
        assert_eq!(refusal("nobody", password, mechanism), unknown);
    }
    stage.home.ok(&["retire", &minted.id]);
    let retired = refusal(user, password, "PLAIN");
    assert_eq!(retired, refusal("nobody", "nothing-at-all", "PLAIN"));
    let lines = stage.lines(6);
    assert!(lines.starts_with("AUTH smtp-login refused "), "{lines}");
    assert!(lines.contains("AUTH smtp-login revoked "), "{lines}");
}

#[test]
fn curl_and_smtplib_send() {
    let stage = Stage::new("smtp");
    let minted = stage.mint("smtp-login");
    let (user, password) = login(&minted);
    let file = stage.home.path().join("mail.txt");
    fs::write(&file, "Subject: by curl\r\n\r\n.leading dot\r\nhello\r\n").unwrap();
    let url = format!("smtp://{}/client.example", stage.address());
    let ran = stage.run(
        "curl",
        &[
            "-sS",
            "--url",
            &url,
            "--user",
            &format!("{user}:{password}"),
            "--mail-from",
            "a@bait.example",
            "--mail-rcpt",
            "b@victim.example",
            "--upload-file",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let script = format!(
        "import smtplib\n\
         from email.message import EmailMessage\n\
         m = EmailMessage(); m['From'] = 'a@bait.example'; m['To'] = 'c@victim.example'\n\
         m['Subject'] = 'by smtplib \u{e9}'; m.set_content('x' * 300000)\n\
         with smtplib.SMTP('127.0.0.1', {}) as s:\n \
         s.login({user:?}, {password:?})\n \
         assert s.send_message(m) == {{}}\n \
         assert s.verify('nobody@bait.example')[0] in (252, 550)\n",
        stage.port()
    );
    let ran = stage.run("python3", &["-c", &script]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // AUTH, MAIL, RCPT, DATA, the message, QUIT; of the second client VRFY too.
    let lines = stage.lines(13);
    assert!(lines.contains("mail.subject=by curl"), "{lines}");
    assert!(lines.contains("mail.subject=by smtplib \u{e9}"), "{lines}");
}

/// Logs in and sends with smtplib, after STARTTLS or inside TLS.
fn secured(stage: &Stage, minted: &Minted, start: &str) {
    let (user, password) = login(minted);
    let ca = stage.home.path().join("ca.pem");
    let script = format!(
        "import smtplib, ssl\n\
         c = ssl.create_default_context(cafile={ca:?})\n\
         c.check_hostname = False\n\
         {start}\n\
         s.login({user:?}, {password:?})\n\
         s.sendmail('a@bait.example', ['d@victim.example'], 'Subject: inside TLS\\n\\nx')\n\
         s.quit()\n",
    );
    let ran = stage.run("python3", &["-c", &script]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn starttls_and_implicit_tls() {
    for (door, start) in [
        (
            "smtp=127.0.0.1:0",
            "s = smtplib.SMTP('127.0.0.1', PORT); s.starttls(context=c); assert not s.has_extn('starttls') or s.ehlo()",
        ),
        (
            "smtp=tls://127.0.0.1:0",
            "s = smtplib.SMTP_SSL('127.0.0.1', PORT, context=c)",
        ),
    ] {
        let stage = Stage::with("smtp", &[door], &[]);
        let minted = stage.mint("smtp-login");
        let ca = stage.home.ok(&["tls", "ca"]);
        fs::write(stage.home.path().join("ca.pem"), ca).unwrap();
        stage.home.ok(&["tls", "issue", "mail.bait.example"]);
        if !door.contains("tls") {
            lapwing_tests::eventually("STARTTLS is offered", || {
                let said = converse(&stage, &["EHLO x", "STARTTLS"]);
                said[1].starts_with("220").then_some(())
            });
        }
        lapwing_tests::eventually("the certificate is shown", || {
            let script = format!(
                "import socket, ssl; c = ssl._create_unverified_context(); \
                 s = socket.create_connection(('127.0.0.1', {})); \
                 {}",
                stage.port(),
                if door.contains("tls") {
                    "c.wrap_socket(s)"
                } else {
                    "pass"
                },
            );
            let ran = stage.run("python3", &["-c", &script]);
            (ran.code == 0).then_some(())
        });
        secured(&stage, &minted, &start.replace("PORT", &stage.port()));
        let lines = stage.lines(6);
        assert!(lines.starts_with("AUTH smtp-login accepted"), "{lines}");
        assert!(lines.contains("mail.subject=inside TLS"), "{lines}");
        let id = stage.trips(1)[0]["trip"]["id"].as_str().unwrap().to_owned();
        let trip = stage.home.json(&["trip", &id]);
        assert_eq!(trip["trip"]["observed"]["protocol"], "esmtps");
    }
}
