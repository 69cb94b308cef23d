//! FTP, with lftp and curl.

use crate::stage::Stage;

#[test]
fn lftp_lists_and_reads() {
    let stage = Stage::new("ftp");
    let minted = stage.mint("ftp-uri");
    let (user, password) = (minted.field("username"), minted.field("password"));
    let port = stage.port();
    let login = format!("{user},{password}");
    let script = "set net:max-retries 1; set ssl:verify-certificate no; cls -1; cd exports; cls -l; mirror -n . got; put -O /incoming /etc/hostname";
    let got = stage.home.path().join("got");
    let script = script.replace("got", got.to_str().unwrap());
    let ran = stage.run(
        "lftp",
        &[
            "-u",
            &login,
            "-p",
            &port,
            "127.0.0.1",
            "-e",
            &format!("{script}; bye"),
        ],
    );
    assert!(ran.stdout.contains("exports/"), "{ran:?}");
    assert!(
        ran.stderr.contains("550"),
        "nothing can be written: {ran:?}"
    );
    let files: Vec<_> = std::fs::read_dir(&got).unwrap().collect();
    assert_eq!(files.len(), 4, "{ran:?}");
    let first =
        lapwing_core::bounded::read_text(&files[0].as_ref().unwrap().path(), 1 << 20).unwrap();
    assert!(first.starts_with("id,placed,items,total\n"), "{first}");
    let lines = stage.told("RETR ftp-uri accepted ftp.command=RETR orders-");
    assert!(
        lines.contains(&format!("LOGIN ftp-uri accepted login.user={user}\n")),
        "{lines}"
    );
}

#[test]
fn curl_hears_what_vsftpd_says() {
    let stage = Stage::new("ftp");
    let minted = stage.mint("ftp-uri");
    let url = format!("ftp://127.0.0.1:{}/", stage.port());
    let curl = |user: &str| stage.run("curl", &["-sv", "-m", "60", "-u", user, &url]);
    let (user, password) = (minted.field("username"), minted.field("password"));
    let listed = curl(&format!("{user}:{password}"));
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.stderr.contains("220 (vsFTPd 3."), "{listed:?}");
    assert!(listed.stdout.contains("exports"), "{listed:?}");
    // The right password under another user, and nobody's.
    for wrong in [format!("root:{password}"), format!("{user}:wrongwrong")] {
        let refused = curl(&wrong);
        assert!(
            refused.stderr.contains("530 Login incorrect."),
            "{refused:?}"
        );
    }
    // An active transfer would have the station connect to the client: never.
    let active = stage.run(
        "curl",
        &[
            "-sv",
            "-m",
            "60",
            "-P",
            "-",
            "-u",
            &format!("{user}:{password}"),
            &url,
        ],
    );
    assert_ne!(active.code, 0, "{active:?}");
    let lines = stage.lines(4);
    assert!(
        lines.contains("LOGIN ftp-uri refused login.user=root\n"),
        "{lines}"
    );
}
