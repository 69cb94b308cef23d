//! SMPP: the gateway of a text service. It takes binds with planted logins, and every message that is
//! submitted under one; none is ever sent. (<https://smpp.org/SMPP_v3_4_Issue1_2.pdf>)

mod pdu;
mod text;

use lapwing_core::Carrier;

use crate::visit::{Account, Act, Ended, Visit};
use pdu::{ANSWER, Form, HEADER, Header};

/// Statuses (5.1.3).
const OK: u32 = 0;
const INVALID_COMMAND_LENGTH: u32 = 0x02;
const INVALID_COMMAND: u32 = 0x03;
const WRONG_BIND_STATE: u32 = 0x04;
const ALREADY_BOUND: u32 = 0x05;
/// Said to a wrong password, an unknown and a retired login alike.
const BIND_FAILED: u32 = 0x0d;
const INVALID_MESSAGE_ID: u32 = 0x0c;

const UNBIND: u32 = 0x06;
const ENQUIRE_LINK: u32 = 0x15;
const NACK: u32 = 0x8000_0000;

/// What gateways call themselves.
const NAMES: &[&str] = &[
    "SMSC",
    "SMPPSim",
    "smsc",
    "SMPP",
    "MelroseLabsSMSC",
    "smppgw",
];

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let mut session = Session {
        account: None,
        version: 0x34,
        system: String::new(),
        kind: String::new(),
    };
    loop {
        visit.at_least(HEADER).await?;
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(&visit.peek()[..HEADER]);
        let Some(header) = pdu::header(&bytes) else {
            // All that came: bait may stand in it.
            visit.take(usize::MAX);
            let (found, act) = (visit.recognise_taken(), session.act("GARBAGE"));
            visit.notice(found, act).await;
            visit
                .send(&pdu::packet(NACK, INVALID_COMMAND_LENGTH, 0, &[]))
                .await?;
            return Ok(());
        };
        let body = visit.exact(header.length).await?.split_off(HEADER);
        match header.command {
            // A sign of life: part of what comes next.
            ENQUIRE_LINK => {
                let answer = pdu::packet(ANSWER | ENQUIRE_LINK, OK, header.sequence, &[]);
                visit.send(&answer).await?;
            }
            command if command & ANSWER != 0 => {}
            _ => {
                let answer = session.answer(visit, header, &body).await;
                visit.send(&answer).await?;
                if header.command == UNBIND {
                    return Ok(());
                }
            }
        }
    }
}

struct Session {
    account: Option<Account>,
    version: u8,
    /// As the bind had them.
    system: String,
    kind: String,
}

impl Session {
    fn act(&self, method: &str) -> Act {
        let version = if self.version < 0x34 {
            0x33
        } else {
            self.version
        };
        Act {
            protocol: format!("smpp/{}.{}", version >> 4, version & 15),
            method: method.to_owned(),
            target: self.system.clone(),
            about: (!self.kind.is_empty())
                .then(|| ("system_type".to_owned(), self.kind.clone()))
                .into_iter()
                .collect(),
            // What a client library sets if nobody tells it otherwise.
            traits: format!("{:#x} {}", self.version, self.kind),
            ..Act::default()
        }
    }

    /// Records a request; gives its answer.
    async fn answer(&mut self, visit: &mut Visit, header: Header, body: &[u8]) -> Vec<u8> {
        let (status, answer) = match (header.command, &self.account) {
            (1 | 2 | 9, _) => self.bind(visit, header.command, body).await,
            (0x04 | 0x21 | 0x103, Some(_)) => self.submit(visit, header.command, body).await,
            (command, _) => self.other(visit, command, body).await,
        };
        let command = match status {
            INVALID_COMMAND => NACK,
            _ => ANSWER | header.command,
        };
        pdu::packet(command, status, header.sequence, &answer)
    }

    async fn bind(&mut self, visit: &mut Visit, command: u32, body: &[u8]) -> (u32, Vec<u8>) {
        let method = match command {
            1 => "BIND_RECEIVER",
            2 => "BIND_TRANSMITTER",
            _ => "BIND_TRANSCEIVER",
        };
        let bound = self.account.is_some();
        let bind = pdu::bind(body).unwrap_or_default();
        let found = visit.recognise(&[
            (Carrier::User, bind.system),
            (Carrier::Password, bind.password),
        ]);
        let account = visit.account(&found);
        if !bound {
            self.version = bind.version;
            self.system = String::from_utf8_lossy(bind.system).into_owned();
            self.kind = String::from_utf8_lossy(bind.kind).into_owned();
        }
        let mut act = self.act(method);
        act.capture("login.user", String::from_utf8_lossy(bind.system));
        let mut status = if bound { ALREADY_BOUND } else { BIND_FAILED };
        if let Some(account) = account {
            let right = account.is_user(bind.system) && account.knows(bind.password);
            act.decoy = Some(account.decoy(right, method, 0));
            if !bound && right && account.opens(bind.password) {
                status = OK;
                self.account = Some(account);
                visit.remember(&found);
            }
        }
        visit.notice(found, act).await;
        if status != OK {
            return (status, Vec::new());
        }
        let system = &visit.station().system;
        let name =
            NAMES[usize::try_from(system.number("smsc", 0, NAMES.len() as u64)).unwrap_or(0)];
        let mut answer = name.as_bytes().to_vec();
        answer.push(0);
        if self.version >= 0x34 {
            answer.extend_from_slice(&pdu::INTERFACE_VERSION.to_be_bytes());
            answer.extend_from_slice(&[0, 1, 0x34]);
        }
        (OK, answer)
    }

    async fn submit(&self, visit: &mut Visit, command: u32, body: &[u8]) -> (u32, Vec<u8>) {
        let (form, method) = match command {
            0x04 => (Form::Submit, "SUBMIT_SM"),
            0x21 => (Form::Several, "SUBMIT_MULTI"),
            _ => (Form::Data, "DATA_SM"),
        };
        let message = pdu::message(form, body);
        let mut act = self.act(method);
        let mut found = Vec::new();
        if let Some(message) = &message {
            found = visit.recognise(&[(Carrier::Message, message.text.as_bytes())]);
            act.capture("sms.from", message.from.as_str());
            message
                .to
                .iter()
                .for_each(|to| act.capture("sms.to", to.as_str()));
            act.capture("sms.body", message.text.as_str());
        }
        act.decoy = self.account.as_ref().map(|own| own.decoy(true, method, 0));
        visit.notice(found, act).await;
        if message.is_none() {
            return (INVALID_COMMAND_LENGTH, Vec::new());
        }
        let mut answer = format!("{:08X}", rand::random::<u32>()).into_bytes();
        answer.push(0);
        if form == Form::Several {
            // Nobody was left out.
            answer.push(0);
        }
        (OK, answer)
    }

    async fn other(&self, visit: &mut Visit, command: u32, body: &[u8]) -> (u32, Vec<u8>) {
        let (method, needs_login) = match command {
            0x03 => ("QUERY_SM", true),
            0x04 => ("SUBMIT_SM", true),
            UNBIND => ("UNBIND", false),
            0x07 => ("REPLACE_SM", true),
            0x08 => ("CANCEL_SM", true),
            0x21 => ("SUBMIT_MULTI", true),
            0x103 => ("DATA_SM", true),
            _ => ("UNKNOWN", false),
        };
        let mut act = self.act(method);
        if let Some(id) = pdu::message_id(body, command).filter(|_| needs_login) {
            act.capture("sms.id", id);
        }
        let found = visit.recognise(&[(Carrier::Message, body)]);
        act.decoy = self.account.as_ref().map(|own| own.decoy(true, method, 0));
        visit.notice(found, act).await;
        let status = match command {
            UNBIND => OK,
            _ if needs_login && self.account.is_none() => WRONG_BIND_STATE,
            _ if needs_login => INVALID_MESSAGE_ID,
            _ => INVALID_COMMAND,
        };
        (status, Vec::new())
    }
}
