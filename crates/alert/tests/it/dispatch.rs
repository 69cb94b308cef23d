//! The dispatcher, in paused time, with channels that do as they are told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lapwing_alert::{
    AlertError, Channel, ChannelError, Dispatcher, Message, Outbox, Pace, Sending, delivery,
};
use lapwing_core::{Clock, Delivery, DeliveryState, Occasion, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{STATION, TIME, incident};

/// Tokio's clock, paused or not, from [`TIME`] on.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(TIME.micros() + micros)
    }
}

#[derive(Default)]
struct Memory {
    deliveries: Mutex<Vec<Delivery>>,
    broken: AtomicBool,
}

impl Memory {
    fn get(&self, key: &str) -> Delivery {
        let all = self.deliveries.lock().unwrap();
        all.iter().find(|d| d.key == key).unwrap().clone()
    }

    fn all(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }
}

impl Outbox for Memory {
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, String> {
        let all = self.deliveries.lock().unwrap();
        let due = all
            .iter()
            .filter(|d| d.state == DeliveryState::Pending && d.due <= now);
        Ok(due.take(limit).cloned().collect())
    }

    fn update(&self, deliveries: &[Delivery]) -> Result<(), String> {
        if self.broken.load(Ordering::SeqCst) {
            return Err("disk full".to_owned());
        }
        let mut all = self.deliveries.lock().unwrap();
        for delivery in deliveries {
            *all.iter_mut().find(|d| d.key == delivery.key).unwrap() = delivery.clone();
        }
        Ok(())
    }

    fn enqueue(&self, deliveries: &[Delivery]) -> Result<(), String> {
        let mut all = self.deliveries.lock().unwrap();
        for delivery in deliveries {
            if !all.iter().any(|d| d.key == delivery.key) {
                all.push(delivery.clone());
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
enum Then {
    Take,
    Fail,
    Refuse,
    Panic,
    Hang(Duration),
}

/// Does the next of `script` for each message, then `rest`; notes when what was tried.
struct Scripted {
    name: &'static str,
    script: Mutex<VecDeque<Then>>,
    rest: Then,
    heartbeat: bool,
    log: Log,
}

type Log = Arc<Mutex<Vec<(Duration, String, Message)>>>;

impl Channel for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn heartbeat(&self) -> bool {
        self.heartbeat
    }

    fn send<'a>(&'a self, message: &'a Message, key: &'a str) -> Sending<'a> {
        let next = self.script.lock().unwrap().pop_front();
        Box::pin(async move {
            let seen = (now(), key.to_owned(), message.clone());
            self.log.lock().unwrap().push(seen);
            match next.unwrap_or_else(|| self.rest.clone()) {
                Then::Take => Ok(()),
                Then::Fail => Err(ChannelError::temporary("down", "look")),
                Then::Refuse => Err(ChannelError::permanent("never", "look")),
                Then::Panic => panic!("as told"),
                Then::Hang(time) => {
                    sleep(time).await;
                    Ok(())
                }
            }
        })
    }
}

fn now() -> Duration {
    ORIGIN.with(|origin| origin.get_or_init(Instant::now).elapsed())
}

thread_local! {
    static ORIGIN: std::cell::OnceCell<Instant> = const { std::cell::OnceCell::new() };
}

fn channel(name: &'static str, script: &[Then], rest: Then) -> (Box<dyn Channel>, Log) {
    let log = Log::default();
    let channel = Scripted {
        name,
        script: Mutex::new(script.to_vec().into()),
        rest,
        heartbeat: name == "beats",
        log: Arc::clone(&log),
    };
    (Box::new(channel), log)
}

struct Run {
    dispatcher: Arc<Dispatcher>,
    outbox: Arc<Memory>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn pace() -> Pace {
    Pace {
        heartbeat_seconds: 0,
        ..Pace::default()
    }
}

fn run(channels: Vec<Box<dyn Channel>>, pace: Pace, queued: &[Delivery]) -> Run {
    now();
    let outbox = Arc::new(Memory::default());
    outbox.enqueue(queued).unwrap();
    let clock = Arc::new(TestClock(Instant::now()));
    let dispatcher = Dispatcher::new(channels, outbox.clone(), clock, pace)
        .signed(STATION, || "the checkpoint".to_owned());
    let dispatcher = Arc::new(dispatcher);
    let (stop, stopped) = watch::channel(false);
    let runner = Arc::clone(&dispatcher);
    let task = tokio::spawn(async move { runner.run(stopped).await });
    Run {
        dispatcher,
        outbox,
        stop,
        task,
    }
}

fn queue(stem: &str, channel: &str, message: &Message) -> Delivery {
    delivery(stem, channel, message, TIME)
}

fn opened(stem: &str, channel: &str) -> Delivery {
    queue(stem, channel, &incident("opened", 1))
}

fn keys(log: &Log) -> Vec<String> {
    log.lock()
        .unwrap()
        .iter()
        .map(|(_, key, _)| key.clone())
        .collect()
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn tries_again_later_and_later() {
    let (mail, log) = channel("mail", &[Then::Fail, Then::Fail], Then::Take);
    let run = run(vec![mail], pace(), &[opened("i/opened/1", "mail")]);
    seconds(120).await;
    let times: Vec<f64> = log
        .lock()
        .unwrap()
        .iter()
        .map(|(at, ..)| at.as_secs_f64())
        .collect();
    assert_eq!(times.len(), 3, "{times:?}");
    assert!(times[0] < 0.1, "{times:?}");
    assert!((5.0..6.1).contains(&(times[1] - times[0])), "{times:?}");
    assert!((10.0..12.1).contains(&(times[2] - times[1])), "{times:?}");
    let delivery = run.outbox.get("i/opened/1@mail");
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Delivered, 3)
    );
    assert!(delivery.delivered.is_some() && delivery.error.is_empty());
    assert_eq!(
        keys(&log)[0],
        keys(&log)[2],
        "the same message, the same key"
    );
}

#[tokio::test(start_paused = true)]
async fn gives_up_aloud_once_for_each_episode() {
    let (mail, _) = channel("mail", &[], Then::Fail);
    let (hook, heard) = channel("hook", &[], Then::Take);
    let (page, paged) = channel("page", &[], Then::Take);
    let queued: Vec<_> = (0..5)
        .map(|n| opened(&format!("i{n}/opened/1"), "mail"))
        .collect();
    let run = run(
        vec![mail, hook, page],
        Pace {
            attempts: 4,
            ..pace()
        },
        &queued,
    );
    seconds(600).await;
    for delivery in &queued {
        let delivery = run.outbox.get(&delivery.key);
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Dead, 4)
        );
        assert_eq!(delivery.error, "down");
    }
    for log in [&heard, &paged] {
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 1, "{log:?}");
        let message = &log[0].2;
        assert_eq!(message.occasion, Occasion::Alarm);
        assert!(
            message
                .text
                .contains("`mail` has failed 3 times in a row: down"),
            "{}",
            message.text
        );
        assert_eq!(message.checkpoint, "the checkpoint");
        assert_eq!(message.station, STATION);
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_recovers_and_fails_again_is_a_new_episode() {
    let fails = [Then::Fail, Then::Fail, Then::Fail];
    let script = [&fails[..], &[Then::Take], &fails[..]].concat();
    let (mail, _) = channel("mail", &script, Then::Take);
    let (hook, heard) = channel("hook", &[], Then::Take);
    let run = run(vec![mail, hook], pace(), &[opened("i1/opened/1", "mail")]);
    seconds(300).await;
    assert_eq!(keys(&heard).len(), 1);
    run.outbox
        .enqueue(&[opened("i2/opened/1", "mail")])
        .unwrap();
    run.dispatcher.wake();
    seconds(300).await;
    let heard = keys(&heard);
    assert_eq!(heard.len(), 2);
    assert_ne!(heard[0], heard[1]);
    assert_eq!(
        run.outbox.get("i2/opened/1@mail").state,
        DeliveryState::Delivered
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_is_shouted_about_at_once() {
    let (mail, log) = channel("mail", &[Then::Refuse], Then::Take);
    let (hook, heard) = channel("hook", &[], Then::Take);
    let mut unreadable = opened("i2/opened/1", "hook");
    unreadable.message = serde_json::json!({"version": 9});
    let run = run(
        vec![mail, hook],
        pace(),
        &[opened("i1/opened/1", "mail"), unreadable],
    );
    seconds(4).await;
    assert_eq!(
        run.outbox.get("i1/opened/1@mail").state,
        DeliveryState::Dead
    );
    assert_eq!(
        run.outbox.get("i2/opened/1@hook").state,
        DeliveryState::Dead
    );
    let text = heard.lock().unwrap()[0].2.text.clone();
    assert!(
        text.contains("`mail` lost a message (opened) after 1 attempts: never"),
        "{text}"
    );
    assert!(keys(&log)[1].starts_with("alarm/hook/"), "{:?}", keys(&log));
}

#[tokio::test(start_paused = true)]
async fn a_slow_channel_delays_no_other() {
    let (slow, slow_log) = channel("slow", &[], Then::Hang(Duration::from_secs(3600)));
    let (mail, log) = channel("mail", &[], Then::Take);
    let mut queued: Vec<_> = (0..500).map(|n| opened(&format!("s{n}"), "slow")).collect();
    queued.push(opened("m", "mail"));
    let run = run(vec![slow, mail], pace(), &queued);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(keys(&log), ["m@mail"]);
    assert_eq!(keys(&slow_log).len(), 4, "bounded");
    run.outbox.enqueue(&[opened("n", "mail")]).unwrap();
    let woken = now();
    run.dispatcher.wake();
    sleep(Duration::from_millis(500)).await;
    let at = log.lock().unwrap()[1].0;
    assert!(at - woken < Duration::from_millis(250), "{:?}", at - woken);
    seconds(60).await;
    let cut = run
        .outbox
        .all()
        .into_iter()
        .find(|d| d.attempts == 1 && d.channel == "slow");
    assert_eq!(cut.unwrap().error, "not sent within 60 s");
}

#[tokio::test(start_paused = true)]
async fn first_alerts_go_first_and_canaries_take_turns() {
    let second = Duration::from_secs(1);
    let (mail, log) = channel("mail", &[], Then::Hang(second));
    let mut queued = vec![
        queue("h", "mail", &Message::heartbeat(STATION, TIME, 60, "")),
        queue("c", "mail", &incident("continued", 1)),
    ];
    queued.extend((0..20).map(|n| queue(&format!("flood{n:02}"), "mail", &incident("opened", 1))));
    queued.push(queue("quiet", "mail", &incident("opened", 2)));
    let run = run(
        vec![mail],
        Pace {
            parallel: 1,
            ..pace()
        },
        &queued,
    );
    seconds(40).await;
    let order = keys(&log);
    assert!(order[0].starts_with("flood"), "{order:?}");
    assert_eq!(order[1], "quiet@mail", "ahead of the flood's backlog");
    assert_eq!(order[21..], ["c@mail", "h@mail"]);
    assert!(
        run.outbox
            .all()
            .iter()
            .all(|d| d.state == DeliveryState::Delivered)
    );
}

#[tokio::test(start_paused = true)]
async fn one_place_is_kept_for_first_alerts() {
    let (mail, log) = channel("mail", &[], Then::Hang(Duration::from_secs(30)));
    let queued: Vec<_> = (0..10)
        .map(|n| queue(&format!("c{n}"), "mail", &incident("continued", 1)))
        .collect();
    let run = run(vec![mail], pace(), &queued);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(keys(&log).len(), 3);
    run.outbox.enqueue(&[opened("o", "mail")]).unwrap();
    run.dispatcher.wake();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(keys(&log)[3], "o@mail");
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_go_where_they_are_wanted_once_each() {
    let (beats, log) = channel("beats", &[], Then::Take);
    let (mail, silent) = channel("mail", &[], Then::Take);
    let pace = Pace {
        heartbeat_seconds: 3600,
        ..pace()
    };
    let run = run(vec![beats, mail], pace, &[]);
    seconds(3600 * 3 - 60).await;
    let log = log.lock().unwrap();
    // One at the start, and one at each full hour from there: 03:00, 04:00, 05:00.
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(
        log.iter()
            .all(|(_, _, m)| m.occasion == Occasion::Heartbeat)
    );
    assert!(silent.lock().unwrap().is_empty());
    drop(run);
}

#[tokio::test(start_paused = true)]
async fn messages_for_a_channel_that_is_gone_are_not_forgotten() {
    let (mail, log) = channel("mail", &[], Then::Take);
    let run = run(
        vec![mail],
        pace(),
        &[opened("i/opened/1", "pager"), opened("j", "pager")],
    );
    seconds(10).await;
    let lost = run.outbox.get("i/opened/1@pager");
    assert_eq!((lost.state, lost.attempts), (DeliveryState::Pending, 1));
    assert_eq!(lost.error, "no channel of this name is configured");
    seconds(13 * 3600).await;
    let lost = run.outbox.get("i/opened/1@pager");
    assert_eq!((lost.state, lost.attempts), (DeliveryState::Dead, 12));
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 1);
    assert!(
        log[0].2.text.contains("channel `pager`"),
        "{}",
        log[0].2.text
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_what_is_on_its_way_arrive() {
    for (hang, state) in [(5, DeliveryState::Delivered), (50, DeliveryState::Pending)] {
        let (mail, log) = channel("mail", &[], Then::Hang(Duration::from_secs(hang)));
        let queued: Vec<_> = (0..8).map(|n| opened(&format!("{n}"), "mail")).collect();
        let run = run(vec![mail], pace(), &queued);
        seconds(1).await;
        run.stop.send(true).unwrap();
        let began = Instant::now();
        run.task.await.unwrap();
        assert!(began.elapsed() <= Duration::from_millis(10_100));
        let begun = keys(&log);
        assert_eq!(begun.len(), 4);
        for delivery in run.outbox.all() {
            let expected = if begun.contains(&delivery.key) {
                state
            } else {
                DeliveryState::Pending
            };
            assert_eq!(delivery.state, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_cannot_be_written_makes_no_mail_loop() {
    let (mail, log) = channel("mail", &[], Then::Take);
    let run = run(vec![mail], pace(), &[]);
    run.outbox.broken.store(true, Ordering::SeqCst);
    run.outbox.enqueue(&[opened("i", "mail")]).unwrap();
    run.dispatcher.wake();
    seconds(60).await;
    assert_eq!(keys(&log).len(), 1);
    assert_eq!(run.outbox.get("i@mail").state, DeliveryState::Pending);
    run.outbox.broken.store(false, Ordering::SeqCst);
    seconds(10).await;
    assert_eq!(run.outbox.get("i@mail").state, DeliveryState::Delivered);
    assert_eq!(keys(&log).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_panics_is_a_channel_that_fails() {
    let (mail, log) = channel("mail", &[Then::Panic], Then::Take);
    let run = run(vec![mail], pace(), &[opened("i", "mail")]);
    seconds(20).await;
    assert_eq!(keys(&log).len(), 2);
    assert_eq!(run.outbox.get("i@mail").state, DeliveryState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_test_is_sent_at_once_and_says_what_happened() {
    let (mail, _) = channel("mail", &[], Then::Hang(Duration::from_secs(2)));
    let (hook, _) = channel("hook", &[], Then::Refuse);
    let run = run(vec![mail, hook], pace(), &[]);
    let test = Message::test(STATION, TIME, "");
    assert!(run.dispatcher.send_now("mail", &test).await.is_ok());
    let error = run.dispatcher.send_now("hook", &test).await.unwrap_err();
    assert!(matches!(error, AlertError::Send { .. }));
    assert_eq!(
        (error.to_string().as_str(), error.hint().as_str()),
        ("channel `hook`: never", "look")
    );
    let error = run.dispatcher.send_now("fax", &test).await.unwrap_err();
    assert_eq!(error.hint(), "the channels there are: mail, hook");
    assert_eq!(
        run.dispatcher.channels().collect::<Vec<_>>(),
        ["mail", "hook"]
    );
    assert!(run.outbox.all().is_empty());
}

fn drill(number: u64) -> Message {
    let mut value = incident("drill", 1).to_json();
    value["incident"]["trip"]["id"] = format!("0a1b2c3d-{number}").into();
    Message::from_json(&value).unwrap()
}

#[tokio::test(start_paused = true)]
async fn drills_of_many_canaries_go_together_and_each_is_accounted_for() {
    let (mail, log) = channel("mail", &[Then::Take, Then::Take, Then::Fail], Then::Take);
    let run = run(
        vec![mail],
        pace(),
        &[queue("t0", "mail", &drill(0)), opened("o", "mail")],
    );
    seconds(1).await;
    assert_eq!(
        keys(&log)[1..],
        ["t0@mail"],
        "alone and at once, behind the alert"
    );
    let many: Vec<_> = (1..=600)
        .map(|n| queue(&format!("t{n}"), "mail", &drill(n)))
        .collect();
    run.outbox.enqueue(&many).unwrap();
    run.dispatcher.wake();
    seconds(2).await;
    assert_eq!(keys(&log).len(), 2, "they wait for company");
    seconds(60).await;
    let sent = log.lock().unwrap();
    let drills: Vec<_> = sent[2..].iter().map(|(_, key, m)| (key, m)).collect();
    let mut trips: Vec<String> = drills
        .iter()
        .flat_map(|(_, message)| message.trips.iter().map(ToString::to_string))
        .collect();
    trips.sort();
    trips.dedup();
    assert_eq!(trips.len(), 600, "each drill is in some message");
    assert!(drills.len() <= 4, "{}", drills.len());
    for (_, message) in &drills {
        assert_eq!(message.occasion, Occasion::Drill);
        assert!(message.trips.len() <= 500);
        assert!(message.to_json().to_string().len() < 20_000);
        assert_eq!(Message::from_json(&message.to_json()).unwrap(), **message);
    }
    for delivery in run.outbox.all() {
        assert_eq!(delivery.state, DeliveryState::Delivered, "{}", delivery.key);
        if let Some(with) = delivery.folded {
            assert_eq!(
                run.outbox.get(&with).folded,
                None,
                "the one whose message it was"
            );
        }
    }
}
