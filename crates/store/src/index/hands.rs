//! Actors as they are now: what was found to be one later, and what the operator decided, laid over what each trip was
//! linked to when it came.

use std::collections::{BTreeSet, VecDeque};

use lapwing_core::{Actor, ActorId, Decision, Hands};

use super::rows::read_name;
use super::{ActorFilter, Cursor, Index, Page, TripFilter, TripRow};
use crate::StoreError;

/// Rows fetched of one part at once.
const FETCH: usize = 256;
/// Addresses, programs and canaries listed with an actor at most.
const LISTED: usize = 64;

impl Index {
    /// Pairs of actors that turned out to be one.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn joins(&self) -> Result<Vec<(ActorId, ActorId)>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT station, sequence, other_station, other_sequence FROM joins
                 ORDER BY station, sequence, other_station, other_sequence",
                &[],
                |row| Ok((ActorId(read_name(row, 0)?), ActorId(read_name(row, 2)?))),
            )
        })
    }

    /// Which actors are one or apart, by evidence and by these decisions.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn hands(&self, decisions: &[Decision]) -> Result<Hands, StoreError> {
        Ok(Hands::new(self.joins()?, decisions, None))
    }

    /// As [`Index::trips`], with actors as they are now. Pages of one actor's trips have no next one.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn trips_as(
        &self,
        filter: &TripFilter,
        hands: &Hands,
    ) -> Result<Page<TripRow>, StoreError> {
        let mut page = match filter.actor {
            Some(actor) => self.trips_of(actor, filter, hands)?,
            None => self.trips(filter)?,
        };
        for row in &mut page.rows {
            row.conclusion.actor = hands.of(row.conclusion.actor, row.conclusion.session);
        }
        Ok(page)
    }

    fn trips_of(
        &self,
        actor: ActorId,
        filter: &TripFilter,
        hands: &Hands,
    ) -> Result<Page<TripRow>, StoreError> {
        let actor = hands.of(actor, None);
        let parts = parts(actor, hands);
        if let ([only], false) = (&parts[..], hands.touches(actor)) {
            let actor = Some(*only);
            return self.trips(&TripFilter {
                actor,
                ..filter.clone()
            });
        }
        let mut streams: Vec<Stream> = parts.into_iter().map(Stream::new).collect();
        let mut rows = Vec::new();
        while rows.len() < filter.limit {
            for stream in &mut streams {
                stream.fill(self, filter)?;
            }
            let newest = { streams.iter_mut() }
                .filter(|stream| !stream.rows.is_empty())
                .max_by_key(|stream| stream.rows.front().map(|row| (row.time, row.id())));
            let Some(row) = newest.and_then(|stream| stream.rows.pop_front()) else {
                break;
            };
            if hands.of(row.conclusion.actor, row.conclusion.session) == actor {
                rows.push(row);
            }
        }
        Ok(Page { rows, next: None })
    }

    /// The actor with this name as it is now, by whatever name it went before.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn actor_as(&self, id: ActorId, hands: &Hands) -> Result<Option<Actor>, StoreError> {
        let id = hands.of(id, None);
        if hands.touches(id) {
            return self.counted(id, hands);
        }
        let mut whole: Option<Actor> = None;
        for part in hands.parts(id) {
            let Some(part) = self.actor(part)? else {
                continue;
            };
            whole = Some(match whole {
                Some(whole) => together(whole, part),
                None => Actor { id, ..part },
            });
        }
        Ok(whole)
    }

    /// As [`Index::actors`], as they are now; the page has no next one.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn actors_as(
        &self,
        filter: &ActorFilter,
        hands: &Hands,
    ) -> Result<Page<Actor>, StoreError> {
        let mut rows: Vec<Actor> = Vec::new();
        let moved: BTreeSet<ActorId> = hands.moved().map(|(_, actor)| actor).collect();
        for id in &moved {
            rows.extend(self.actor_as(*id, hands)?);
        }
        let mut before = filter.before.clone();
        let mut whole = 0;
        while whole < filter.limit {
            let page = self.actors(&ActorFilter {
                before,
                limit: FETCH,
                ..filter.clone()
            })?;
            for part in page.rows {
                if hands.of(part.id, None) == part.id && !moved.contains(&part.id) {
                    rows.extend(self.actor_as(part.id, hands)?);
                    whole += 1;
                }
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        rows.sort_by_key(|actor| std::cmp::Reverse((actor.first, actor.id)));
        rows.truncate(filter.limit);
        Ok(Page { rows, next: None })
    }

    /// An actor that sessions were moved out of or into, put together from its trips.
    fn counted(&self, id: ActorId, hands: &Hands) -> Result<Option<Actor>, StoreError> {
        let filter = TripFilter {
            actor: Some(id),
            limit: usize::MAX,
            ..TripFilter::default()
        };
        let trips = self.trips_as(&filter, hands)?.rows;
        let rows = trips.iter().rev().map(|row| Actor {
            id,
            first: row.time,
            last: row.time,
            count: row.count,
            addresses: vec![row.source.ip()],
            fingerprints: Vec::new(),
            canaries: vec![row.canary],
            latest: row.id(),
        });
        Ok(rows.reduce(together))
    }
}

/// Where trips of an actor may lie: its own parts, and the actors that sessions were moved from.
fn parts(actor: ActorId, hands: &Hands) -> Vec<ActorId> {
    let mut parts = hands.parts(actor);
    for other in hands.apart_from(actor) {
        parts.extend(hands.parts(other));
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// One actor out of two; `one` names it.
fn together(mut one: Actor, other: Actor) -> Actor {
    let Actor {
        id: _,
        first,
        last,
        count,
        addresses,
        fingerprints,
        canaries,
        latest,
    } = other;
    if last >= one.last {
        one.latest = latest;
    }
    one.first = one.first.min(first);
    one.last = one.last.max(last);
    one.count = one.count.saturating_add(count);
    add(&mut one.addresses, addresses);
    add(&mut one.fingerprints, fingerprints);
    add(&mut one.canaries, canaries);
    one
}

fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if list.len() < LISTED && !list.contains(&item) {
            list.push(item);
        }
    }
}

/// Trips of one part on their way into a page.
struct Stream {
    part: ActorId,
    rows: VecDeque<TripRow>,
    next: Option<Cursor>,
    ended: bool,
}

impl Stream {
    fn new(part: ActorId) -> Self {
        Self {
            part,
            rows: VecDeque::new(),
            next: None,
            ended: false,
        }
    }

    fn fill(&mut self, index: &Index, filter: &TripFilter) -> Result<(), StoreError> {
        while self.rows.is_empty() && !self.ended {
            let page = index.trips(&TripFilter {
                actor: Some(self.part),
                limit: FETCH,
                before: self.next.take(),
                ..filter.clone()
            })?;
            self.rows = page.rows.into();
            self.next = page.next;
            self.ended = self.next.is_none();
        }
        Ok(())
    }
}
