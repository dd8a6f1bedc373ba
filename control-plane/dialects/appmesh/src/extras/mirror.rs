//! Copies of requests.

use tulle_model::extras::{Mirror, Share};
use tulle_model::fragment::{MirrorTarget, Ref};

use crate::annotation::{Given, PASSED_OVER};
use crate::names;
use crate::report::{LeftOut, Report, code};

/// `{virtualNode, port, percent}`, or a list of them.
pub(super) fn mirrors(
    report: &mut Report,
    given: Given,
) -> Result<Vec<Mirror<MirrorTarget>>, LeftOut> {
    let all: Vec<_> = given
        .entries()
        .into_iter()
        .map(|given| mirror(report, given))
        .collect();
    let all: Vec<_> = all.into_iter().collect::<Result<_, _>>()?;
    Ok(all
        .into_iter()
        .filter(|mirror: &Mirror<_>| mirror.share.millionths() > 0)
        .collect())
}

fn mirror(report: &mut Report, given: Given) -> Result<Mirror<MirrorTarget>, LeftOut> {
    const HELP: &str = "write virtualNode, and port and percent where they are meant, such as {virtualNode: shadow, percent: 10}";
    let mut members = given.members(report, HELP)?;
    let field = members.field.clone();
    let node = members.require(report, "virtualNode", HELP);
    let (port, share) = (members.take("port"), members.take("percent"));
    let ended = members.end(report);
    let workload = node.and_then(|given| workload(report, given));
    let port = port.map(|given| given.number(report, 1..=u32::from(u16::MAX)));
    let share = share.map_or(Ok(Share::ALL), |given| given.percent(report));
    ended?;
    let port = port
        .transpose()?
        .map(|port| u16::try_from(port).expect("a number of the range of ports"));
    Ok(Mirror {
        to: MirrorTarget {
            workload: workload?,
            port,
            field: field.as_str().into(),
        },
        share: share?,
    })
}

/// A name, or `{name, namespace}`.
fn workload(report: &mut Report, given: Given) -> Result<Ref, LeftOut> {
    const HELP: &str = "write the VirtualNode's name, or {name: …, namespace: …}";
    let field = given.field.clone();
    let holder = report.object().namespace.clone();
    let (name, namespace) = if given.is_mapping() {
        let mut members = given.members(report, HELP)?;
        let name = members.require(report, "name", HELP);
        let namespace = members.take("namespace");
        let ended = members.end(report);
        let name = name.and_then(|given| given.quoted(report));
        let namespace = namespace.map(|given| given.quoted(report)).transpose();
        ended?;
        (name?, namespace?)
    } else {
        (given.quoted(report)?, None)
    };
    if name.is_empty() {
        let message = format!("it names no VirtualNode; {PASSED_OVER}");
        return Err(report.error(code::REFERENCE, &field, message, HELP));
    }
    let namespace = names::namespace_of(namespace.as_deref(), &holder);
    Ok(Ref::Name(names::name(namespace, &name)))
}
