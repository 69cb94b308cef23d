//! One channel's deliveries: which goes next, when again, and when to shout.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lapwing_core::{Delivery, DeliveryState, Occasion, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::channel::stable_id;
use crate::dispatch::{Post, stopped};
use crate::message::FOLDED;
use crate::outbox::urgency;
use crate::{AlertError, Channel, ChannelError, Message};

/// Most deliveries held in memory. Large, so that the first alert of a quiet canary is seen behind
/// those of a flooded one.
const PAGE: usize = 4096;
/// While there is work at hand the outbox is not read more often than this.
const BREATH: Duration = Duration::from_millis(200);
/// Most canaries whose turns are remembered.
const TURNS: usize = 10_000;

/// A channel and its bell.
pub(crate) struct Lane {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) wake: Notify,
}

impl Lane {
    pub(crate) fn new(channel: Arc<dyn Channel>) -> Self {
        Self {
            channel,
            wake: Notify::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.channel.name()
    }
}

/// The error of a send that was cut off.
pub(crate) fn too_slow(limit: Duration) -> ChannelError {
    ChannelError::temporary(
        format!("not sent within {} s", limit.as_secs()),
        "check the other side",
    )
}

/// Works through one channel's deliveries until `stop`.
pub(crate) async fn run(post: Post, lane: Arc<Lane>, mut stop: watch::Receiver<bool>) {
    let mut work = Work::new(post, lane);
    loop {
        work.save().await;
        work.fetch().await;
        work.start().await;
        let wait = work.wait();
        let lane = Arc::clone(&work.lane);
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = work.sending.join_next_with_id() => work.finish(ended).await,
            () = lane.wake.notified() => work.stale = true,
            () = tokio::time::sleep(wait) => work.stale = true,
        }
    }
    let limit = Duration::from_secs(work.post.pace.drain_seconds);
    let drained = tokio::time::timeout(limit, work.drain()).await;
    if drained.is_err() {
        let left = work.sending.len();
        tracing::warn!(
            channel = work.lane.name(),
            left,
            "stopped before these were sent"
        );
    }
}

type Ended = Result<(Id, Result<(), ChannelError>), JoinError>;

struct Work {
    post: Post,
    lane: Arc<Lane>,
    /// Read from the outbox and not begun.
    ready: Vec<Delivery>,
    /// Whether the outbox may hold what is not in `ready`.
    stale: bool,
    /// Whether it certainly held more than fits: read on when `ready` is used up.
    more: bool,
    fetched: Option<Instant>,
    sending: JoinSet<Result<(), ChannelError>>,
    /// What `sending` is about: one delivery, or drills that go together.
    begun: HashMap<Id, Vec<Delivery>>,
    /// Sent, but the outbox does not know it yet. Never sent again by this process.
    unsaved: HashMap<String, Delivery>,
    /// When failed ones are due again, as far as known.
    again: BTreeSet<Timestamp>,
    /// How often each canary had its turn since the lane was last empty.
    turns: HashMap<String, u32>,
    /// When the last message about drills was begun.
    drilled: Option<Instant>,
    /// Failures in a row, and when the first of them was.
    failures: u32,
    episode: Option<Timestamp>,
    alarmed: bool,
}

impl Work {
    fn new(post: Post, lane: Arc<Lane>) -> Self {
        Self {
            post,
            lane,
            ready: Vec::new(),
            stale: true,
            more: false,
            fetched: None,
            sending: JoinSet::new(),
            begun: HashMap::new(),
            unsaved: HashMap::new(),
            again: BTreeSet::new(),
            turns: HashMap::new(),
            drilled: None,
            failures: 0,
            episode: None,
            alarmed: false,
        }
    }

    /// Reads what is due, unless nothing changed or it was read a moment ago.
    async fn fetch(&mut self) {
        let breath = self.fetched.is_none_or(|at| at.elapsed() >= BREATH);
        let empty = self.ready.is_empty();
        if !(self.stale && breath || empty && (self.stale || self.more)) {
            return;
        }
        let now = self.post.clock.now();
        let name = self.lane.name().to_owned();
        let found = self
            .post
            .outbox(move |outbox| outbox.due_for(&name, now, PAGE))
            .await;
        self.fetched = Some(Instant::now());
        self.again = self.again.split_off(&now);
        self.again.remove(&now);
        match found {
            Ok(found) => {
                let begun: HashSet<&str> = self
                    .begun
                    .values()
                    .flatten()
                    .map(|d| d.key.as_str())
                    .collect();
                self.stale = false;
                self.more = found.len() >= PAGE;
                self.ready = found;
                self.ready.retain(|d| {
                    !begun.contains(d.key.as_str()) && !self.unsaved.contains_key(&d.key)
                });
            }
            Err(error) => {
                self.stale = false;
                tracing::error!(channel = self.lane.name(), error, "cannot read the outbox");
            }
        }
    }

    /// Begins as many as may be on their way.
    async fn start(&mut self) {
        while let Some(index) = self.pick() {
            let first = self.ready.swap_remove(index);
            if let Some(canary) = canary(&first) {
                if self.turns.len() >= TURNS {
                    self.turns.clear();
                }
                *self.turns.entry(canary.to_owned()).or_default() += 1;
            }
            let together = self.together(first);
            let (message, key) = match compose(&together) {
                Ok(composed) => composed,
                Err(error) => {
                    let error = ChannelError::permanent(error.to_string(), "");
                    self.settle(together, Err(error)).await;
                    continue;
                }
            };
            let channel = Arc::clone(&self.lane.channel);
            let limit = Duration::from_secs(self.post.pace.send_seconds);
            let task = self.sending.spawn(async move {
                tokio::time::timeout(limit, channel.send(&message, &key))
                    .await
                    .unwrap_or_else(|_| Err(too_slow(limit)))
            });
            self.begun.insert(task.id(), together);
        }
        if self.ready.is_empty() && self.begun.is_empty() {
            self.turns.clear();
        }
    }

    /// A delivery and, if it is a drill's, the others that wait.
    fn together(&mut self, first: Delivery) -> Vec<Delivery> {
        if !folds(&first) {
            return vec![first];
        }
        self.drilled = Some(Instant::now());
        let key = first.key.clone();
        let mut together = vec![first];
        let mut rest = Vec::with_capacity(self.ready.len());
        for delivery in self.ready.drain(..) {
            // What cannot be read fails by itself.
            if together.len() < FOLDED && folds(&delivery) {
                together.push(Delivery {
                    folded: Some(key.clone()),
                    ..delivery
                });
            } else {
                rest.push(delivery);
            }
        }
        self.ready = rest;
        together
    }

    /// How long drills still wait for company.
    fn drills_rest(&self) -> Duration {
        let pause = Duration::from_secs(self.post.pace.drill_seconds);
        self.drilled
            .map_or(Duration::ZERO, |at| pause.saturating_sub(at.elapsed()))
    }

    /// The next to begin: the most urgent occasion, then the canary that had the fewest turns, then
    /// the oldest. None if enough are on their way: one at a time while the channel is failing, and
    /// one place is kept free for first alerts.
    fn pick(&self) -> Option<usize> {
        let busy = self.begun.len();
        let parallel = if self.failures >= self.post.pace.alarm_after.max(1) {
            1
        } else {
            self.post.pace.parallel.max(1)
        };
        if busy >= parallel {
            return None;
        }
        let last_place = parallel > 1 && busy + 1 == parallel;
        let drills = self.drills_rest().is_zero();
        let candidates = self.ready.iter().enumerate().filter(|(_, d)| {
            (!last_place || d.occasion == Occasion::Opened)
                && (drills || d.occasion != Occasion::Drill)
        });
        candidates
            .min_by_key(|(_, d)| {
                let turns = canary(d).and_then(|canary| self.turns.get(canary)).copied();
                (urgency(d.occasion), turns.unwrap_or(0), d.queued)
            })
            .map(|(index, _)| index)
    }

    /// How long nothing is to be done unless something happens.
    fn wait(&self) -> Duration {
        let mut poll = Duration::from_secs(self.post.pace.poll_seconds.max(1));
        let drills = self.drills_rest();
        if !drills.is_zero() && self.ready.iter().any(|d| d.occasion == Occasion::Drill) {
            poll = poll.min(drills);
        }
        if self.stale && !self.ready.is_empty() {
            return BREATH;
        }
        let now = self.post.clock.now();
        let again = self.again.first().map(|due| {
            Duration::from_micros(
                due.micros()
                    .saturating_sub(now.micros())
                    .max(1000)
                    .unsigned_abs(),
            )
        });
        again.map_or(poll, |again| poll.min(again))
    }

    async fn finish(&mut self, ended: Ended) {
        let (id, result) = match ended {
            Ok(ended) => ended,
            Err(error) => (
                error.id(),
                Err(ChannelError::temporary(
                    "the channel's code failed",
                    "report this",
                )),
            ),
        };
        if let Some(deliveries) = self.begun.remove(&id) {
            self.settle(deliveries, result).await;
        }
    }

    /// Notes what became of deliveries that went together, and what that says about the channel.
    async fn settle(&mut self, deliveries: Vec<Delivery>, result: Result<(), ChannelError>) {
        let mut dead = None;
        for delivery in deliveries {
            let delivery = self.judged(delivery, &result);
            if delivery.state == DeliveryState::Dead {
                dead = Some((delivery.occasion, delivery.attempts));
            }
            self.unsaved.insert(delivery.key.clone(), delivery);
        }
        self.save().await;
        match result {
            Ok(()) => self.recovered(),
            Err(error) => self.failed(&error, dead).await,
        }
    }

    /// A delivery after an attempt.
    fn judged(&mut self, mut delivery: Delivery, result: &Result<(), ChannelError>) -> Delivery {
        let now = self.post.clock.now();
        delivery.attempts = delivery.attempts.saturating_add(1);
        match result {
            Ok(()) => {
                delivery.state = DeliveryState::Delivered;
                delivery.delivered = Some(now);
                delivery.error.clear();
            }
            Err(error) => {
                // The next attempt may have other company.
                delivery.folded = None;
                delivery.error = error.to_string();
                let last = delivery.attempts >= self.post.pace.attempts.max(1);
                if error.is_permanent() || last {
                    delivery.state = DeliveryState::Dead;
                } else {
                    let pause = self.post.pace.pause(delivery.attempts);
                    let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                    delivery.due = Timestamp::from_micros(now.micros().saturating_add(micros));
                    self.again.insert(delivery.due);
                }
            }
        }
        delivery
    }

    /// Writes to the outbox what it does not know yet.
    async fn save(&mut self) {
        if self.unsaved.is_empty() {
            return;
        }
        let unsaved: Vec<Delivery> = self.unsaved.values().cloned().collect();
        let saved = self.post.outbox(move |outbox| outbox.update(&unsaved));
        match saved.await {
            Ok(()) => self.unsaved.clear(),
            Err(error) => {
                tracing::error!(
                    channel = self.lane.name(),
                    error,
                    "cannot write to the outbox"
                );
            }
        }
    }

    fn recovered(&mut self) {
        if self.alarmed {
            let failures = self.failures;
            tracing::info!(
                channel = self.lane.name(),
                failures,
                "the channel works again"
            );
        }
        self.failures = 0;
        self.episode = None;
        self.alarmed = false;
    }

    async fn failed(&mut self, error: &ChannelError, dead: Option<(Occasion, u32)>) {
        let name = self.lane.name().to_owned();
        self.failures = self.failures.saturating_add(1);
        let episode = *self.episode.get_or_insert_with(|| self.post.clock.now());
        tracing::warn!(channel = name, failures = self.failures, %error, "not sent");
        if self.alarmed {
            return;
        }
        let what = match dead {
            Some((occasion, attempts)) => format!(
                "Channel `{name}` lost a message ({occasion}) after {attempts} attempts: {error}"
            ),
            None if self.failures >= self.post.pace.alarm_after.max(1) => format!(
                "Channel `{name}` has failed {} times in a row: {error}",
                self.failures
            ),
            None => return,
        };
        self.alarmed = self.post.alarm(&name, episode, &what, error.hint()).await;
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.sending.join_next_with_id().await {
            self.finish(ended).await;
        }
        self.save().await;
    }
}

/// The message of deliveries that go together, and what it is sent under.
fn compose(together: &[Delivery]) -> Result<(Message, String), AlertError> {
    let messages = together
        .iter()
        .map(|delivery| Message::from_json(&delivery.message))
        .collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<&str> = together.iter().map(|d| d.key.as_str()).collect();
    if let ([message], [key]) = (messages.as_slice(), keys.as_slice()) {
        return Ok((message.clone(), (*key).to_owned()));
    }
    let message = Message::folded(&messages)
        .ok_or_else(|| AlertError::Message(serde::de::Error::custom("not only drills")))?;
    // Another company is another message.
    let id = stable_id(&message, &keys.join("\n"));
    Ok((message, format!("{}+{id}", keys[0])))
}

/// Whether a delivery may go together with others: a drill's that can be read.
fn folds(delivery: &Delivery) -> bool {
    delivery.occasion == Occasion::Drill
        && Message::from_json(&delivery.message).is_ok_and(|message| message.incident.is_some())
}

/// The canary a delivery is about, as its message says.
fn canary(delivery: &Delivery) -> Option<&str> {
    delivery.message.pointer("/incident/bait/canary")?.as_str()
}
