//! The breadcrumb route: in which order each actor touched canaries, and how long it took from one
//! to the next. Drills are no part of it.

use std::collections::BTreeMap;

use lapwing_core::{ActorId, CanaryId, Timestamp, Verdict};
use serde::Serialize;

use super::{CanaryFinding, Context, at, last_of, uses_of};
use crate::ReportTrip;

/// Who touched what in which order.
#[derive(Debug, Serialize)]
pub(crate) struct RouteFinding {
    /// The canaries that were touched, in order of first use.
    pub(crate) nodes: Vec<RouteNode>,
    /// A route for each actor, in order of first trip.
    pub(crate) actors: Vec<ActorRoute>,
}

/// A canary on the way.
#[derive(Debug, Serialize)]
pub(crate) struct RouteNode {
    pub(crate) canary: String,
    pub(crate) title: String,
    pub(crate) kind_name: String,
    pub(crate) sort: NodeSort,
    pub(crate) place: Option<String>,
}

/// What a canary is to whoever comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeSort {
    /// It stands in a file.
    File,
    /// It was planted by hand or handed out.
    Key,
    /// Messages were ordered through it.
    Gateway,
    /// It stands in a database.
    Record,
}

/// The way of one actor.
#[derive(Debug, Serialize)]
pub(crate) struct ActorRoute {
    pub(crate) actor: String,
    pub(crate) name: String,
    pub(crate) uses: u64,
    /// Each canary once, in order of the actor's first touch.
    pub(crate) steps: Vec<RouteStep>,
    /// Every way gone from one canary to another, in order of the first time.
    pub(crate) edges: Vec<RouteEdge>,
}

/// The first touch of a canary.
#[derive(Debug, Serialize)]
pub(crate) struct RouteStep {
    pub(crate) canary: String,
    /// Its place among the nodes.
    #[serde(skip)]
    pub(crate) node: usize,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) uses: u64,
    /// Since the first touch of the step before.
    pub(crate) after_seconds: Option<u64>,
}

/// A way from one canary to another: from the last use of the one to the next use, of the other.
#[derive(Debug, Serialize)]
pub(crate) struct RouteEdge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Their places among the steps.
    #[serde(skip)]
    pub(crate) ends: (usize, usize),
    pub(crate) times: u64,
    pub(crate) shortest_seconds: u64,
    pub(crate) median_seconds: u64,
    pub(crate) longest_seconds: u64,
}

/// Derives the routes.
pub(super) fn derive(context: &Context<'_>, canaries: &[CanaryFinding]) -> RouteFinding {
    let mut walks: BTreeMap<ActorId, Vec<&ReportTrip>> = BTreeMap::new();
    let mut gateways: Vec<CanaryId> = Vec::new();
    for one in &context.trips {
        if one.conclusion.judgement.verdict == Verdict::Drill {
            continue;
        }
        walks.entry(one.conclusion.actor).or_default().push(one);
        if !gateways.contains(&one.trip.canary) && orders_messages(one) {
            gateways.push(one.trip.canary);
        }
    }
    let touched: Vec<&CanaryFinding> = canaries
        .iter()
        .filter(|one| one.uses > one.drills)
        .collect();
    let nodes: Vec<RouteNode> = touched
        .iter()
        .map(|one| node(one, gateways.iter().any(|id| id.to_string() == one.id)))
        .collect();
    let index: BTreeMap<String, usize> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| (node.canary.clone(), index))
        .collect();
    let mut walks: Vec<_> = walks.into_iter().collect();
    walks.sort_by_key(|(_, trips)| (trips[0].trip.observed.time, trips[0].trip.id));
    let actors = walks
        .iter()
        .map(|(actor, trips)| Walk::of(trips).route(context, *actor, &index))
        .collect();
    RouteFinding { nodes, actors }
}

fn orders_messages(one: &ReportTrip) -> bool {
    let claims = one.trip.claims.as_ref();
    claims.is_some_and(|claims| {
        let mut names = claims.captured.keys();
        names.any(|name| name.starts_with("sms.") || name.starts_with("mail."))
    })
}

fn node(canary: &CanaryFinding, gateway: bool) -> RouteNode {
    let database = |place: &str| {
        place.contains("?table=") || (place.contains("://") && !place.starts_with("file:"))
    };
    RouteNode {
        canary: canary.id.clone(),
        title: canary.title.clone(),
        kind_name: canary.kind_name.clone(),
        sort: match canary.place.as_deref() {
            _ if gateway => NodeSort::Gateway,
            Some(place) if database(place) => NodeSort::Record,
            Some(_) => NodeSort::File,
            None => NodeSort::Key,
        },
        place: canary.place.clone(),
    }
}

/// What is gathered along the way of one actor.
#[derive(Default)]
struct Walk {
    steps: Vec<(CanaryId, Timestamp, Timestamp, u64)>,
    /// Gaps in seconds, by where from and to.
    gaps: BTreeMap<(usize, usize), Vec<u64>>,
    /// The order in which those ways were first gone.
    order: Vec<(usize, usize)>,
}

impl Walk {
    /// Follows trips, which are in order of time.
    fn of(trips: &[&ReportTrip]) -> Self {
        let mut walk = Self::default();
        let mut before: Option<(usize, &ReportTrip)> = None;
        let mut places: BTreeMap<CanaryId, usize> = BTreeMap::new();
        for one in trips {
            let time = one.trip.observed.time;
            let here = *places.entry(one.trip.canary).or_insert_with(|| {
                walk.steps.push((one.trip.canary, time, time, 0));
                walk.steps.len() - 1
            });
            let step = &mut walk.steps[here];
            step.2 = step.2.max(last_of(one));
            step.3 += uses_of(one);
            if let Some((there, last)) = before
                && there != here
            {
                let gap = time.seconds_since(last_use_by(last, time)).max(0);
                if !walk.gaps.contains_key(&(there, here)) {
                    walk.order.push((there, here));
                }
                let gaps = walk.gaps.entry((there, here)).or_default();
                gaps.push(gap.unsigned_abs());
            }
            before = Some((here, one));
        }
        walk
    }

    fn route(
        mut self,
        context: &Context<'_>,
        actor: ActorId,
        index: &BTreeMap<String, usize>,
    ) -> ActorRoute {
        let name = |step: usize| self.steps[step].0.to_string();
        let mut edges = Vec::with_capacity(self.order.len());
        for (from, to) in &self.order {
            let Some(gaps) = self.gaps.get_mut(&(*from, *to)) else {
                continue;
            };
            gaps.sort_unstable();
            edges.push(RouteEdge {
                from: name(*from),
                to: name(*to),
                ends: (*from, *to),
                times: gaps.len() as u64,
                shortest_seconds: gaps[0],
                median_seconds: gaps[(gaps.len() - 1) / 2],
                longest_seconds: gaps[gaps.len() - 1],
            });
        }
        let mut earlier: Option<Timestamp> = None;
        let mut steps = Vec::with_capacity(self.steps.len());
        for (canary, first, last, uses) in &self.steps {
            let Some(node) = index.get(&canary.to_string()) else {
                continue;
            };
            steps.push(RouteStep {
                canary: canary.to_string(),
                node: *node,
                first: at(*first),
                last: at(*last),
                uses: *uses,
                after_seconds: earlier
                    .map(|earlier| first.seconds_since(earlier).max(0).unsigned_abs()),
            });
            earlier = Some(*first);
        }
        ActorRoute {
            actor: actor.to_string(),
            name: context.actor(actor),
            uses: steps.iter().map(|step| step.uses).sum(),
            steps,
            edges,
        }
    }
}

/// The last use a record stands for that is known to be no later than a time.
fn last_use_by(one: &ReportTrip, time: Timestamp) -> Timestamp {
    let known = one.trip.times.iter().copied().filter(|it| *it <= time);
    known.fold(one.trip.observed.time, Timestamp::max)
}
