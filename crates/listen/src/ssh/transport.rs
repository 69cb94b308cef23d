//! Packets over a visit, and the key exchanges under them. (RFC 4253; strict key exchange: OpenSSH's PROTOCOL
//! section 1.10)

use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use tokio::sync::Semaphore;

use super::cipher::{self, Cipher};
use super::kex::{self, Keys, Method, Way};
use super::offer::{self, Agreed, KEXINIT, Offer};
use super::wire::{Message, Reader};
use crate::visit::{Act, Ended, Visit};

const DISCONNECT: u8 = 1;
const IGNORE: u8 = 2;
const UNIMPLEMENTED: u8 = 3;
const DEBUG: u8 = 4;
const EXT_INFO: u8 = 7;
const NEWKEYS: u8 = 21;
const KEX_FIRST: u8 = 30;
const KEX_SECOND: u8 = 31;
const GEX_INIT: u8 = 32;
const GEX_REPLY: u8 = 33;
const GEX_REQUEST: u8 = 34;

/// Reason of a disconnection (RFC 4253 section 11.1).
pub(super) const PROTOCOL_ERROR: u32 = 2;

/// Bytes that one packet may become when it is unpacked.
const UNPACKED: usize = cipher::LONGEST;

/// Computations at once of all connections together: a flood of exchanges is to leave time for the rest.
static COMPUTING: Semaphore = Semaphore::const_new(4);

/// A connection after the greetings.
pub(super) struct Transport<'v> {
    pub(super) visit: &'v mut Visit,
    inward: Direction,
    outward: Direction,
    /// Sealed and not yet sent.
    outbox: Vec<u8>,
    /// Theirs and ours, without the lines' ends.
    versions: [Vec<u8>; 2],
    /// Hash of the first exchange.
    pub(super) session: Vec<u8>,
    strict: bool,
    pub(super) offer: Option<Offer>,
}

struct Direction {
    cipher: Cipher,
    sequence: u32,
    /// Whether what comes after the login is packed.
    packs: bool,
    packer: Packer,
}

enum Packer {
    None,
    In(Box<Decompress>),
    Out(Box<Compress>),
}

impl Direction {
    fn new() -> Self {
        Self {
            cipher: Cipher::Clear,
            sequence: 0,
            packs: false,
            packer: Packer::None,
        }
    }
}

impl<'v> Transport<'v> {
    pub(super) fn new(visit: &'v mut Visit, theirs: Vec<u8>, ours: Vec<u8>) -> Self {
        Self {
            visit,
            inward: Direction::new(),
            outward: Direction::new(),
            outbox: Vec::new(),
            versions: [theirs, ours],
            session: Vec::new(),
            strict: false,
            offer: None,
        }
    }

    /// What is said of the client in every record.
    pub(super) fn act(&self, method: &str) -> Act {
        let offer = self.offer.as_ref();
        let agent = String::from_utf8_lossy(&self.versions[0]).into_owned();
        Act {
            protocol: "ssh/2.0".to_owned(),
            method: method.to_owned(),
            about: offer.map(Offer::about).unwrap_or_default(),
            traits: offer.map_or_else(String::new, |it| format!("{agent}\n{}", it.traits())),
            agent,
            ..Act::default()
        }
    }

    /// The first exchange.
    pub(super) async fn open(&mut self) -> Result<(), Ended> {
        let ours = offer::ours(self.visit.station().system.release);
        self.push(&ours);
        self.flush().await?;
        let theirs = loop {
            let packet = self.raw().await?;
            match packet.first() {
                Some(&KEXINIT) => break packet,
                Some(&(IGNORE | DEBUG)) => {}
                _ => return Err(Ended),
            }
        };
        Box::pin(self.exchange(theirs, ours)).await
    }

    /// The next packet that is not of the transport itself. Exchanges keys again if the client wants that.
    pub(super) async fn packet(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            let packet = self.raw().await?;
            match packet.first() {
                Some(&(IGNORE | DEBUG | UNIMPLEMENTED | EXT_INFO)) => {}
                Some(&DISCONNECT) | None => return Err(Ended),
                Some(&KEXINIT) => {
                    let ours = offer::ours(self.visit.station().system.release);
                    self.push(&ours);
                    self.flush().await?;
                    Box::pin(self.exchange(packet, ours)).await?;
                }
                Some(_) => return Ok(packet),
            }
        }
    }

    /// Seals a packet, to be sent with the next flush.
    pub(super) fn push(&mut self, payload: &[u8]) {
        let out = &mut self.outward;
        let packed = match &mut out.packer {
            Packer::Out(packer) => pack(packer, payload),
            _ => None,
        };
        let payload = packed.as_deref().unwrap_or(payload);
        let sealed = out.cipher.seal(out.sequence, payload);
        out.sequence = out.sequence.wrapping_add(1);
        self.outbox.extend_from_slice(&sealed);
    }

    /// Sends what was sealed.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        let outbox = std::mem::take(&mut self.outbox);
        self.visit.send(&outbox).await
    }

    /// Answers a packet of a kind that is not known.
    pub(super) async fn unimplemented(&mut self) -> Result<(), Ended> {
        let number = self.inward.sequence.wrapping_sub(1);
        self.push(&Message::new(UNIMPLEMENTED).number(number).0);
        self.flush().await
    }

    /// Says why, and ends.
    pub(super) async fn disconnect<T>(&mut self, reason: u32, why: &str) -> Result<T, Ended> {
        let message = Message::new(DISCONNECT)
            .number(reason)
            .string(why)
            .string("");
        self.push(&message.0);
        self.flush().await?;
        Err(Ended)
    }

    /// After the login packets are packed, if that was agreed on (`zlib@openssh.com`).
    pub(super) fn logged_in(&mut self) {
        if self.inward.packs {
            self.inward.packer = Packer::In(Box::new(Decompress::new(true)));
        }
        if self.outward.packs {
            self.outward.packer =
                Packer::Out(Box::new(Compress::new(Compression::default(), true)));
        }
    }

    /// The host keys with the algorithms they sign with.
    pub(super) async fn host_keys(&self) -> Result<Vec<(&'static str, Vec<u8>)>, Ended> {
        let keys = self.visit.station().system.keys.clone().ok_or(Ended)?;
        let all = move || {
            let names = ["rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-ed25519"];
            let pairs = names.iter().map(|name| Some((*name, keys.public(name)?)));
            pairs.collect::<Option<Vec<_>>>()
        };
        apart(all).await
    }

    /// A signature with a host key.
    pub(super) async fn sign(
        &self,
        algorithm: &'static str,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Ended> {
        let keys = self.visit.station().system.keys.clone().ok_or(Ended)?;
        apart(move || keys.sign(algorithm, &message)).await
    }

    /// Reads one packet.
    async fn raw(&mut self) -> Result<Vec<u8>, Ended> {
        let sequence = self.inward.sequence;
        self.visit.at_least(self.inward.cipher.head()).await?;
        let Some(whole) = self.inward.cipher.whole(sequence, self.visit.peek()) else {
            return Box::pin(self.disconnect(PROTOCOL_ERROR, "Packet corrupt")).await;
        };
        let bytes = self.visit.exact(whole).await?;
        let payload = self.inward.cipher.open(sequence, bytes).ok_or(Ended)?;
        self.inward.sequence = sequence.wrapping_add(1);
        match &mut self.inward.packer {
            Packer::In(packer) => unpack(packer, &payload).ok_or(Ended),
            _ => Ok(payload),
        }
    }

    /// An exchange, from the offers on.
    async fn exchange(&mut self, theirs: Vec<u8>, ours: Vec<u8>) -> Result<(), Ended> {
        let (offer, own) = (Offer::read(&theirs), Offer::read(&ours));
        let (Some(offer), Some(own)) = (offer, own) else {
            return Err(Ended);
        };
        let first = self.session.is_empty();
        let agreed = offer::agree(&offer, &own);
        if first {
            let signals = &mut self.visit.place.signals;
            signals.insert("hassh".to_owned(), offer.hassh());
            // A strict exchange begins with the offer: nothing else may have come before.
            self.strict = agreed.as_ref().is_ok_and(|it| it.strict);
            if self.strict && self.inward.sequence != 1 {
                return Err(Ended);
            }
            self.offer = Some(offer);
        }
        drop(own);
        let Ok(agreed) = agreed else {
            let act = self.act("KEX");
            Box::pin(self.visit.notice(Vec::new(), act)).await;
            return Err(Ended);
        };
        if agreed.wrong_guess {
            self.raw().await?;
        }
        let mut method = kex::method(&agreed.exchange).ok_or(Ended)?;
        let mut asked = Message::default();
        if method.way == Way::Asked {
            (method.way, asked) = Box::pin(self.group()).await?;
        }
        // Who stalls here, where much is to come, holds little: the rest is made when it is due.
        let init = self.raw_in_exchange().await?;
        let offers = [&theirs[..], &ours];
        let keys = Box::pin(self.agree(&agreed, method, asked, offers, &init)).await?;
        self.push(&[NEWKEYS]);
        if first {
            self.session.clone_from(&keys.exchange);
        }
        self.outward.cipher = self.keyed(&agreed, &keys, 1)?;
        self.outward.packs = agreed.compressions[1] != "none";
        if self.strict {
            self.outward.sequence = 0;
        }
        if first && agreed.extensions {
            let extensions = self.extensions();
            self.push(&extensions);
        }
        self.flush().await?;
        while self.raw_in_exchange().await? != [NEWKEYS] {}
        self.inward.cipher = self.keyed(&agreed, &keys, 0)?;
        self.inward.packs = agreed.compressions[0] != "none";
        if self.strict {
            self.inward.sequence = 0;
        }
        Ok(())
    }

    /// The values that both sides exchange, up to our signature.
    async fn agree(
        &mut self,
        agreed: &Agreed,
        method: Method,
        asked: Message,
        offers: [&[u8]; 2],
        init: &[u8],
    ) -> Result<Keys, Ended> {
        let (number, reply) = match agreed.exchange.as_str() {
            "diffie-hellman-group-exchange-sha256" => (GEX_INIT, GEX_REPLY),
            _ => (KEX_FIRST, KEX_SECOND),
        };
        let mut reader = Reader(init);
        (reader.byte() == Some(number)).then_some(()).ok_or(Ended)?;
        let public = reader.string().ok_or(Ended)?.to_vec();
        let way = method.way;
        let act = self.act("KEX");
        self.visit.notice(Vec::new(), act).await;
        let host_keys = self.visit.station().system.keys.clone().ok_or(Ended)?;
        let value = public.clone();
        let response = apart(move || kex::respond(way, &value)).await?;
        let host_key = {
            let (keys, name) = (Arc::clone(&host_keys), agreed.host_key.clone());
            apart(move || keys.public(&name)).await?
        };
        let value = |message: Message, bytes: &[u8]| match way {
            Way::Group(_) => message.mpint(bytes),
            _ => message.string(bytes),
        };
        let hashed = Message::default()
            .string(&self.versions[0])
            .string(&self.versions[1])
            .string(offers[0])
            .string(offers[1])
            .string(&host_key)
            .raw(&asked.0);
        let hashed = value(value(hashed, &public), &response.public);
        let keys = Keys::new(method, hashed, response.secret);
        let (exchange, name) = (keys.exchange.clone(), agreed.host_key.clone());
        let signature = apart(move || host_keys.sign(&name, &exchange)).await?;
        let message = value(Message::new(reply).string(&host_key), &response.public);
        self.push(&message.string(signature).0);
        Ok(keys)
    }

    /// The group a client asks for, and what of that is hashed (RFC 4419 section 3).
    async fn group(&mut self) -> Result<(Way, Message), Ended> {
        let request = self.raw_in_exchange().await?;
        let mut reader = Reader(&request);
        (reader.byte() == Some(GEX_REQUEST))
            .then_some(())
            .ok_or(Ended)?;
        let mut number = || reader.number().ok_or(Ended);
        let (least, wanted, most) = (number()?, number()?, number()?);
        if most < wanted || wanted < least || most < 2048 {
            return Err(Ended);
        }
        let group = kex::group(most);
        let prime = kex::prime(group);
        let act = self.act("KEX");
        self.visit.notice(Vec::new(), act).await;
        self.push(&Message::new(KEX_SECOND).mpint(&prime).mpint(&[2]).0);
        self.flush().await?;
        let hashed = Message::default().number(least).number(wanted).number(most);
        Ok((Way::Group(group), hashed.mpint(&prime).mpint(&[2])))
    }

    /// The next packet of an exchange.
    async fn raw_in_exchange(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            let packet = self.raw().await?;
            let strict = self.strict && self.session.is_empty();
            match packet.first() {
                Some(&(IGNORE | DEBUG | UNIMPLEMENTED)) if !strict => {}
                Some(&DISCONNECT) | None => return Err(Ended),
                Some(_) => return Ok(packet),
            }
        }
    }

    /// A direction's cipher: 0 to us, 1 from us.
    fn keyed(&self, agreed: &Agreed, keys: &Keys, direction: usize) -> Result<Cipher, Ended> {
        let (cipher, mac) = (&agreed.ciphers[direction], &agreed.macs[direction]);
        let needs = cipher::needs(cipher, mac).ok_or(Ended)?;
        let letters = [b"AEC", b"BFD"][direction];
        let key = |at: usize, length| keys.key(letters[at], &self.session, length);
        let (iv, mac_key, key) = (key(0, needs.iv), key(1, needs.mac), key(2, needs.key));
        cipher::keyed(cipher, mac, &key, &iv, &mac_key).ok_or(Ended)
    }

    /// What else we can (RFC 8308), as the release's OpenSSH says it.
    fn extensions(&self) -> Vec<u8> {
        let version = offer::version(self.visit.station().system.release);
        let curves = "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
        let edwards = "ssh-ed25519,sk-ssh-ed25519@openssh.com";
        let signatures = if version < (9, 2) {
            format!("{edwards},ssh-rsa,rsa-sha2-256,rsa-sha2-512,ssh-dss,{curves}")
        } else {
            format!("{edwards},{curves},ssh-dss,ssh-rsa,rsa-sha2-256,rsa-sha2-512")
        };
        let mut all = vec![("server-sig-algs", signatures.as_str())];
        if version >= (8, 9) {
            all.push(("publickey-hostbound@openssh.com", "0"));
        }
        if version >= (9, 5) {
            all.push(("ping@openssh.com", "0"));
        }
        let count = u32::try_from(all.len()).unwrap_or_default();
        let message = Message::new(EXT_INFO).number(count);
        let said = all.iter().fold(message, |message, (name, value)| {
            message.string(name).string(value)
        });
        said.0
    }
}

/// Computes where no other connection waits for it: large numbers take long.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Result<T, Ended> {
    let turn = COMPUTING.acquire().await.map_err(|_| Ended)?;
    let done = tokio::task::spawn_blocking(move || {
        // Kept until it is done, also when nobody waits for it any more.
        let _turn = turn;
        work()
    })
    .await;
    done.ok().flatten().ok_or(Ended)
}

fn pack(packer: &mut Compress, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let start = packer.total_in();
    loop {
        let done = usize::try_from(packer.total_in() - start).ok()?;
        out.reserve(256);
        packer
            .compress_vec(payload.get(done..)?, &mut out, FlushCompress::Partial)
            .ok()?;
        let all = packer.total_in() - start == payload.len() as u64;
        if all && out.len() < out.capacity() {
            return Some(out);
        }
    }
}

/// `None` for what is not packed, or becomes too long.
fn unpack(packer: &mut Decompress, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(payload.len() * 2 + 256);
    let start = packer.total_in();
    loop {
        let done = usize::try_from(packer.total_in() - start).ok()?;
        let rest = payload.get(done..)?;
        if rest.is_empty() && out.len() < out.capacity() {
            return Some(out);
        }
        out.reserve(1024);
        let before = (packer.total_in(), out.len());
        packer
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .ok()?;
        let stuck = before == (packer.total_in(), out.len());
        if out.len() > UNPACKED || stuck && !rest.is_empty() {
            return None;
        }
        if stuck {
            return Some(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(payloads in prop::collection::vec(prop::collection::vec(0u8..4, 1..3000), 1..5)) {
            let mut packer = Compress::new(Compression::default(), true);
            let mut opener = Decompress::new(true);
            for payload in payloads {
                let packed = pack(&mut packer, &payload).unwrap();
                prop_assert_eq!(unpack(&mut opener, &packed).unwrap(), payload);
            }
        }

        #[test]
        fn any_bytes_unpack_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&mut Decompress::new(true), &bytes);
        }
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let mut packer = Compress::new(Compression::best(), true);
        let packed = pack(&mut packer, &vec![0; 8 << 20]).unwrap();
        assert!(packed.len() < UNPACKED);
        assert_eq!(unpack(&mut Decompress::new(true), &packed), None);
    }
}
