//! The state of the authority and what follows it: a pure machine.

use std::fmt;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;

use super::{
    CaSlot, Command, Evidence, Origin, Reason, RotationPolicy, Step, Transition, TrustBundle,
    Waiting, Wanted,
};
use crate::issuer::whole_seconds;

/// After somebody took a step back nothing begins by itself for this long.
const HOLD: Duration = Duration::from_secs(24 * 3600);

/// Which authority signs, and which one comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaState {
    pub(crate) signer: CaSlot,
    pub(crate) phase: Phase,
    /// Nothing begins by itself before.
    pub(crate) hold_until: Option<SystemTime>,
}

/// Where a rotation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// There is one authority.
    Stable,
    /// The roots of the next one are published; it signs nothing yet.
    Prepare {
        /// Who signs next.
        next: CaSlot,
        /// Since when.
        since: SystemTime,
    },
    /// The roots of the one before are still published.
    Activate {
        /// Who signed before.
        previous: CaSlot,
        /// Since when.
        since: SystemTime,
    },
    /// The one before is no longer believed but still kept.
    Retire {
        /// Who signed before.
        previous: CaSlot,
        /// Since when.
        since: SystemTime,
    },
}

/// A phase by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// [`Phase::Stable`]
    Stable,
    /// [`Phase::Prepare`]
    Prepare,
    /// [`Phase::Activate`]
    Activate,
    /// [`Phase::Retire`]
    Retire,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Prepare => "prepare",
            Self::Activate => "activate",
            Self::Retire => "retire",
        })
    }
}

impl CaState {
    /// With one authority and nothing under way.
    pub fn new(signer: CaSlot) -> Self {
        Self {
            signer,
            phase: Phase::Stable,
            hold_until: None,
        }
    }

    /// Who signs.
    pub fn signer(&self) -> &CaSlot {
        &self.signer
    }

    /// Where a rotation stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The name of that.
    pub fn stage(&self) -> Stage {
        match self.phase {
            Phase::Stable => Stage::Stable,
            Phase::Prepare { .. } => Stage::Prepare,
            Phase::Activate { .. } => Stage::Activate,
            Phase::Retire { .. } => Stage::Retire,
        }
    }

    /// The roots that everybody is to trust.
    pub fn bundle(&self) -> TrustBundle {
        let other = match &self.phase {
            Phase::Prepare { next: slot, .. } | Phase::Activate { previous: slot, .. } => {
                slot.roots().roots()
            }
            Phase::Stable | Phase::Retire { .. } => &[],
        };
        TrustBundle::of(self.signer.roots().roots().iter().chain(other))
    }

    /// The same with the roots of `next` published and nothing else changed.
    pub fn prepare(&self, next: CaSlot, now: SystemTime) -> Self {
        Self {
            signer: self.signer.clone(),
            phase: Phase::Prepare {
                next,
                since: whole_seconds(now),
            },
            hold_until: None,
        }
    }

    /// What follows.
    pub fn next(
        &self,
        now: SystemTime,
        evidence: &Evidence,
        policy: &RotationPolicy,
        wanted: Wanted<'_>,
        command: Option<Command>,
    ) -> Transition {
        if policy.leaf_lifetime() > self.signer.leaf_lifetime {
            let mut state = self.clone();
            state.signer.leaf_lifetime = policy.leaf_lifetime();
            return to(Step::Note, state);
        }
        if let Some(transition) = command.and_then(|c| self.obey(c, now, wanted)) {
            return transition;
        }
        if let Wanted::Users(users) = wanted
            && let Some(transition) = self.follow(users, now)
        {
            return transition;
        }
        match &self.phase {
            Phase::Stable => self.when_stable(now, policy, wanted),
            // The user took back what was being prepared.
            Phase::Prepare { next, .. }
                if next.origin() == Origin::User && matches!(wanted, Wanted::Ours) =>
            {
                to(Step::Abort, self.with(Phase::Stable))
            }
            Phase::Prepare { next, since } => {
                self.when_prepared(next, *since, now, evidence, policy)
            }
            Phase::Activate { previous, since } => {
                self.when_activated(previous, *since, now, evidence, policy)
            }
            Phase::Retire { previous, since } => {
                let over = *since + policy.patience(previous.leaf_lifetime);
                if now < over {
                    return stay(Waiting::Absent, over);
                }
                to(Step::Forget, self.with(Phase::Stable))
            }
        }
    }

    /// What somebody asked for, where it has a meaning here.
    fn obey(&self, command: Command, now: SystemTime, wanted: Wanted<'_>) -> Option<Transition> {
        let held = Some(whole_seconds(now) + HOLD);
        let since = whole_seconds(now);
        let transition = match (command, &self.phase) {
            (Command::Rotate, Phase::Stable) => match wanted {
                Wanted::Ours => Transition::NewRoot(Reason::Asked),
                // The user's is replaced by the user.
                Wanted::Refused | Wanted::Users(_) => return None,
            },
            (Command::Rotate, _) | (_, Phase::Stable) => return None,
            (Command::Advance, Phase::Prepare { next, .. }) => self.activated(next, now),
            (Command::Advance, Phase::Activate { previous, .. }) => self.retired(previous, now),
            (Command::Advance, Phase::Retire { .. }) => to(Step::Forget, self.with(Phase::Stable)),
            (Command::Abort, Phase::Prepare { .. }) => to(
                Step::Abort,
                Self {
                    hold_until: held,
                    ..self.with(Phase::Stable)
                },
            ),
            (Command::Abort, Phase::Activate { previous, .. }) => {
                if previous.not_after() <= now {
                    return None;
                }
                to(
                    Step::Rollback,
                    Self {
                        signer: previous.clone(),
                        // Those who hold its certificates are believed until these have ended.
                        phase: Phase::Activate {
                            previous: self.signer.clone(),
                            since,
                        },
                        hold_until: held,
                    },
                )
            }
            (Command::Abort, Phase::Retire { previous, .. }) => to(
                Step::Restore,
                Self {
                    hold_until: held,
                    ..self.with(Phase::Activate {
                        previous: previous.clone(),
                        since,
                    })
                },
            ),
        };
        Some(transition)
    }

    /// Where the user's authority is not what we have.
    fn follow(&self, users: &CaSlot, now: SystemTime) -> Option<Transition> {
        let same = |slot: &CaSlot| {
            slot.generation() == users.generation() && slot.roots() == users.roots()
        };
        let renewed = || {
            let mut users = users.clone();
            users.leaf_lifetime = users.leaf_lifetime.max(self.signer.leaf_lifetime);
            users
        };
        if same(&self.signer) {
            // The user went back to the one that still signs.
            return match &self.phase {
                Phase::Prepare { .. } => Some(to(Step::Abort, self.with(Phase::Stable))),
                _ => None,
            };
        }
        // Everybody believes it already: they trust the root that it leads to.
        let believed = trusts(&self.signer, users.anchor());
        if believed && users.roots().contains(self.signer.roots()) {
            // Roots that are new with it are merely published. What was being prepared is not wanted any more.
            let phase = match &self.phase {
                Phase::Prepare { .. } => Phase::Stable,
                phase => phase.clone(),
            };
            return Some(to(
                Step::Renew,
                Self {
                    signer: renewed(),
                    ..self.with(phase)
                },
            ));
        }
        if self.held(now) {
            return None;
        }
        match &self.phase {
            Phase::Prepare { next, .. } if same(next) => None,
            Phase::Stable | Phase::Prepare { .. } if believed => Some(to(
                Step::Activate,
                Self {
                    signer: renewed(),
                    ..self.with(Phase::Activate {
                        previous: self.signer.clone(),
                        since: whole_seconds(now),
                    })
                },
            )),
            Phase::Stable | Phase::Prepare { .. } => {
                Some(to(Step::Prepare, self.prepare(users.clone(), now)))
            }
            // One after the other.
            Phase::Activate { .. } | Phase::Retire { .. } => None,
        }
    }

    fn when_stable(
        &self,
        now: SystemTime,
        policy: &RotationPolicy,
        wanted: Wanted<'_>,
    ) -> Transition {
        // At least the last part of its life is long enough for a rotation, however short a root the user brought.
        let ripe = self.signer.aged(policy.rotate_at());
        if now < ripe {
            return stay(Waiting::Idle, ripe);
        }
        match wanted {
            Wanted::Refused | Wanted::Users(_) => stay(Waiting::User, now + HOLD / 24),
            Wanted::Ours => match self.hold_until {
                Some(until) if now < until && !self.ends(now, policy) => stay(Waiting::Idle, until),
                _ => Transition::NewRoot(Reason::Age),
            },
        }
    }

    fn when_prepared(
        &self,
        next: &CaSlot,
        since: SystemTime,
        now: SystemTime,
        evidence: &Evidence,
        policy: &RotationPolicy,
    ) -> Transition {
        if next.not_after() <= now {
            return to(Step::Abort, self.with(Phase::Stable));
        }
        // Better a few that are not ready than all with certificates that have ended.
        if self.ends(now, policy) {
            return self.activated(next, now);
        }
        let over = since + policy.patience(self.signer.leaf_lifetime);
        if now < over {
            return stay(Waiting::Absent, over);
        }
        let version = self.bundle().version().clone();
        if !evidence.complete || evidence.bundles.iter().any(|held| *held != version) {
            return stay(Waiting::Proxies, now + policy.patience(Duration::ZERO));
        }
        self.activated(next, now)
    }

    fn when_activated(
        &self,
        previous: &CaSlot,
        since: SystemTime,
        now: SystemTime,
        evidence: &Evidence,
        policy: &RotationPolicy,
    ) -> Transition {
        let over = since + policy.patience(previous.leaf_lifetime);
        if now < over {
            return stay(Waiting::Absent, over);
        }
        // What has ended is no use to anybody.
        let in_use = !evidence.complete || evidence.issuers.contains(previous.generation());
        if in_use && now < previous.not_after() {
            return stay(Waiting::Proxies, now + policy.patience(Duration::ZERO));
        }
        self.retired(previous, now)
    }

    fn activated(&self, next: &CaSlot, now: SystemTime) -> Transition {
        to(
            Step::Activate,
            Self {
                signer: next.clone(),
                ..self.with(Phase::Activate {
                    previous: self.signer.clone(),
                    since: whole_seconds(now),
                })
            },
        )
    }

    fn retired(&self, previous: &CaSlot, now: SystemTime) -> Transition {
        let phase = Phase::Retire {
            previous: previous.clone(),
            since: whole_seconds(now),
        };
        to(Step::Retire, self.with(phase))
    }

    fn with(&self, phase: Phase) -> Self {
        Self {
            signer: self.signer.clone(),
            phase,
            hold_until: self.hold_until,
        }
    }

    fn held(&self, now: SystemTime) -> bool {
        self.hold_until.is_some_and(|until| now < until)
    }

    /// Whether the signer has so little left that patience would cost more than haste.
    fn ends(&self, now: SystemTime, policy: &RotationPolicy) -> bool {
        // The user's may live shorter than a leaf would; ours never does.
        let leaf = match self.signer.origin() {
            Origin::Tulle => self.signer.leaf_lifetime,
            Origin::User => Duration::ZERO,
        };
        self.signer.not_after() <= now + policy.patience(leaf)
    }
}

fn trusts(slot: &CaSlot, root: &CertificateDer<'_>) -> bool {
    slot.roots().roots().contains(root)
}

fn to(step: Step, state: CaState) -> Transition {
    Transition::To(step, Box::new(state))
}

fn stay(waiting: Waiting, until: SystemTime) -> Transition {
    Transition::Stay { waiting, until }
}

#[cfg(test)]
mod tests;
