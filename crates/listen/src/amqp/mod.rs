//! AMQP 0-9-1: RabbitMQ. Queues and exchanges that are asked for are there, what is published is recorded and
//! goes nowhere. (<https://www.rabbitmq.com/amqp-0-9-1-reference>; the broker's words as its source has them.)

mod wire;

use lapwing_core::Carrier;

use crate::visit::{Account, Act, Ended, Visit};
use wire::{BODY, HEADER, HEARTBEAT, METHOD, Reader, Value, long, method, short, table};

const PREAMBLE: &[u8] = b"AMQP\0\0\x09\x01";

/// Bytes of one published message that are kept; the rest is counted.
const KEPT: usize = 64 << 10;

const CAPABILITIES: &[(&str, Value<'_>)] = &[
    ("publisher_confirms", Value::Flag(true)),
    ("exchange_exchange_bindings", Value::Flag(true)),
    ("basic.nack", Value::Flag(true)),
    ("consumer_cancel_notify", Value::Flag(true)),
    ("connection.blocked", Value::Flag(true)),
    ("consumer_priorities", Value::Flag(true)),
    ("authentication_failure_close", Value::Flag(true)),
    ("per_consumer_qos", Value::Flag(true)),
    ("direct_reply_to", Value::Flag(true)),
];

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    visit.at_least(PREAMBLE.len()).await?;
    if &visit.peek()[..PREAMBLE.len()] != PREAMBLE {
        // What version there is; then the connection ends (4.2.2).
        let act = Act {
            protocol: "amqp".to_owned(),
            method: "GARBAGE".to_owned(),
            ..Act::default()
        };
        let left = visit.take(wire::LARGEST);
        let found = visit.recognise(&[(Carrier::Message, &left)]);
        visit.notice(found, act).await;
        return visit.send(PREAMBLE).await;
    }
    visit.take(PREAMBLE.len());
    let (version, erlang) = visit.station().system.release.rabbitmq;
    let cluster = format!(
        "rabbit@{}",
        visit
            .station()
            .hostname
            .split('.')
            .next()
            .unwrap_or("rabbit")
    );
    let platform = format!("Erlang/OTP {erlang}");
    let start = [
        vec![0, 9],
        table(&[
            ("capabilities", Value::Table(CAPABILITIES)),
            ("cluster_name", Value::Text(&cluster)),
            (
                "copyright",
                Value::Text("Copyright (c) 2007-2023 VMware, Inc. or its affiliates."),
            ),
            (
                "information",
                Value::Text("Licensed under the MPL 2.0. Website: https://rabbitmq.com"),
            ),
            ("platform", Value::Text(&platform)),
            ("product", Value::Text("RabbitMQ")),
            ("version", Value::Text(version)),
        ]),
        long(b"AMQPLAIN PLAIN"),
        long(b"en_US"),
    ];
    visit.send(&method(0, 10, 10, &start.concat())).await?;
    let mut session = Session {
        account: None,
        agent: String::new(),
        about: Vec::new(),
        host: String::new(),
        publishing: None,
        confirms: false,
        published: 0,
        queues: 0,
    };
    loop {
        let (kind, channel, end) = loop {
            match wire::frame(visit.peek()) {
                Ok(Some(frame)) => break frame,
                Ok(None) => visit.more().await?,
                Err(()) => return Ok(()),
            }
        };
        let frame = visit.take(end);
        let payload = &frame[7..end - 1];
        let answer = match kind {
            METHOD => session.method(visit, channel, payload).await,
            HEADER | BODY => Some(session.content(visit, channel, kind, payload).await),
            _ => Some(wire::write(HEARTBEAT, 0, &[])),
        };
        match answer {
            Some(answer) => visit.send(&answer).await?,
            None => return Ok(()),
        }
    }
}

struct Session {
    account: Option<Account>,
    agent: String,
    about: Vec<(String, String)>,
    host: String,
    publishing: Option<Publishing>,
    confirms: bool,
    published: u64,
    queues: u32,
}

/// A message whose content is still to come.
struct Publishing {
    exchange: String,
    key: String,
    /// Bytes announced; none before the header.
    size: Option<u64>,
    taken: u64,
    body: Vec<u8>,
}

impl Session {
    fn act(&self, method: &str) -> Act {
        Act {
            protocol: "amqp/0-9-1".to_owned(),
            method: method.to_owned(),
            target: self.host.clone(),
            agent: self.agent.clone(),
            about: self.about.clone(),
            traits: (self.about.iter())
                .filter(|(name, _)| name != "connection_name")
                .map(|(name, value)| format!("{name}={value}\n"))
                .collect(),
            decoy: self.account.as_ref().map(|own| own.decoy(true, method, 0)),
            ..Act::default()
        }
    }

    /// Records a method; gives what is answered. `None`: the connection ends.
    async fn method(&mut self, visit: &mut Visit, channel: u16, payload: &[u8]) -> Option<Vec<u8>> {
        let mut arguments = Reader(payload);
        let (class, number) = (arguments.number()?, arguments.number()?);
        match (class, number) {
            (10, 11) => return self.log_in(visit, &mut arguments).await,
            _ if self.account.is_none() => return None,
            // TuneOk: nothing to say.
            (10, 31) => return Some(Vec::new()),
            (60, 40) => {
                arguments.number();
                let (exchange, key) = (arguments.short()?, arguments.short()?);
                self.publishing = Some(Publishing {
                    exchange,
                    key,
                    size: None,
                    taken: 0,
                    body: Vec::new(),
                });
                return Some(Vec::new());
            }
            _ => {}
        }
        let Some((name, answer)) = self.obey(channel, class, number, &mut arguments) else {
            let act = self.act("UNKNOWN");
            visit.notice(Vec::new(), act).await;
            return None;
        };
        let mut act = self.act(name);
        let words: Vec<String> = texts(payload);
        words
            .iter()
            .for_each(|word| act.capture("amqp.name", word.as_str()));
        let parts: Vec<_> = words
            .iter()
            .map(|word| (Carrier::Name, word.as_bytes()))
            .collect();
        let found = visit.recognise(&parts);
        visit.notice(found, act).await;
        Some(answer)
    }

    /// StartOk (1.4.2.2).
    async fn log_in(&mut self, visit: &mut Visit, arguments: &mut Reader<'_>) -> Option<Vec<u8>> {
        let properties = arguments.table()?;
        let mechanism = arguments.short()?;
        let response = arguments.long()?;
        let (user, password) = credentials(&mechanism, response);
        self.about = properties;
        let said = |name: &str| {
            let mut all = self.about.iter();
            all.find(|(known, _)| known == name)
                .map_or("", |(_, text)| text.as_str())
        };
        self.agent = format!("{} {}", said("product"), said("version"))
            .trim()
            .to_owned();
        let closes = self.about.iter().any(|(name, _)| name == "product");
        let found = visit.recognise(&[(Carrier::User, &user), (Carrier::Password, &password)]);
        let account = visit.account(&found);
        let mut act = self.act("LOGIN");
        act.capture("login.user", String::from_utf8_lossy(&user));
        let mut opened = false;
        if let Some(account) = account {
            let right = account.is_user(&user) && account.knows(&password);
            act.decoy = Some(account.decoy(right, "LOGIN", 0));
            opened = right && account.opens(&password);
            if opened {
                self.account = Some(account);
                visit.remember(&found);
            }
        }
        visit.notice(found, act).await;
        if opened {
            let tune = [
                &2047u16.to_be_bytes()[..],
                &131_072u32.to_be_bytes(),
                &60u16.to_be_bytes(),
            ];
            return Some(method(0, 10, 30, &tune.concat()));
        }
        // Old clients, which do not announce the capability, only see the connection end.
        if !closes {
            return None;
        }
        let words = format!(
            "ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. For details see \
             the broker logfile."
        );
        Some(close(10, 50, 0, 403, &words, (0, 0)))
    }

    /// What a method is called, and what is answered to it.
    fn obey(
        &mut self,
        channel: u16,
        class: u16,
        number: u16,
        arguments: &mut Reader<'_>,
    ) -> Option<(&'static str, Vec<u8>)> {
        let answer = |number: u16, arguments: &[u8]| method(channel, class, number, arguments);
        Some(match (class, number) {
            (10, 40) => {
                self.host = arguments.short()?;
                ("OPEN", answer(41, &short("")))
            }
            (10, 50) => ("CLOSE", answer(51, &[])),
            (10, 51) => ("CLOSED", Vec::new()),
            (20, 10) => ("CHANNEL OPEN", answer(11, &long(b""))),
            (20, 20) => ("CHANNEL FLOW", answer(21, &[1])),
            (20, 40) => ("CHANNEL CLOSE", answer(41, &[])),
            (20, 41) => ("CHANNEL CLOSED", Vec::new()),
            (40, 10) => ("EXCHANGE DECLARE", answer(11, &[])),
            (40, 20) => ("EXCHANGE DELETE", answer(21, &[])),
            (40, 30) => ("EXCHANGE BIND", answer(31, &[])),
            (50, 10) => {
                arguments.number()?;
                let mut name = arguments.short()?;
                if name.is_empty() {
                    self.queues += 1;
                    name = format!(
                        "amq.gen-{}",
                        data_encoding::BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>())
                    );
                }
                (
                    "QUEUE DECLARE",
                    answer(11, &[short(&name), vec![0; 8]].concat()),
                )
            }
            (50, 20) => ("QUEUE BIND", answer(21, &[])),
            (50, 30) => ("QUEUE PURGE", answer(31, &[0; 4])),
            (50, 40) => ("QUEUE DELETE", answer(41, &[0; 4])),
            (50, 50) => ("QUEUE UNBIND", answer(51, &[])),
            (60, 10) => ("QOS", answer(11, &[])),
            (60, 20) => {
                arguments.number()?;
                arguments.short()?;
                let mut tag = arguments.short()?;
                if tag.is_empty() {
                    tag = format!(
                        "amq.ctag-{}",
                        data_encoding::BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>())
                    );
                }
                ("CONSUME", answer(21, &short(&tag)))
            }
            (60, 30) => ("CANCEL", answer(31, &short(&arguments.short()?))),
            (60, 70) => ("GET", answer(72, &short(""))),
            (60, 80 | 90 | 120) => ("ACKNOWLEDGE", Vec::new()),
            (60, 110) => ("RECOVER", answer(111, &[])),
            (85, 10) => {
                self.confirms = true;
                ("CONFIRM", answer(11, &[]))
            }
            (90, 10 | 20 | 30) => ("TRANSACTION", answer(number + 1, &[])),
            _ => return None,
        })
    }

    /// A message's header or a piece of its body; recorded when it is whole.
    async fn content(
        &mut self,
        visit: &mut Visit,
        channel: u16,
        kind: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let Some(message) = &mut self.publishing else {
            return Vec::new();
        };
        if kind == HEADER {
            let size = payload.get(4..12).and_then(|bytes| bytes.try_into().ok());
            message.size = Some(size.map_or(0, u64::from_be_bytes));
        } else {
            message.taken += payload.len() as u64;
            let room = KEPT.saturating_sub(message.body.len()).min(payload.len());
            message.body.extend_from_slice(&payload[..room]);
        }
        if message.size.is_none_or(|size| message.taken < size) {
            return Vec::new();
        }
        let Some(message) = self.publishing.take() else {
            return Vec::new();
        };
        let mut act = self.act("PUBLISH");
        act.capture("amqp.exchange", message.exchange);
        act.capture("amqp.key", message.key);
        act.capture("amqp.body", String::from_utf8_lossy(&message.body));
        let found = visit.recognise(&[(Carrier::Message, &message.body)]);
        visit.notice(found, act).await;
        self.published += 1;
        if !self.confirms {
            return Vec::new();
        }
        let tag = [&self.published.to_be_bytes()[..], &[0]].concat();
        method(channel, 60, 80, &tag)
    }
}

/// A close of a connection or channel, with the method it is about.
fn close(class: u16, number: u16, channel: u16, code: u16, words: &str, of: (u16, u16)) -> Vec<u8> {
    let arguments = [
        &code.to_be_bytes()[..],
        &short(words),
        &of.0.to_be_bytes(),
        &of.1.to_be_bytes(),
    ];
    method(channel, class, number, &arguments.concat())
}

/// User and password of `PLAIN` (RFC 4616) or `AMQPLAIN`, a table without its length.
fn credentials(mechanism: &str, response: &[u8]) -> (Vec<u8>, Vec<u8>) {
    if mechanism == "AMQPLAIN" {
        let whole = long(response);
        let table = Reader(&whole).table().unwrap_or_default();
        let of = |name: &str| {
            let mut all = table.iter();
            let found = all.find(|(known, _)| known == name);
            found
                .map(|(_, text)| text.clone().into_bytes())
                .unwrap_or_default()
        };
        return (of("LOGIN"), of("PASSWORD"));
    }
    let mut parts = response
        .split(|byte| *byte == 0)
        .skip(1)
        .map(<[u8]>::to_vec);
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

/// The names in a method's arguments, as far as they can be told: printable runs after their length.
fn texts(payload: &[u8]) -> Vec<String> {
    let (mut at, mut out) = (4, Vec::new());
    while let Some(&length) = payload.get(at) {
        let text = payload.get(at + 1..at + 1 + usize::from(length));
        let text = text.filter(|text| text.len() > 1 && text.iter().all(u8::is_ascii_graphic));
        at += 1 + text.map_or(0, <[u8]>::len);
        out.extend(text.map(|text| String::from_utf8_lossy(text).into_owned()));
    }
    out.truncate(8);
    out
}
