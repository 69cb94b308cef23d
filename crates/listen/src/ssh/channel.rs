//! Channels of a session: what runs in one, and how much may be sent in it. (RFC 4254 section 5)

use super::sftp::Sftp;
use super::shell::Shell;
use super::transport::Transport;
use super::wire::Message;

const DATA: u8 = 94;
const EXTENDED_DATA: u8 = 95;
const WINDOW_ADJUST: u8 = 93;
const EOF: u8 = 96;
const CLOSE: u8 = 97;
const REQUEST: u8 = 98;

/// Our window, and the longest packet we take, as OpenSSH's `CHAN_SES_WINDOW_DEFAULT` and `CHAN_SES_PACKET_DEFAULT`.
pub(super) const WINDOW: u32 = 2 << 20;
pub(super) const PACKET: u32 = 32 << 10;
/// Bytes that wait for a client's window; more ends the connection.
const WAITING: usize = 1 << 20;

/// What runs in a channel.
pub(super) enum Program {
    /// Nothing yet.
    None,
    Shell(Box<Shell>),
    Sftp(Box<Sftp>),
    /// It is over.
    Done,
}

pub(super) struct Channel {
    theirs: u32,
    /// How much the client takes, altogether and in a packet.
    window: u32,
    longest: u32,
    /// What it sent since it was last told that it may send more.
    taken: u32,
    /// What waits for the window, and whether it is of the standard error.
    waiting: Vec<(bool, Vec<u8>)>,
    pub(super) program: Program,
    pub(super) terminal: bool,
    exit: Option<u8>,
    pub(super) closed: bool,
    /// Whether the client closed it too.
    pub(super) forgotten: bool,
}

impl Channel {
    pub(super) fn new(theirs: u32, window: u32, longest: u32) -> Self {
        Self {
            theirs,
            window,
            longest: longest.clamp(1, PACKET),
            taken: 0,
            waiting: Vec::new(),
            program: Program::None,
            terminal: false,
            exit: None,
            closed: false,
            forgotten: false,
        }
    }

    pub(super) fn widen(&mut self, bytes: u32) {
        self.window = self.window.saturating_add(bytes);
    }

    /// Counts what came; the client may send as much again once half of the window is used.
    pub(super) fn took(&mut self, bytes: usize, transport: &mut Transport<'_>) {
        self.taken = self
            .taken
            .saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.taken > WINDOW / 2 {
            let message = Message::new(WINDOW_ADJUST).number(self.theirs);
            transport.push(&message.number(self.taken).0);
            self.taken = 0;
        }
    }

    /// Has bytes sent when there is room.
    pub(super) fn say(&mut self, error: bool, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.waiting.push((error, bytes));
        }
    }

    /// Its program is over.
    pub(super) fn exit(&mut self, status: u8) {
        self.program = Program::Done;
        self.exit.get_or_insert(status);
    }

    /// Answers a request.
    pub(super) fn reply(&self, done: bool, transport: &mut Transport<'_>) {
        const SUCCESS: u8 = 99;
        const FAILURE: u8 = 100;
        let number = if done { SUCCESS } else { FAILURE };
        transport.push(&Message::new(number).number(self.theirs).0);
    }

    /// Sends what there is room for; whether it is not too much that waits.
    pub(super) fn pump(&mut self, transport: &mut Transport<'_>) -> bool {
        while self.window > 0
            && let Some((error, bytes)) = self.waiting.first_mut()
        {
            let most = self.window.min(self.longest);
            let count = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
            let message = match error {
                true => Message::new(EXTENDED_DATA).number(self.theirs).number(1),
                false => Message::new(DATA).number(self.theirs),
            };
            transport.push(&message.string(&bytes[..count]).0);
            self.window -= u32::try_from(count).unwrap_or(self.window);
            bytes.drain(..count);
            if bytes.is_empty() {
                self.waiting.remove(0);
            }
        }
        if self.waiting.is_empty()
            && let Some(status) = self.exit.take()
        {
            let message = Message::new(REQUEST).number(self.theirs);
            let message = message.string("exit-status").flag(false);
            transport.push(&Message::new(EOF).number(self.theirs).0);
            transport.push(&message.number(status.into()).0);
            self.close(transport);
        }
        let waiting: usize = self.waiting.iter().map(|(_, bytes)| bytes.len()).sum();
        waiting <= WAITING
    }

    pub(super) fn close(&mut self, transport: &mut Transport<'_>) {
        if !self.closed {
            transport.push(&Message::new(CLOSE).number(self.theirs).0);
        }
        self.closed = true;
        self.program = Program::Done;
    }
}
