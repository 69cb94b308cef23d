//! Answers the questions of the operator's applications: looks for canaries in what they were shown, and
//! records each as a trip before the answer, by the same sink as the listeners.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use lapwing_catalog::{Candidate, Request};
use lapwing_console::{Context, Question, Shown};
use lapwing_core::{Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, Observed};
use lapwing_listen::{Recognised, Recogniser as _, Sighting, TripSink as _, by_canary, next_tick};

use crate::recognise::LedgerRecogniser;
use crate::sink::Recorder;

/// `Observed::listener` of what an application reports.
const LISTENER: &str = "desk";

/// Most of a question that is kept, in bytes.
const RAW_LIMIT: usize = 64 << 10;

/// Looks and records.
pub(crate) struct Examiner {
    recogniser: Arc<LedgerRecogniser>,
    recorder: Recorder,
}

impl lapwing_console::Examiner for Examiner {
    fn examine(&self, question: Question) -> BoxFuture<'static, bool> {
        let found = self.look(&question.shown);
        let hit = !found.is_empty();
        let size = question.raw.len();
        let pending = if hit {
            self.recorder.record(sightings(found, &question))
        } else {
            let like = self.recogniser.stand_in();
            let like = like.and_then(|like| sightings(vec![like], &question).pop());
            self.recorder.unmatched(LISTENER, size, like)
        };
        Box::pin(async move {
            pending.await;
            next_tick().await;
            hit
        })
    }
}

impl Examiner {
    pub(crate) const fn new(recogniser: Arc<LedgerRecogniser>, recorder: Recorder) -> Self {
        Self {
            recogniser,
            recorder,
        }
    }

    fn look(&self, shown: &Shown) -> Vec<Recognised> {
        match shown {
            Shown::Values(values) => values
                .iter()
                .flat_map(|value| {
                    let request = as_json(value);
                    let mut candidates = request.candidates();
                    candidates.extend(in_small_letters(value));
                    self.recogniser.recognise(&candidates)
                })
                .collect(),
            Shown::Request(head, body) => {
                let headers = head
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
                let request = Request::new(
                    head.method.as_str().to_owned(),
                    head.uri.to_string(),
                    // The desk's own name, or one that the visitor's request went to: no bait of ours.
                    String::new(),
                    headers.collect(),
                    body.clone(),
                );
                self.recogniser.recognise(&request.candidates())
            }
        }
    }
}

/// A value as the only string of a document, so that it is taken apart as one from an intruder is.
fn as_json(value: &str) -> Request {
    let kind = ("content-type".to_owned(), b"application/json".to_vec());
    Request::new(
        "POST".to_owned(),
        "/".to_owned(),
        String::new(),
        vec![kind],
        serde_json::to_vec(value).expect("a text is JSON"),
    )
}

/// An e-mail address as people type it: its letters' case says nothing.
fn in_small_letters(value: &str) -> Option<Candidate<'static>> {
    let small = value.trim().to_lowercase();
    (small.contains('@') && small != value).then(|| Candidate {
        value: Cow::Owned(small.into_bytes()),
        carrier: Carrier::Json,
    })
}

/// One sighting for each canary that was found.
fn sightings(found: Vec<Recognised>, question: &Question) -> Vec<Sighting> {
    let kept = question.raw.len().min(RAW_LIMIT);
    let observed = Observed {
        signals: [].into(),
        fingerprint: String::new(),
        forwarded: question.context.client(),
        listener: LISTENER.to_owned(),
        local: question.local,
        observer: Some(question.observer.clone()),
        peer: question.peer,
        protocol: "http/1.1".to_owned(),
        size: question.raw.len() as u64,
        time: question.time,
        truncated: kept < question.raw.len(),
    };
    let claims = claims(question);
    by_canary(found)
        .into_iter()
        .map(|(canary, fields)| Sighting {
            canary,
            fields,
            observed: observed.clone(),
            claims: claims.clone(),
            hello: None,
            raw: question.raw[..kept].to_vec(),
            decoy: DecoyRecord {
                kind: String::new(),
                outcome: DecoyOutcome::Told,
                rule: question.endpoint.to_owned(),
                status: 200,
            },
        })
        .collect()
}

/// What the application says, and of a whole request also what its headers do.
fn claims(question: &Question) -> Claims {
    let Context {
        client,
        agent,
        method,
        path,
        host,
        user,
        request,
    } = &question.context;
    let claim = |text: &String| Claimed::new(text.clone());
    let told = |text: &String| (!text.is_empty()).then(|| Claimed::new(vec![text.clone()]));
    let mut headers: Vec<(String, Claimed<String>)> = match &question.shown {
        Shown::Values(_) => Vec::new(),
        Shown::Request(head, _) => head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), Claimed::new(value))
            })
            .collect(),
    };
    if headers.is_empty() && !request.is_empty() {
        // Where a drill's nonce is looked for.
        headers.push(("x-request-id".to_owned(), claim(request)));
    }
    Claims {
        method: claim(method),
        target: claim(path),
        host: claim(host),
        agent: claim(agent),
        forwarding: (!client.is_empty())
            .then(|| ("client".to_owned(), claim(client)))
            .into_iter()
            .collect(),
        headers,
        captured: [("app.user", told(user)), ("app.request", told(request))]
            .into_iter()
            .filter_map(|(name, told)| Some((name.to_owned(), told?)))
            .collect(),
    }
}
