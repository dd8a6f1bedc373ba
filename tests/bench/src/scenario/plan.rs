//! What is run on which mesh, and how often.

use std::str::FromStr;
use std::time::Duration;

use super::change::Pace;
use crate::data::{Calls, PODS_OF_A_WORKLOAD, Shape};
use crate::record::Stack;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Id {
    /// All proxies connect at once
    S1,
    /// An endpoint changes
    S2,
    /// The weight of a route changes
    S3,
    /// A large service is rolled while others change too
    S4,
    /// A large mesh, from start to first proxy
    S5,
    /// Every proxy asks for a certificate
    S6,
    /// Pods are admitted
    S7,
    /// The control plane crashes and comes back
    S8,
    /// S4 for long; with --long
    S9,
    /// A service is rolled while real Envoys call it (Linux, root)
    S10,
    /// Changes of which no configuration follows
    S11,
    /// All proxies connect at once, and the control plane may use 512 MiB
    S12,
    /// A fifth of the proxies is stuck
    S13,
    /// A real Envoy holds what one proxy is sent
    S14,
}

/// A mesh and what is run on it.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// How large.
    pub shape: Shape,
    /// In the order of their names.
    pub scenarios: Vec<Id>,
    /// Who takes part in them, of those that the plan allows.
    pub stacks: Vec<Stack>,
}

/// Everything that a bench does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One after the other.
    pub meshes: Vec<Mesh>,
    /// Who takes part.
    pub stacks: Vec<Stack>,
    /// How often each.
    pub runs: usize,
    /// How often those that are peers.
    pub peer_runs: usize,
    /// Changes of S2, S3, and how far apart.
    pub pace: Pace,
    /// The same for peers, which take many times as long.
    pub peer_pace: Pace,
    /// How long each sort of webhook load goes on.
    pub(super) webhook: Duration,
    /// How long the rolls of S4 take.
    pub(super) rolls: Vec<Duration>,
    /// Whether what shows little that is new is left out: changes told to neither few nor all, a change while the control plane
    /// is away but once.
    pub(super) brief: bool,
    /// How long S9 goes on.
    pub(super) soak: Option<Duration>,
}

/// On a mesh where proxies stay connected.
const CONNECTED: &[Id] = &[
    Id::S1,
    Id::S2,
    Id::S3,
    Id::S4,
    Id::S6,
    Id::S7,
    Id::S8,
    Id::S9,
    Id::S10,
    Id::S11,
    Id::S12,
    Id::S13,
    Id::S14,
];
/// Those that change with what Tulle costs.
const OURS: [Stack; 2] = [Stack::Tulle, Stack::Floor];

impl Mesh {
    fn new(proxies: usize, services: usize, calls: Calls, scenarios: &[Id]) -> Self {
        let mut called_by: Vec<usize> = match calls {
            Calls::All => Vec::new(),
            Calls::Some(_) => vec![PODS_OF_A_WORKLOAD, 100],
        };
        called_by.retain(|count| *count < proxies);
        called_by.push(proxies);
        Self {
            shape: Shape {
                services,
                endpoints: 3,
                proxies,
                calls,
                called_by,
                alike: false,
            },
            scenarios: scenarios.to_vec(),
            stacks: Stack::ALL.to_vec(),
        }
    }

    /// The same, and it asks for what istiod gives unasked.
    fn alike(mut self) -> Self {
        self.shape.alike = true;
        self
    }

    fn only(self, stacks: &[Stack]) -> Self {
        Self {
            stacks: stacks.to_vec(),
            ..self
        }
    }

    /// Its sizes, as scenarios are labelled.
    pub fn label(&self) -> String {
        let calls = match self.shape.calls {
            Calls::All => "all called".to_owned(),
            Calls::Some(count) => format!("{count} called"),
        };
        let alike = if self.shape.alike {
            ", istiod's features"
        } else {
            ""
        };
        let (proxies, services) = (self.shape.proxies, self.shape.services);
        format!("{proxies}×{services}, {calls}{alike}")
    }
}

impl FromStr for Mesh {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is no mesh: say PROXIESxSERVICES or PROXIESxSERVICES:CALLED, and + for istiod's features"
            )
        };
        let (text, alike) = match text.strip_suffix('+') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (sizes, calls) = match text.split_once(':') {
            Some((sizes, calls)) => (sizes, Calls::Some(calls.parse().map_err(|_| wrong())?)),
            None => (text, Calls::All),
        };
        let (proxies, services) = sizes.split_once('x').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
        let proxies = number(proxies).ok_or_else(wrong)?;
        let services = number(services).ok_or_else(wrong)?;
        let mut scenarios = CONNECTED.to_vec();
        scenarios.push(Id::S5);
        let mesh = Self::new(proxies, services, calls, &scenarios);
        Ok(if alike { mesh.alike() } else { mesh })
    }
}

impl Plan {
    /// The usual one.
    pub fn of(quick: bool, istiod: bool) -> Self {
        let some = Calls::Some(20);
        let milliseconds = Duration::from_millis;
        if quick {
            let scenarios = [Id::S1, Id::S2, Id::S3, Id::S8, Id::S11];
            return Self {
                meshes: vec![
                    Mesh::new(500, 500, some, &scenarios),
                    Mesh::new(500, 500, Calls::All, &[Id::S1, Id::S2]),
                ],
                stacks: OURS.to_vec(),
                runs: 5,
                peer_runs: 0,
                pace: Pace {
                    times: 40,
                    apart: milliseconds(20),
                },
                peer_pace: Pace {
                    times: 10,
                    apart: milliseconds(300),
                },
                webhook: Duration::from_secs(2),
                rolls: Vec::new(),
                brief: true,
                soak: None,
            };
        }
        let mut stacks = vec![Stack::Tulle, Stack::Floor, Stack::FloorPlain, Stack::Raw];
        if istiod {
            stacks.extend([Stack::IstiodDefault, Stack::IstiodTuned]);
        }
        let connected: Vec<Id> = CONNECTED
            .iter()
            .copied()
            .filter(|id| *id != Id::S12)
            .collect();
        let unscoped = [Id::S1, Id::S2, Id::S8, Id::S14];
        let cold = [
            Stack::Tulle,
            Stack::Floor,
            Stack::IstiodDefault,
            Stack::IstiodTuned,
        ];
        let alike = [Stack::Tulle, Stack::IstiodDefault, Stack::IstiodTuned];
        Self {
            meshes: vec![
                Mesh::new(1_000, 1_000, some, &connected),
                Mesh::new(1_000, 1_000, Calls::All, &unscoped),
                Mesh::new(100, 1_000, Calls::All, &[Id::S1, Id::S8]),
                Mesh::new(100, 1_000, Calls::All, &[Id::S1])
                    .alike()
                    .only(&alike),
                Mesh::new(5_000, 1_000, some, &[Id::S1, Id::S12]).only(&OURS),
                Mesh::new(100, 10_000, some, &[Id::S5]).only(&OURS),
                Mesh::new(10, 10_000, Calls::All, &[Id::S5]).only(&cold),
            ],
            stacks,
            runs: 5,
            peer_runs: 5,
            pace: Pace {
                times: 100,
                apart: milliseconds(40),
            },
            peer_pace: Pace {
                times: 20,
                apart: milliseconds(300),
            },
            webhook: Duration::from_secs(3),
            rolls: [10, 60].map(Duration::from_secs).to_vec(),
            brief: false,
            soak: None,
        }
    }

    /// Leaves out what is not named; nothing if none is.
    pub(super) fn keep_only(&mut self, named: &[Id]) {
        let soak = self.soak.is_some();
        for mesh in &mut self.meshes {
            mesh.scenarios
                .retain(|id| (named.is_empty() || named.contains(id)) && (*id != Id::S9 || soak));
        }
        self.meshes.retain(|mesh| !mesh.scenarios.is_empty());
        if named.contains(&Id::S4) && self.rolls.is_empty() {
            self.rolls = vec![Duration::from_secs(10)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_is_named_by_its_sizes() {
        let mesh: Mesh = "500x1000:20".parse().unwrap();
        assert_eq!(mesh.label(), "500×1000, 20 called");
        assert_eq!(mesh.shape.called_by, [10, 100, 500]);
        let mesh: Mesh = "100x10".parse().unwrap();
        assert_eq!(
            (mesh.shape.calls, &*mesh.shape.called_by),
            (Calls::All, &[100][..])
        );
        let mesh: Mesh = "100x10+".parse().unwrap();
        assert_eq!(mesh.label(), "100×10, all called, istiod's features");
        assert!("x".parse::<Mesh>().is_err() && "0x3".parse::<Mesh>().is_err());
    }

    #[test]
    fn only_what_is_named_is_run() {
        let mut plan = Plan::of(true, false);
        plan.keep_only(&[Id::S8]);
        assert_eq!(plan.meshes.len(), 1);
        assert_eq!(plan.meshes[0].scenarios, [Id::S8]);
        let mut plan = Plan::of(false, false);
        plan.keep_only(&[]);
        assert!(
            plan.meshes
                .iter()
                .all(|mesh| !mesh.scenarios.contains(&Id::S9))
        );
    }
}
