//! The desk's port: connections, deadlines, caps, and which path leads where.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answer::{Answer, Refusal};
use crate::check::{self, Socket};
use crate::{BODY_LIMIT, ConsoleError, Desk, mint, monitor, reports};

/// Connections at once.
const CONNECTIONS: usize = 512;
/// How long a head may take, also the wait for the next one.
const HEAD: Duration = Duration::from_secs(60);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);
/// Longest head, in bytes.
const HEAD_LIMIT: usize = 64 << 10;
/// How long requests under way may take on stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections the system holds for us before they are accepted.
const BACKLOG: i32 = 1024;

/// Listens on an address, for [`serve`]. Needs no runtime.
///
/// # Errors
/// [`ConsoleError::Bind`] if the system refuses.
pub fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ConsoleError> {
    let bound = std::net::TcpListener::bind(address);
    let bound = bound.and_then(|listener| {
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(listener)
    });
    bound.map_err(|source| ConsoleError::Bind { address, source })
}

/// Serves HTTP/1.1 until `stop` turns true or its sender is gone.
pub async fn serve(
    listener: std::net::TcpListener,
    desk: Arc<Desk>,
    mut stop: watch::Receiver<bool>,
) {
    let taken = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener));
    let listener = match taken {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the desk cannot be served"),
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (halt, halted) = watch::channel(false);
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(pass) = Arc::clone(&room).try_acquire_owned() else {
                    tracing::warn!(%peer, "too many connections at the desk");
                    continue;
                };
                let (desk, halted) = (Arc::clone(&desk), halted.clone());
                tasks.spawn(async move {
                    connection(stream, peer, desk, halted).await;
                    drop(pass);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections at the desk");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = halt.send(true);
    let _ = timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    desk: Arc<Desk>,
    mut halted: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // An answer is one write: waiting for more would only delay it. Harmless if it fails.
    let _ = stream.set_nodelay(true);
    let socket = Socket { peer, local };
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(route(&desk, request, socket).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let stopped = async { drop(halted.wait_for(|halted| *halted).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection to the desk ended");
    }
}

async fn route(desk: &Desk, request: Request<Incoming>, socket: Socket) -> Answer {
    let (head, body) = request.into_parts();
    let served = match read(body).await {
        Ok(body) => serve_one(desk, head, body, socket).await,
        Err(refusal) => Err(refusal),
    };
    served.unwrap_or_else(Refusal::answer)
}

async fn serve_one(
    desk: &Desk,
    head: http::request::Parts,
    body: Vec<u8>,
    socket: Socket,
) -> Result<Answer, Refusal> {
    let whole = head
        .uri
        .path_and_query()
        .map_or("/", |it| it.as_str())
        .to_owned();
    // A proxy asks with the visitor's own method, and may put the visitor's path behind ours.
    if let Some(rest) = whole.strip_prefix("/v1/auth")
        && (rest.is_empty() || rest.starts_with(['/', '?']))
    {
        return check::request(desk, head, body, socket, rest).await;
    }
    let path = head.uri.path().to_owned();
    match (&head.method, path.as_str()) {
        (&Method::POST, "/v1/check") => check::values(desk, head, body, socket).await,
        (&Method::POST, "/v1/report") => reports::report(desk, &head, &body).await,
        (&Method::POST, "/v1/mint") => mint::mint(desk, &head, &body).await,
        (&Method::GET | &Method::HEAD, "/healthz") => Ok(monitor::health()),
        (&Method::GET | &Method::HEAD, "/readyz") => monitor::readiness(desk, &head.headers).await,
        (&Method::GET | &Method::HEAD, "/metrics") => monitor::figures(desk, &head.headers).await,
        (_, "/healthz" | "/readyz" | "/metrics") => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET is served here",
            "ask with GET, and `Authorization: Bearer SECRET` where a credential is needed",
        )),
        (_, "/v1/check" | "/v1/report" | "/v1/mint") => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "only POST is served here",
            "send the question as JSON in the body",
        )),
        _ => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "nothing is served here",
            "there are /v1/check, /v1/auth, /v1/mint, /v1/report, /healthz, /readyz and /metrics",
        )),
    }
}

/// A body, within its limits.
async fn read(body: Incoming) -> Result<Vec<u8>, Refusal> {
    let hint = "a question has at most 256 KiB and takes at most 10 s to arrive";
    match timeout(BODY, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let what = "the body is too long";
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what, hint))
        }
        Ok(Err(_)) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "the body is broken",
            hint,
        )),
        Err(_) => {
            let what = "the body took too long";
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, what, hint))
        }
    }
}
