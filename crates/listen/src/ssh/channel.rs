//! Channels of a session: what runs in one, and how much may be sent in it. (RFC 4254 section 5)

use std::collections::VecDeque;

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
/// The least that a client's longest packet is taken for: one of a byte would make a packet of every byte.
const LEAST: u32 = 512;

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
    waiting: Waiting,
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
            longest: longest.clamp(LEAST, PACKET),
            taken: 0,
            waiting: Waiting::default(),
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
        self.waiting.push(error, &bytes);
    }

    /// Whether so much waits that it has to be sent before more is said.
    pub(super) const fn is_full(&self) -> bool {
        self.waiting.size > WAITING
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
            && let Some((error, bytes)) = self.waiting.take(self.window.min(self.longest))
        {
            let message = match error {
                true => Message::new(EXTENDED_DATA).number(self.theirs).number(1),
                false => Message::new(DATA).number(self.theirs),
            };
            self.window -= u32::try_from(bytes.len()).unwrap_or(self.window);
            transport.push(&message.string(bytes).0);
        }
        if self.waiting.size == 0
            && let Some(status) = self.exit.take()
        {
            let message = Message::new(REQUEST).number(self.theirs);
            let message = message.string("exit-status").flag(false);
            transport.push(&Message::new(EOF).number(self.theirs).0);
            transport.push(&message.number(status.into()).0);
            self.close(transport);
        }
        !self.is_full()
    }

    pub(super) fn close(&mut self, transport: &mut Transport<'_>) {
        if !self.closed {
            transport.push(&Message::new(CLOSE).number(self.theirs).0);
        }
        self.closed = true;
        self.program = Program::Done;
    }
}

/// What waits, in order. Neither adding nor taking moves what else there is.
#[derive(Default)]
struct Waiting {
    pieces: VecDeque<(bool, VecDeque<u8>)>,
    /// Bytes of all pieces.
    size: usize,
}

impl Waiting {
    /// Adds bytes, to the last piece if they go where it goes: many short ones take no more room than a long one.
    fn push(&mut self, error: bool, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.size += bytes.len();
        match self.pieces.back_mut() {
            Some((same, piece)) if *same == error => piece.extend(bytes),
            _ => self
                .pieces
                .push_back((error, bytes.iter().copied().collect())),
        }
    }

    /// Takes up to so many bytes of the first piece.
    fn take(&mut self, most: u32) -> Option<(bool, Vec<u8>)> {
        let (error, piece) = self.pieces.front_mut()?;
        let count = piece.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let taken = (*error, piece.drain(..count).collect());
        self.size -= count;
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_taken_in_order_and_piece_by_piece() {
        let mut waiting = Waiting::default();
        for (error, bytes) in [
            (false, "ab"),
            (false, "c"),
            (true, ""),
            (true, "d"),
            (false, "e"),
        ] {
            waiting.push(error, bytes.as_bytes());
        }
        assert_eq!((waiting.size, waiting.pieces.len()), (5, 3));
        let mut taken = Vec::new();
        while let Some(piece) = waiting.take(2) {
            taken.push(piece);
        }
        let expect = [(false, "ab"), (false, "c"), (true, "d"), (false, "e")];
        assert_eq!(
            taken,
            expect.map(|(error, bytes)| (error, bytes.as_bytes().to_vec()))
        );
        assert_eq!(waiting.size, 0);
    }

    #[test]
    fn the_longest_packet_is_not_taken_for_a_byte() {
        assert_eq!(Channel::new(0, 1, 1).longest, LEAST);
        assert_eq!(Channel::new(0, 1, u32::MAX).longest, PACKET);
    }
}
