//! A route's weighted targets.

use std::time::Duration;

use tulle_model::fragment::{Listener, Ref, Route, Target};
use tulle_model::linked::{Destination, WeightedDestination};
use tulle_model::policy::{Protocol, Timeouts};
use tulle_model::{Code, Finding, Name, ObjectId, Severity, codes};

use crate::key::Kind;
use crate::reader::Reader;
use crate::value::Server;
use crate::{alias, limits};

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
            let to = match self.destination(target, reader) {
                Ok(to) => to,
                Err(finding) => {
                    reader.report(*finding);
                    continue;
                }
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

    fn destination(
        &self,
        target: &Target,
        reader: &mut Reader<'_>,
    ) -> Result<Destination, Box<Finding>> {
        let name = alias::resolve(Kind::Workload, self.mesh, &target.workload, reader).map_err(
            |unresolved| {
                let effect = format!("this target of route {} is left out", self.route.name);
                let unresolved = unresolved.effect(&effect);
                Box::new(unresolved.finding(self.object, &self.route.field))
            },
        )?;
        let server = reader
            .server(&name)
            .ok_or_else(|| self.error(codes::DANGLING_REFERENCE, target, "does not exist", ""))?;
        let listener = self.listener(target, &server)?;
        self.warn_of_protocol(target, listener, reader);
        self.warn_of_timeouts(target, listener, reader);
        Ok(Destination {
            workload: name,
            alias: server.alias.clone(),
            protocol: listener.protocol,
            port: listener.port,
        })
    }

    /// The listener that is meant: the one named, the only one, or the one on the router's own port.
    fn listener<'s>(
        &self,
        target: &Target,
        server: &'s Server,
    ) -> Result<&'s Listener, Box<Finding>> {
        if let Some(what) = unreachable(server) {
            return Err(self.error(codes::NO_LISTENER, target, what, UNREACHABLE_HELP));
        }
        let on = |port: u16| {
            server
                .listeners
                .iter()
                .find(|listener| listener.port == port)
        };
        match (target.port, server.listeners.as_slice()) {
            (Some(port), _) => on(port).ok_or_else(|| {
                let what = format!("does not listen on port {port}");
                self.error(
                    codes::NO_SUCH_PORT,
                    target,
                    &what,
                    "correct the target's port",
                )
            }),
            (None, [only]) => Ok(only),
            (None, _) => on(self.port).ok_or_else(|| {
                let what = format!(
                    "has several listeners, none of them on the router's port {}",
                    self.port
                );
                self.error(
                    codes::AMBIGUOUS_PORT,
                    target,
                    &what,
                    "set the target's port",
                )
            }),
        }
    }

    fn error(&self, code: Code, target: &Target, what: &str, help: &str) -> Box<Finding> {
        let message = format!(
            "{} {what}; this target of route {} is left out",
            told(&target.workload),
            self.route.name
        );
        let finding = Finding::new(
            Severity::Error,
            code,
            self.object,
            &self.route.field,
            message,
        );
        Box::new(finding.help(help))
    }

    fn warn_of_protocol(&self, target: &Target, listener: &Listener, reader: &mut Reader<'_>) {
        if self.route.protocol.is_http() == listener.protocol.is_http() {
            return;
        }
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::PROTOCOL_MISMATCH,
                self.object,
                &self.route.field,
                format!(
                    "route {} is for {}, and {} speaks {} on port {}",
                    self.route.name,
                    self.route.protocol.as_str(),
                    told(&target.workload),
                    listener.protocol.as_str(),
                    listener.port
                ),
            )
            .help("give the router and its target one protocol"),
        );
    }

    /// A request passes two proxies, and the shorter of their limits holds.
    fn warn_of_timeouts(&self, target: &Target, listener: &Listener, reader: &mut Reader<'_>) {
        let protocol = self.route.protocol;
        if !protocol.is_http() || !listener.protocol.is_http() {
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
                    told(&target.workload),
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
