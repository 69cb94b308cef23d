//! An HTTP proxy, with curl and requests.

use lapwing_tests::venv;

use crate::stage::Stage;

#[test]
fn where_somebody_wanted_to_go_is_kept_and_nobody_gets_there() {
    let stage = Stage::new("http-proxy");
    let minted = stage.mint("http-proxy");
    let (user, password) = (minted.field("username"), minted.field("password"));
    let proxy = format!("http://127.0.0.1:{}", stage.port());
    let login = format!("{user}:{password}");
    let curl = |arguments: &[&str]| {
        let first = ["-sv", "-m", "30", "-x", &proxy];
        stage.run("curl", &[&first[..], arguments].concat())
    };
    let refused = curl(&["https://files.example/a"]);
    assert!(
        refused.stderr.contains("407 Proxy Authentication Required"),
        "{refused:?}"
    );
    let tunnel = curl(&["-U", &login, "https://files.example/a"]);
    assert!(
        tunnel.stderr.contains("503 Service Unavailable"),
        "{tunnel:?}"
    );
    assert!(tunnel.stderr.contains("Server: squid/"), "{tunnel:?}");
    let plain = curl(&["-U", &login, "--proxy-anyauth", "http://plain.example/b"]);
    assert!(
        plain.stderr.contains("503 Service Unavailable"),
        "{plain:?}"
    );
    let wrong = curl(&[
        "-U",
        &format!("{user}:wrongwrong"),
        "http://plain.example/c",
    ]);
    assert!(wrong.stderr.contains("407 "), "{wrong:?}");
    assert_eq!(
        stage.lines(3),
        format!(
            "CONNECT http-proxy accepted login.user={user} proxy.target=files.example:443\n\
             FORWARD http-proxy accepted login.user={user} proxy.target=http://plain.example/b\n\
             FORWARD http-proxy refused login.user={user} proxy.target=http://plain.example/c\n"
        )
    );
    let script = "import requests, sys\ntry:\n    requests.get('https://out.example/', proxies={'https': sys.argv[1]})\n\
                  except requests.exceptions.ProxyError as error:\n    print(error)";
    let through = format!("http://{login}@127.0.0.1:{}", stage.port());
    let python = venv().join("bin/python");
    let said = stage.run(python.to_str().unwrap(), &["-c", script, &through]);
    assert!(said.stdout.contains("503 Service Unavailable"), "{said:?}");
    assert!(stage.lines(4).contains("proxy.target=out.example:443"));
}
