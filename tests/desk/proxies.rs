//! Proxies that ask the desk before they let a request through: nginx as Debian has it, and Envoy's
//! protocol of `ext_authz` over HTTP as its documentation has it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapwing_tests::{Answer, exchange, free, get, trips, within};
use tempfile::TempDir;

use crate::stage::{asked, home_with};

/// nginx with a directory of its own; stopped when dropped.
struct Nginx {
    process: Child,
    address: SocketAddr,
    _root: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It runs without a master, so that this is all of it. Err: it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Nginx {
    fn start(desk: SocketAddr, secret: &str) -> Self {
        let root = TempDir::new().unwrap();
        let address = free();
        fs::create_dir(root.path().join("html")).unwrap();
        fs::write(root.path().join("html/orders"), "the orders\n").unwrap();
        let config = CONFIG
            .replace("ROOT", root.path().to_str().unwrap())
            .replace("ADDRESS", &address.to_string())
            .replace("DESK", &desk.to_string())
            .replace("SECRET", secret);
        let file = root.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let process = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(root.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts; tests/run installs it");
        within(Duration::from_secs(30), "nginx listens", || {
            TcpStream::connect(address).ok()
        });
        Self {
            process,
            address,
            _root: root,
        }
    }
}

const CONFIG: &str = "daemon off; master_process off; pid ROOT/pid; error_log ROOT/log;
events {}
http {
  access_log off;
  client_body_temp_path ROOT/body; proxy_temp_path ROOT/proxy; fastcgi_temp_path ROOT/fast;
  uwsgi_temp_path ROOT/uwsgi; scgi_temp_path ROOT/scgi;
  server {
    listen ADDRESS;
    location / { auth_request /_desk; root ROOT/html; }
    location = /_desk {
      internal;
      proxy_pass http://DESK/v1/auth;
      proxy_pass_request_body off;
      proxy_set_header Content-Length \"\";
      proxy_set_header X-Desk-Credential SECRET;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-Host $host;
      proxy_set_header X-Real-IP $remote_addr;
    }
  }
}
";

#[test]
fn nginx_asks_before_it_lets_a_request_through() {
    let home = home_with("");
    let canary = home.mint("github-pat", &[]);
    let (station, secret) = asked(&home);
    let nginx = Nginx::start(station.desk(), &secret);
    let token = canary.field("token");
    let bearer = format!("Bearer {token}");
    let cookie = format!("session={token}");
    let visit = |target: &str, headers: &[(&str, &str)]| {
        get(nginx.address, "shop.example.org", target, headers)
    };
    let fine = visit("/orders", &[("Authorization", "Bearer something-else")]);
    assert_eq!((fine.status, fine.text().as_str()), (200, "the orders\n"));
    assert_eq!(visit("/orders", &[("Authorization", &bearer)]).status, 403);
    assert_eq!(visit("/orders", &[("Cookie", &cookie)]).status, 403);
    assert_eq!(visit("/orders", &[("X-Api-Key", token)]).status, 403);
    assert_eq!(visit(&format!("/orders?key={token}"), &[]).status, 403);
    assert_eq!(visit("/orders", &[]).status, 200);
    let rows = trips(&home, 4);
    assert_eq!(rows.len(), 4);
    let trip = &rows[3]["trip"];
    assert_eq!(trip["claims"]["target"], "/orders");
    assert_eq!(trip["claims"]["host"], "shop.example.org");
    assert_eq!(trip["observed"]["forwarded"], "127.0.0.1:0");
    assert_eq!(trip["observed"]["observer"], "shop");
    assert_eq!(trip["fields"][0]["carrier"], "bearer");
    assert_eq!(rows[0]["trip"]["fields"][0]["carrier"], "query");
    let shown = home.ok(&["trip", trip["id"].as_str().unwrap()]);
    assert!(
        !shown.contains(&secret),
        "the credential is no evidence: {shown}"
    );
}

/// What Envoy sends with `path_prefix: /v1/auth`, `authorization_request.headers_to_add` for the
/// credential and `allowed_headers` for the rest: the visitor's method and path, `Authorization` as it
/// came, and a body of no length.
fn envoy(desk: SocketAddr, secret: &str, line: &str, headers: &str) -> Answer {
    let request = format!(
        "{line} HTTP/1.1\r\nhost: shop.example.org\r\ncontent-length: 0\r\n\
         x-desk-credential: {secret}\r\nx-forwarded-for: 203.0.113.9, 198.51.100.7\r\n\
         x-request-id: 7d0c\r\nuser-agent: okhttp/4.12\r\n{headers}connection: close\r\n\r\n"
    );
    exchange(desk, request.as_bytes())
}

#[test]
fn envoy_is_told_by_the_status() {
    let home = home_with("");
    let canary = home.mint("github-pat", &[]);
    let (station, secret) = asked(&home);
    let token = canary.field("token");
    let authorization = format!("authorization: Bearer {token}\r\n");
    let desk = station.desk();
    let fine = envoy(
        desk,
        &secret,
        "PUT /v1/auth/orders/7?a=b",
        "authorization: Bearer x\r\n",
    );
    assert_eq!((fine.status, fine.body.len()), (200, 0));
    let denied = envoy(desk, &secret, "PUT /v1/auth/orders/7?a=b", &authorization);
    assert_eq!((denied.status, denied.body.len()), (403, 0));
    let denied = envoy(desk, &secret, &format!("GET /v1/auth/orders/{token}"), "");
    assert_eq!(denied.status, 403);
    assert_eq!(envoy(desk, "wrong", "GET /v1/auth/orders", "").status, 401);
    let rows = trips(&home, 2);
    let trip = &rows[1]["trip"];
    assert_eq!(trip["claims"]["method"], "PUT");
    assert_eq!(trip["claims"]["target"], "/orders/7?a=b");
    // The last one listed is whom the proxy has seen; what stands before it anybody can write.
    assert_eq!(trip["observed"]["forwarded"], "198.51.100.7:0");
    assert_eq!(rows[0]["trip"]["fields"][0]["carrier"], "path");
}
