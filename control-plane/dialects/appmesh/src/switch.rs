//! Tulle's own switches, which are annotations or labels of the user's objects.

use std::fmt::Display;
use std::str::FromStr;

use tulle_crds::core::ObjectMeta;
use tulle_model::policy::{DISCOVERY_SWITCH, DiscoveryMode, MTLS_SWITCH, MtlsMode};

use crate::field::Field;
use crate::report::{Report, code};

/// What the object says of mTLS.
pub(crate) fn mtls(report: &mut Report, metadata: &ObjectMeta) -> Option<MtlsMode> {
    switch(
        report,
        metadata,
        MTLS_SWITCH,
        "write permissive, strict or off",
    )
}

/// What the object says of how clients find it.
pub(crate) fn discovery(report: &mut Report, metadata: &ObjectMeta) -> Option<DiscoveryMode> {
    switch(report, metadata, DISCOVERY_SWITCH, "write dns or endpoints")
}

/// The value of a switch. Where both annotation and label say something that can be understood, the
/// annotation counts; `help` tells what can be.
fn switch<T>(report: &mut Report, metadata: &ObjectMeta, key: &str, help: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Copy + PartialEq,
{
    let places = [
        ("annotations", metadata.annotations.as_ref()),
        ("labels", metadata.labels.as_ref()),
    ];
    let mut counts: Option<T> = None;
    for (place, entries) in places {
        let Some(text) = entries.and_then(|entries| entries.get(key)) else {
            continue;
        };
        let field = Field::metadata_entry(place, key);
        match (text.parse::<T>(), counts) {
            (Ok(value), None) => counts = Some(value),
            (Ok(value), Some(known)) if value != known => report.warning(
                code::DUPLICATE,
                &field,
                format!("the label says {value}, the annotation {known}; the annotation counts"),
                "remove one of the two",
            ),
            (Ok(_), Some(_)) => {}
            (Err(error), _) => {
                report.error(
                    code::INVALID,
                    &field,
                    format!("{error}; it is passed over"),
                    help,
                );
            }
        }
    }
    counts
}
