//! Places of this host and of those that are reached through ssh, by the same few questions. One
//! conversation a host, kept while the command runs; a host that could not be reached is not tried again.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use lapwing_core::{Clock as _, Placement, PlacementState, Site, SystemClock};
use lapwing_plant::Condition;

use super::{Session, checked, plain, there};
use crate::commands::agent::{Outcome, Task};
use crate::commands::check::condition_of;
use crate::commands::plant::Edit;
use crate::context::Context;
use crate::failure::Advice;

/// A conversation, or why there is none.
enum Line {
    Open(Session),
    Dead(String),
}

/// Every place that can be reached from here.
pub(crate) struct Sites<'a> {
    context: &'a Context,
    lines: RefCell<BTreeMap<String, Line>>,
    canonical: RefCell<HashMap<String, String>>,
}

impl<'a> Sites<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self {
            context,
            lines: RefCell::default(),
            canonical: RefCell::default(),
        }
    }

    /// Has one task done on a host.
    pub(crate) fn task(&self, login: &str, task: &Task) -> anyhow::Result<Outcome> {
        self.speak(login, |session| session.task(task))
    }

    /// Gives the word to go ahead with what was planned last on a host.
    pub(crate) fn go(&self, login: &str) -> anyhow::Result<Outcome> {
        self.speak(login, Session::go)
    }

    fn speak(
        &self,
        login: &str,
        work: impl FnOnce(&mut Session) -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<Outcome> {
        let mut lines = self.lines.borrow_mut();
        let spoken = match lines.get_mut(login) {
            Some(Line::Open(session)) => work(session),
            Some(Line::Dead(why)) => {
                return Err(Advice::error(
                    why.as_str(),
                    "it was not tried again; once the host is back, run the command again",
                ));
            }
            None => Session::open(self.context, login).and_then(|mut session| {
                let spoken = work(&mut session);
                lines.insert(login.to_owned(), Line::Open(session));
                spoken
            }),
        };
        // What a task fails of is in its outcome: this is the conversation.
        if let Err(error) = &spoken {
            lines.insert(login.to_owned(), Line::Dead(error.to_string()));
        }
        spoken
    }

    /// The one way a target is written in a placement, as the host says that it stands on.
    pub(crate) fn canonical(&self, target: &str) -> anyhow::Result<String> {
        let Some((site, login, there)) = reached(target)? else {
            return Ok(lapwing_plant::canonical_target(target)?);
        };
        if let Some(known) = self.canonical.borrow().get(target) {
            return Ok(known.clone());
        }
        let outcome = checked(self.task(&login, &Task::Canonical { target: there })?)?;
        let canonical = site.target(&plain(outcome.target)?);
        let mut known = self.canonical.borrow_mut();
        known.insert(target.to_owned(), canonical.clone());
        Ok(canonical)
    }

    /// What stands at a placement's target now.
    pub(crate) fn check(&self, placement: &Placement) -> anyhow::Result<Condition> {
        let Some((_, login, _)) = reached(&placement.target)? else {
            return Ok(lapwing_plant::check(placement)?);
        };
        let outcome = checked(self.task(
            &login,
            &Task::Check {
                placement: Box::new(there(placement)),
            },
        )?)?;
        condition_of(&outcome.condition).ok_or_else(|| {
            Advice::error(
                format!("{login} answered what is no condition"),
                "look at that host: it answers falsely",
            )
        })
    }

    /// What taking it out would change.
    pub(crate) fn rehearse_uproot(&self, placement: &Placement) -> anyhow::Result<Edit> {
        let Some((_, login, _)) = reached(&placement.target)? else {
            return Ok(Edit::Here(lapwing_plant::rehearse_uproot(
                placement, false,
            )?));
        };
        let placement = Box::new(there(placement));
        let outcome = checked(self.task(&login, &Task::Rehearse { placement })?)?;
        Ok(Edit::There(outcome.diff))
    }

    /// Takes it out. Gives what it has become, and the edit.
    pub(crate) fn uproot(
        &self,
        placement: &Placement,
        force: bool,
    ) -> anyhow::Result<(Placement, Edit)> {
        let Some((_, login, _)) = reached(&placement.target)? else {
            let uprooted = lapwing_plant::uproot(placement, force, SystemClock.now())?;
            return Ok((uprooted.placement, Edit::Here(uprooted.diff)));
        };
        let outcome = checked(self.task(
            &login,
            &Task::Uproot {
                placement: Box::new(there(placement)),
                force,
            },
        )?)?;
        let gone = outcome.placement.map(|it| it.state);
        let uprooted = gone != Some(PlacementState::Abandoned);
        let after = Placement {
            state: if uprooted {
                PlacementState::Uprooted
            } else {
                PlacementState::Abandoned
            },
            uprooted: uprooted.then(|| SystemClock.now()),
            ..placement.clone()
        };
        Ok((after, Edit::There(outcome.diff)))
    }

    /// Removes what a process that was killed in the moment of writing left beside it.
    pub(crate) fn sweep(&self, placement: &Placement) -> anyhow::Result<()> {
        let Some((_, login, _)) = reached(&placement.target)? else {
            return Ok(lapwing_plant::sweep(placement)?);
        };
        let placement = Box::new(there(placement));
        checked(self.task(&login, &Task::Sweep { placement })?)?;
        Ok(())
    }
}

/// Host, login and target there of what is reached through ssh; `None` of what is on this host.
pub(crate) fn reached(target: &str) -> anyhow::Result<Option<(Site, String, String)>> {
    match Site::of(target) {
        None => Ok(None),
        Some((Site::Ssh(login), there)) => Ok(Some((Site::Ssh(login.clone()), login, there))),
        Some((Site::Host(name), _)) => Err(Advice::error(
            format!("{target} stands on {name}, which is not reached from here"),
            "run its bundle there with `uproot`, and make a new one; or plant through ssh (docs/FLEETS.md)",
        )),
    }
}
