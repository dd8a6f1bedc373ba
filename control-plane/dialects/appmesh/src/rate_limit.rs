//! `tulle.dev/rate-limit`: how often a node's or gateway's listeners take a request or a connection.

use std::time::Duration;

use tulle_crds::core::ObjectMeta;
use tulle_model::extras::RateLimit;
use tulle_model::fragment::Listener;

use crate::annotation::known::RATE_LIMIT;
use crate::annotation::{self, Given, PASSED_OVER};
use crate::field::Field;
use crate::number::COUNT;
use crate::report::{LeftOut, Report, code};

const HELP: &str =
    "write {requests: 100, per: 1s}, or a list of such entries with the port of each";

/// Envoy refuses to fill a bucket more often.
const SHORTEST: Duration = Duration::from_millis(50);

/// Gives the listeners the limits that the object asks for. An entry that cannot be used is passed over alone.
pub(crate) fn rate_limits(report: &mut Report, metadata: &ObjectMeta, listeners: &mut [Listener]) {
    let Some(given) = annotation::given(report, metadata, RATE_LIMIT) else {
        return;
    };
    for given in given.entries() {
        // What is wrong has been told by whoever found it.
        let _ = Entry::read(report, given).and_then(|entry| entry.apply(report, listeners));
    }
}

/// What is written for one listener.
struct Entry {
    field: Field,
    port: Option<(Field, u16)>,
    /// `requests` or `connections`.
    counted: &'static str,
    limit: RateLimit,
}

impl Entry {
    fn read(report: &mut Report, given: Given) -> Result<Self, LeftOut> {
        let mut members = given.members(report, HELP)?;
        let field = members.field.clone();
        let port = members.take("port");
        let requests = members.take("requests");
        let connections = members.take("connections");
        let per = members.require(report, "per", HELP);
        let burst = members.take("burst");
        members.end(report)?;
        let (counted, tokens) = match (requests, connections) {
            (Some(requests), None) => ("requests", requests),
            (None, Some(connections)) => ("connections", connections),
            (None, None) => {
                let message = format!("neither requests nor connections is set; {PASSED_OVER}");
                return Err(report.error(code::MISSING, &field, message, HELP));
            }
            (Some(_), Some(_)) => {
                let message = format!("requests and connections exclude each other; {PASSED_OVER}");
                let help = "write requests for http, http2 and grpc, connections for tcp";
                return Err(report.error(code::CONFLICT, &field, message, help));
            }
        };
        let tokens = tokens.number(report, COUNT)?;
        let limit = RateLimit {
            tokens,
            interval: interval(report, per?)?,
            burst: match burst {
                Some(burst) => burst.number(report, COUNT)?,
                None => tokens,
            },
        };
        let port = match port {
            Some(port) => {
                let field = port.field.clone();
                // A port fits: the range says so.
                let number = port.number(report, 1..=65_535)?;
                Some((field, u16::try_from(number).unwrap_or(u16::MAX)))
            }
            None => None,
        };
        Ok(Self {
            field,
            port,
            counted,
            limit,
        })
    }

    fn apply(self, report: &mut Report, listeners: &mut [Listener]) -> Result<(), LeftOut> {
        let listener = self.listener(report, listeners)?;
        let expected = match listener.protocol.is_http() {
            true => "requests",
            false => "connections",
        };
        if self.counted != expected {
            let protocol = listener.protocol.as_str();
            return Err(report.error(
                code::CONFLICT,
                &self.field.key(self.counted),
                format!(
                    "the listener on port {} speaks {protocol}, whose {expected} are counted; {PASSED_OVER}",
                    listener.port
                ),
                format!("write {expected} in place of {}", self.counted),
            ));
        }
        if listener.rate_limit.is_some() {
            let message = format!("port {} has a limit already; {PASSED_OVER}", listener.port);
            let help = "keep one entry for each port";
            return Err(report.error(code::DUPLICATE, &self.field, message, help));
        }
        listener.rate_limit = Some(self.limit);
        Ok(())
    }

    /// The listener that is meant: the one on the port, or the only one.
    fn listener<'a>(
        &self,
        report: &mut Report,
        listeners: &'a mut [Listener],
    ) -> Result<&'a mut Listener, LeftOut> {
        let ports: Vec<String> = listeners.iter().map(|own| own.port.to_string()).collect();
        let help = match ports.as_slice() {
            [] => {
                "give the object a listener that can be used, or remove the annotation".to_owned()
            }
            ports => format!("the listeners' ports are {}", ports.join(", ")),
        };
        let (field, message) = match (&self.port, listeners) {
            (Some((field, port)), listeners) => {
                match listeners.iter_mut().find(|own| own.port == *port) {
                    Some(listener) => return Ok(listener),
                    None => (field, format!("there is no listener on port {port}")),
                }
            }
            (None, [only]) => return Ok(only),
            (None, []) => (&self.field, "there is no listener".to_owned()),
            (None, _) => {
                let message = format!("several listeners, and no port is named; {PASSED_OVER}");
                return Err(report.error(code::AMBIGUOUS, &self.field, message, help));
            }
        };
        Err(report.error(
            code::INVALID,
            field,
            format!("{message}; {PASSED_OVER}"),
            help,
        ))
    }
}

fn interval(report: &mut Report, given: Given) -> Result<Duration, LeftOut> {
    let field = given.field.clone();
    let interval = given.duration(report)?;
    if interval >= SHORTEST {
        return Ok(interval);
    }
    Err(report.error(
        code::REFUSED,
        &field,
        format!("Envoy counts in no time shorter than 50ms; {PASSED_OVER}"),
        "count what comes in a longer time, such as ten times as many in 1s",
    ))
}
