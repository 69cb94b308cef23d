//! What the rules of this crate are given to know of one trip.

use lapwing_core::{NetworkFacts, Trip};

use crate::lookup::Earlier;
use crate::programs::{self, Program};

/// One trip and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct TripFacts<'a> {
    /// The trip as recorded.
    pub trip: &'a Trip,
    /// The network of its source address.
    pub network: &'a NetworkFacts,
    /// Class of the canary's kind: `credential`, `beacon` or `record`.
    pub canary_class: &'a str,
    /// Whether it carried the nonce of an announced drill, of this canary and in time.
    pub drill: bool,
    /// What is known of earlier look-ups of the canary's name.
    pub earlier: Earlier,
    /// Where the bait stands, if it was planted: any text that is the same for the same file or table.
    pub place: Option<&'a str>,
}

impl TripFacts<'_> {
    /// The known program that the peer says it is; `None` if it says nothing or nothing known.
    pub(crate) fn program(&self) -> Option<&'static Program> {
        programs::find(self.agent()?)
    }

    /// The program's name for itself; `None` if that is empty or no longer kept.
    pub(crate) fn agent(&self) -> Option<&str> {
        let claims = self.trip.claims.as_ref()?;
        let agent = claims.agent.open("compared with a table, never printed");
        (!agent.is_empty()).then_some(agent)
    }
}
