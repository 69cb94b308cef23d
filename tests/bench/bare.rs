//! The yardsticks: bare axum, and bare axum that appends so many bytes a request to a file, one sync
//! for all that came while the last one ran. This binary, started again in another role.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::server::{Server, Syncs};

/// First argument of a process in this role.
pub(crate) const ROLE: &str = "--bare";

/// Starts a bare server whose answers have a body of `answer` bytes.
pub(crate) fn axum(answer: usize) -> Server {
    start(&[&answer.to_string()], Syncs::Real)
}

/// Starts a bare server that appends `append` bytes a request to `file` before it answers.
pub(crate) fn append(answer: usize, append: usize, file: &Path, sync: Syncs) -> Server {
    let file = file.to_str().unwrap();
    start(&[&answer.to_string(), &append.to_string(), file], sync)
}

fn start(arguments: &[&str], sync: Syncs) -> Server {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.arg(ROLE).args(arguments);
    Server::start(command, sync)
}

/// What waits for the writer.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Appends in groups.
struct Appender {
    line: Vec<u8>,
    group: Mutex<Group>,
    arrived: Condvar,
}

impl Appender {
    fn start(length: usize, file: &str) -> Arc<Self> {
        let appender = Arc::new(Self {
            line: vec![b'x'; length],
            group: Mutex::default(),
            arrived: Condvar::new(),
        });
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        let writer = Arc::clone(&appender);
        std::thread::spawn(move || writer.write(file));
        appender
    }

    fn write(&self, mut file: File) {
        let mut taken = Group::default();
        loop {
            {
                let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
                let mut group = self
                    .arrived
                    .wait_while(group, |group| group.waiting.is_empty())
                    .unwrap();
                std::mem::swap(&mut *group, &mut taken);
            }
            file.write_all(&taken.bytes).unwrap();
            file.sync_data().unwrap();
            taken.bytes.clear();
            for done in taken.waiting.drain(..) {
                // The peer may be gone.
                let _ = done.send(());
            }
        }
    }

    async fn append(&self) {
        let (done, written) = oneshot::channel();
        {
            let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
            group.bytes.extend_from_slice(&self.line);
            group.waiting.push(done);
            if group.waiting.len() == 1 {
                self.arrived.notify_one();
            }
        }
        written.await.unwrap();
    }
}

#[derive(Clone)]
struct Bare {
    answer: &'static [u8],
    appender: Option<Arc<Appender>>,
}

async fn answer(State(bare): State<Bare>) -> impl IntoResponse {
    if let Some(appender) = &bare.appender {
        appender.append().await;
    }
    ([(header::CONTENT_TYPE, "text/html")], bare.answer)
}

/// Serves until it is killed: `ANSWER_BYTES [APPEND_BYTES FILE]`.
pub(crate) fn serve(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let appender = match arguments {
        [_, length, file] => Some(Appender::start(length.parse().unwrap(), file)),
        _ => None,
    };
    let bare = Bare {
        answer: vec![b'y'; arguments[0].parse().unwrap()].leak(),
        appender,
    };
    runtime.block_on(async {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(address).await.unwrap();
        println!("{{\"http\":[\"{}\"]}}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = Router::new().fallback(answer).with_state(bare);
        axum::serve(listener, router).await.unwrap();
    });
}
