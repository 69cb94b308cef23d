//! From the outbox to the channels. Each channel has a lane of its own, so that a dead or slow one
//! delays no other.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_core::{Clock, Delivery, DeliveryState, StationId, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::channel::delivery;
use crate::lane::{self, Lane};
use crate::{AlertError, Channel, ChannelError, Message, Outbox, Pace};

/// How often deliveries to channels that are no longer configured are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// How many deliveries such a look takes.
const SWEEP_PAGE: usize = 4096;

/// Takes queued messages to their channels, each until it arrived or is given up.
///
/// At least once: what became of a message is noted after it was sent, so that a crash in between
/// sends it again, under the same id.
pub struct Dispatcher {
    post: Post,
}

impl Dispatcher {
    /// Over these channels and this outbox. Nothing happens before [`Dispatcher::run`].
    #[must_use]
    pub fn new(
        channels: Vec<Box<dyn Channel>>,
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        pace: Pace,
    ) -> Self {
        let lanes = channels
            .into_iter()
            .map(|channel| Arc::new(Lane::new(channel.into())));
        Self {
            post: Post {
                lanes: lanes.collect(),
                outbox,
                clock,
                pace,
                station: StationId::new(0),
                checkpoint: Arc::new(String::new),
            },
        }
    }

    /// Says whose alarms and signs of life these are, and where the newest checkpoint comes from.
    #[must_use]
    pub fn signed(
        mut self,
        station: StationId,
        checkpoint: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.post.station = station;
        self.post.checkpoint = Arc::new(checkpoint);
        self
    }

    /// The names of the channels, as configured.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.post.lanes.iter().map(|lane| lane.name())
    }

    /// New deliveries are queued: looks at once.
    pub fn wake(&self) {
        self.post.wake();
    }

    /// Works until `stop` turns true (or its sender is gone), then lets what is on its way arrive,
    /// for [`Pace::drain_seconds`] at most.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for lane in self.post.lanes.iter() {
            tasks.spawn(lane::run(self.post.clone(), Arc::clone(lane), stop.clone()));
        }
        tasks.spawn(tend(self.post.clone(), stop));
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a channel's task ended");
            }
        }
    }

    /// Sends one message at once, past the outbox, and says how long it took until the channel had
    /// it.
    ///
    /// # Errors
    /// No such channel, or the channel did not take it; [`AlertError::hint`] says what next.
    pub async fn send_now(&self, channel: &str, message: &Message) -> Result<Duration, AlertError> {
        let lane = self.post.lanes.iter().find(|lane| lane.name() == channel);
        let lane = lane.ok_or_else(|| AlertError::UnknownChannel {
            name: channel.to_owned(),
            known: self.channels().map(str::to_owned).collect(),
        })?;
        let key = format!(
            "now/{}/{}@{channel}",
            message.occasion,
            self.post.clock.now().micros()
        );
        let started = Instant::now();
        let limit = Duration::from_secs(self.post.pace.send_seconds);
        match tokio::time::timeout(limit, lane.channel.send(message, &key)).await {
            Ok(Ok(())) => Ok(started.elapsed()),
            Ok(Err(source)) => Err(source),
            Err(_) => Err(lane::too_slow(limit)),
        }
        .map_err(|source: ChannelError| AlertError::Send {
            channel: channel.to_owned(),
            source,
        })
    }
}

/// What every task of a dispatcher shares.
#[derive(Clone)]
pub(crate) struct Post {
    lanes: Arc<[Arc<Lane>]>,
    outbox: Arc<dyn Outbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
    station: StationId,
    checkpoint: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Post {
    /// Asks the outbox, on a thread that may block.
    pub(crate) async fn outbox<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Outbox) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let outbox = Arc::clone(&self.outbox);
        tokio::task::spawn_blocking(move || work(&*outbox))
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
    }

    fn wake(&self) {
        for lane in self.lanes.iter() {
            lane.wake.notify_one();
        }
    }

    /// Shouts about a failing channel through every other. `episode` is when it began to fail: one
    /// alarm for each. Returns whether it is queued.
    pub(crate) async fn alarm(
        &self,
        failing: &str,
        episode: Timestamp,
        what: &str,
        hint: &str,
    ) -> bool {
        tracing::error!(channel = failing, hint, "{what}");
        let test = format!("Then try it: lapwing alert test {failing}");
        let next: Vec<&str> = [hint, &test]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect();
        let now = self.clock.now();
        let message = Message::alarm(self.station, now, what, &next, &(self.checkpoint)());
        let stem = format!("alarm/{failing}/{}", episode.micros());
        let others = self.lanes.iter().filter(|lane| lane.name() != failing);
        let alarms: Vec<Delivery> = others
            .map(|lane| delivery(&stem, lane.name(), &message, now))
            .collect();
        if alarms.is_empty() {
            tracing::error!(channel = failing, "there is no other channel to say so");
            return true;
        }
        let queued = self.outbox(move |outbox| outbox.enqueue(&alarms)).await;
        if let Err(error) = &queued {
            tracing::error!(error, "cannot queue the alarm");
        }
        self.wake();
        queued.is_ok()
    }

    /// Queues a sign of life for the channels that want it: one for each stretch of
    /// `heartbeat_seconds`, however often this is called.
    async fn beat(&self) {
        let every = self.pace.heartbeat_seconds;
        let Some(beat) = self.now_in(every) else {
            return;
        };
        let now = self.clock.now();
        let wanting = self.lanes.iter().filter(|lane| lane.channel.heartbeat());
        let message = Message::heartbeat(self.station, now, every, &(self.checkpoint)());
        let stem = format!("heartbeat/{}/{every}/{beat}", self.station);
        let beats: Vec<Delivery> = wanting
            .map(|lane| delivery(&stem, lane.name(), &message, now))
            .collect();
        if beats.is_empty() {
            return;
        }
        match self.outbox(move |outbox| outbox.enqueue(&beats)).await {
            Ok(()) => self.wake(),
            Err(error) => tracing::error!(error, "cannot queue the sign of life"),
        }
    }

    /// Which stretch of so many seconds it is now; none if there are none.
    fn now_in(&self, seconds: u64) -> Option<i64> {
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(self.clock.now().seconds().div_euclid(seconds))
    }

    /// Messages for channels that are no longer there fail like others, slowly: the operator may
    /// have mistyped a name. `told` keeps the names already shouted about.
    async fn sweep(&self, told: &mut HashSet<String>) {
        let now = self.clock.now();
        let due = self.outbox(move |outbox| outbox.due(now, SWEEP_PAGE)).await;
        let due = due.unwrap_or_else(|error| {
            tracing::error!(error, "cannot read the outbox");
            Vec::new()
        });
        let known: HashSet<&str> = self.lanes.iter().map(|lane| lane.name()).collect();
        for mut lost in due {
            if known.contains(lost.channel.as_str()) {
                continue;
            }
            let pause = i64::try_from(self.pace.retry_max_seconds).unwrap_or(i64::MAX);
            lost.attempts = lost.attempts.saturating_add(1);
            lost.due = now.plus_seconds(pause);
            "no channel of this name is configured".clone_into(&mut lost.error);
            if lost.attempts >= self.pace.attempts.max(1) {
                lost.state = DeliveryState::Dead;
            }
            let channel = lost.channel.clone();
            if let Err(error) = self.outbox(move |outbox| outbox.update(&[lost])).await {
                tracing::error!(error, "cannot write to the outbox");
                return;
            }
            if told.insert(channel.clone()) {
                let what =
                    format!("Messages wait for channel `{channel}`, which is not configured.");
                let hint = "Configure it in lapwing.toml again, or take note that they are lost.";
                self.alarm(&channel, now, &what, hint).await;
            }
        }
    }
}

/// Resolves when `stop` turned true or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Either way it is time to stop; the borrowed value must not live on.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Signs of life and lost deliveries.
async fn tend(post: Post, mut stop: watch::Receiver<bool>) {
    let mut told = HashSet::new();
    loop {
        post.beat().await;
        post.sweep(&mut told).await;
        let every = post.pace.heartbeat_seconds;
        let second = post.clock.now().seconds().unsigned_abs();
        let pause = match every {
            0 => SWEEP,
            every => SWEEP.min(Duration::from_secs(every - second % every)),
        };
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
