//! A route's weighted targets, and those that get copies.

use std::time::Duration;

use tulle_model::extras::Mirror;
use tulle_model::fragment::{Listener, Ref, Route};
use tulle_model::linked::{Destination, WeightedDestination};
use tulle_model::policy::{Protocol, Timeouts};
use tulle_model::{Code, Finding, Name, ObjectId, Severity, codes};

use crate::key::Kind;
use crate::reader::Reader;
use crate::value::Server;
use crate::{alias, limits};

/// What a destination is called that is chosen for a share of the requests.
const TARGET: &str = "target";
/// What a destination is called that gets copies.
const MIRROR: &str = "mirror";

/// A destination as the user names it.
struct Wanted<'a> {
    word: &'static str,
    workload: &'a Ref,
    /// `None`: its only listener.
    port: Option<u16>,
    field: &'a str,
}

/// A route on one port of its router.
pub(super) struct Targets<'a> {
    pub(super) object: &'a ObjectId,
    pub(super) route: &'a Route,
    pub(super) mesh: &'a Name,
    pub(super) port: u16,
}

impl Targets<'_> {
    /// The targets that can be reached, in the user's order; a destination that occurs twice has the
    /// sum of its weights. A target that cannot be reached is left out with its weight, and said.
    pub(super) fn resolve(&self, reader: &mut Reader<'_>) -> Vec<WeightedDestination> {
        let mut resolved: Vec<WeightedDestination> = vec![];
        for target in &self.route.targets {
            let wanted = Wanted {
                word: TARGET,
                workload: &target.workload,
                port: target.port,
                field: &self.route.field,
            };
            let Some(to) = self.destination(&wanted, reader) else {
                continue;
            };
            match resolved.iter_mut().find(|other| other.to == to) {
                Some(same) => same.weight = same.weight.saturating_add(target.weight),
                None => resolved.push(WeightedDestination {
                    to,
                    weight: target.weight,
                }),
            }
        }
        resolved
    }

    /// Where copies go, in the user's order. What cannot be reached gets none, and is said. TCP has no requests to copy.
    pub(super) fn mirrors(&self, reader: &mut Reader<'_>) -> Vec<Mirror<Destination>> {
        let is_http = self.route.protocol.is_http();
        let mirrors = self.route.extras.mirrors.iter().filter(|_| is_http);
        let resolved = mirrors.filter_map(|mirror| {
            let wanted = Wanted {
                word: MIRROR,
                workload: &mirror.to.workload,
                port: mirror.to.port,
                field: &mirror.to.field,
            };
            Some(Mirror {
                to: self.destination(&wanted, reader)?,
                share: mirror.share,
            })
        });
        resolved.collect()
    }

    /// `None` if it cannot be reached, which is said.
    fn destination(&self, wanted: &Wanted<'_>, reader: &mut Reader<'_>) -> Option<Destination> {
        match self.find(wanted, reader) {
            Ok(to) => Some(to),
            Err(finding) => {
                reader.report(*finding);
                None
            }
        }
    }

    fn find(
        &self,
        wanted: &Wanted<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Destination, Box<Finding>> {
        let name = alias::resolve(Kind::Workload, self.mesh, wanted.workload, reader).map_err(
            |unresolved| {
                let unresolved = unresolved.effect(&self.effect(wanted));
                Box::new(unresolved.finding(self.object, wanted.field))
            },
        )?;
        let server = reader
            .server(&name)
            .ok_or_else(|| self.error(codes::DANGLING_REFERENCE, wanted, "does not exist", ""))?;
        let listener = self.listener(wanted, &server)?;
        self.warn_of_protocol(wanted, listener, reader);
        self.warn_of_timeouts(wanted, listener, reader);
        Ok(Destination {
            workload: name,
            alias: server.alias.clone(),
            protocol: listener.protocol,
            port: listener.port,
        })
    }

    /// What becomes of what cannot be reached.
    fn effect(&self, wanted: &Wanted<'_>) -> String {
        format!(
            "this {} of route {} is left out",
            wanted.word, self.route.name
        )
    }

    /// The listener that is meant: the one named, the only one, or the one on the router's own port.
    fn listener<'s>(
        &self,
        wanted: &Wanted<'_>,
        server: &'s Server,
    ) -> Result<&'s Listener, Box<Finding>> {
        if let Some(what) = unreachable(server) {
            return Err(self.error(codes::NO_LISTENER, wanted, what, UNREACHABLE_HELP));
        }
        let on = |port: u16| {
            server
                .listeners
                .iter()
                .find(|listener| listener.port == port)
        };
        match (wanted.port, server.listeners.as_slice()) {
            (Some(port), _) => on(port).ok_or_else(|| {
                let what = format!("does not listen on port {port}");
                let help = format!("correct the {}'s port", wanted.word);
                self.error(codes::NO_SUCH_PORT, wanted, &what, &help)
            }),
            (None, [only]) => Ok(only),
            (None, _) => on(self.port).ok_or_else(|| {
                let what = format!(
                    "has several listeners, none of them on the router's port {}",
                    self.port
                );
                let help = format!("set the {}'s port", wanted.word);
                self.error(codes::AMBIGUOUS_PORT, wanted, &what, &help)
            }),
        }
    }

    fn error(&self, code: Code, wanted: &Wanted<'_>, what: &str, help: &str) -> Box<Finding> {
        let message = format!("{} {what}; {}", told(wanted.workload), self.effect(wanted));
        let finding = Finding::new(Severity::Error, code, self.object, wanted.field, message);
        Box::new(finding.help(help))
    }

    fn warn_of_protocol(&self, wanted: &Wanted<'_>, listener: &Listener, reader: &mut Reader<'_>) {
        if self.route.protocol.is_http() == listener.protocol.is_http() {
            return;
        }
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::PROTOCOL_MISMATCH,
                self.object,
                wanted.field,
                format!(
                    "route {} is for {}, and {} speaks {} on port {}",
                    self.route.name,
                    self.route.protocol.as_str(),
                    told(wanted.workload),
                    listener.protocol.as_str(),
                    listener.port
                ),
            )
            .help(format!(
                "give the router and its {} one protocol",
                wanted.word
            )),
        );
    }

    /// A request passes two proxies, and the shorter of their limits holds.
    fn warn_of_timeouts(&self, wanted: &Wanted<'_>, listener: &Listener, reader: &mut Reader<'_>) {
        let protocol = self.route.protocol;
        // Nobody waits for a mirror.
        if wanted.word == MIRROR || !protocol.is_http() || !listener.protocol.is_http() {
            return;
        }
        let limit = |timeouts: Timeouts, protocol: Protocol| {
            limits::limits(timeouts, protocol)
                .request
                .unwrap_or(Duration::MAX)
        };
        let here = limit(self.route.timeouts, protocol);
        let there = limit(listener.timeouts, listener.protocol);
        if here <= limits::REQUEST || there >= here {
            return;
        }
        let here = match here {
            Duration::MAX => "no limit".to_owned(),
            limit => format!("{} s", limit.as_secs_f64()),
        };
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::TIMEOUT_CUT_SHORT,
                self.object,
                &self.route.field,
                format!(
                    "route {} allows a request {here}, but {} ends it after {} s on port {}",
                    self.route.name,
                    told(wanted.workload),
                    there.as_secs_f64(),
                    listener.port
                ),
            )
            .help("raise the timeout of the target's listener too: the shorter one holds"),
        );
    }
}

/// Why nobody can call a workload, if nobody can.
pub(crate) fn unreachable(server: &Server) -> Option<&'static str> {
    if server.listeners.is_empty() {
        Some("has no listener")
    } else if server.discovery.is_none() {
        Some("has no serviceDiscovery")
    } else {
        None
    }
}

/// The way out of `unreachable`.
pub(crate) const UNREACHABLE_HELP: &str =
    "give it a listener and a serviceDiscovery, or point to another VirtualNode";

fn told(workload: &Ref) -> String {
    let word = Kind::Workload.word();
    match workload {
        Ref::Name(name) => format!("{word} {name}"),
        Ref::Alias(alias) => format!("{word} {alias}"),
    }
}
