//! Somebody who publishes files, over HTTP or HTTPS on loopback, and keeps what was asked; and the files.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use data_encoding::BASE64;
use ipnet::IpNet;
use mmdb_writer::{IpVersion, Writer};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// A file as it is published.
#[derive(Clone, Default)]
pub(crate) struct File {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// `user:key` that it is given for.
    pub(crate) login: Option<&'static str>,
    /// Where it is in truth.
    pub(crate) moved: Option<String>,
}

impl File {
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }
}

/// The publisher.
pub(crate) struct Publisher {
    address: SocketAddr,
    /// Its certificate in PEM, where it speaks TLS.
    pub(crate) certificate: Option<String>,
    files: Arc<Mutex<HashMap<String, File>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Publisher {
    /// Speaks plain HTTP.
    pub(crate) fn plain() -> Self {
        Self::start(None)
    }

    /// Speaks TLS, with a certificate of its own for 127.0.0.1.
    pub(crate) fn secure() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self::start(Some((Arc::new(config), certificate.pem())))
    }

    fn start(tls: Option<(Arc<ServerConfig>, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let publisher = Self {
            address: listener.local_addr().unwrap(),
            certificate: tls.as_ref().map(|(_, pem)| pem.clone()),
            files: Arc::default(),
            asked: Arc::default(),
        };
        let (files, asked) = (Arc::clone(&publisher.files), Arc::clone(&publisher.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tls) = (stream.unwrap(), tls.clone());
                let (files, asked) = (Arc::clone(&files), Arc::clone(&asked));
                std::thread::spawn(move || serve(stream, tls, &files, &asked));
            }
        });
        publisher
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.address)
    }

    pub(crate) fn publish(&self, path: &str, file: File) {
        self.files.lock().unwrap().insert(path.to_owned(), file);
    }

    /// The requests so far, each with its headers.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    tls: Option<(Arc<ServerConfig>, String)>,
    files: &Mutex<HashMap<String, File>>,
    asked: &Mutex<Vec<String>>,
) {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    match tls {
        None => answer(stream, files, asked),
        Some((config, _)) => {
            let connection = ServerConnection::new(config).unwrap();
            answer(StreamOwned::new(connection, stream), files, asked);
        }
    }
}

fn answer(
    mut stream: impl Read + Write,
    files: &Mutex<HashMap<String, File>>,
    asked: &Mutex<Vec<String>>,
) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) if head.len() < 16_384 => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(head.clone());
    let path = target.split('?').next().unwrap();
    let file = files.lock().unwrap().get(path).cloned();
    let has = |line: &str| head.lines().any(|it| it.eq_ignore_ascii_case(line));
    let said = match file {
        None => ("404 Not Found", File::of("nothing here")),
        Some(File {
            login: Some(login), ..
        }) if !has(&format!(
            "authorization: Basic {}",
            BASE64.encode(login.as_bytes())
        )) =>
        {
            ("401 Unauthorized", File::of("who are you"))
        }
        Some(File {
            moved: Some(to), ..
        }) => {
            let mut file = File::of("");
            file.headers.push(("location", to));
            ("302 Found", file)
        }
        Some(file) => {
            let etag = file.headers.iter().find(|(name, _)| *name == "etag");
            let known = etag.is_some_and(|(_, etag)| has(&format!("if-none-match: {etag}")));
            match known {
                true => ("304 Not Modified", File::of("")),
                false => ("200 OK", file),
            }
        }
    };
    let (status, file) = said;
    let mut out = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    if !status.starts_with("304") {
        out.push_str(&format!("content-length: {}\r\n", file.body.len()));
    }
    for (name, value) in &file.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    // Whoever asked may have gone.
    let _ = stream.write_all(&[out.as_bytes(), b"\r\n", &file.body].concat());
    let _ = stream.flush();
}

/// A MaxMind DB of a day, with records for networks.
pub(crate) fn mmdb(day: u64, records: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder("GeoLite2-City")
        .ip_version(IpVersion::V6)
        .build_epoch(UNIX_EPOCH + Duration::from_secs(day * 86_400))
        .build();
    for (network, record) in records {
        writer
            .insert(network.parse::<IpNet>().unwrap(), record)
            .unwrap();
    }
    writer.to_bytes().unwrap()
}

/// Berlin, as a city's record has it.
pub(crate) fn berlin() -> Value {
    json!({
        "city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"},
        "location": {"latitude": 52.52, "longitude": 13.4},
    })
}

/// As `tar -cz` packs a file in a directory.
pub(crate) fn tar_gz(home: &Path, name: &str, bytes: &[u8]) -> Vec<u8> {
    let directory = home.join("packing");
    std::fs::create_dir_all(directory.join("GeoLite2_20261128")).unwrap();
    std::fs::write(directory.join("GeoLite2_20261128/COPYRIGHT.txt"), "terms").unwrap();
    std::fs::write(directory.join("GeoLite2_20261128").join(name), bytes).unwrap();
    let mut command = Command::new("tar");
    command
        .args(["-cz", "GeoLite2_20261128"])
        .current_dir(&directory);
    let packed = command.output().unwrap();
    assert!(packed.status.success(), "{packed:?}");
    packed.stdout
}

/// As Python's lzma packs bytes: liblzma.
pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let program =
        "import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(bytes).unwrap();
    let packed = python.wait_with_output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}
