//! Lists inside of annotations.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::Rejection;

/// The items of a comma-separated list, blanks trimmed; none for an empty text.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(move |_| !text.trim().is_empty())
}

/// A list of values.
pub(super) fn parse<T: FromStr + Ord>(
    annotation: &'static str,
    text: &str,
    expected: &'static str,
) -> Result<BTreeSet<T>, Rejection> {
    items(text)
        .map(|item| {
            item.parse().map_err(|_| Rejection::MalformedAnnotation {
                annotation,
                expected,
            })
        })
        .collect()
}

/// A list of ports; 0 is none.
pub(super) fn ports(annotation: &'static str, text: &str) -> Result<BTreeSet<u16>, Rejection> {
    let ports = parse(annotation, text, "8080,9080")?;
    if ports.contains(&0) {
        return Err(Rejection::Annotation {
            annotation,
            reason: "0 is no port".to_owned(),
        });
    }
    Ok(ports)
}

/// A list of pairs, each written with one `separator`; both halves are trimmed and not empty.
pub(super) fn pairs<'a>(
    annotation: &'static str,
    text: &'a str,
    separator: char,
    expected: &'static str,
) -> Result<Vec<(&'a str, &'a str)>, Rejection> {
    items(text)
        .map(|item| {
            let mut halves = item.split(separator).map(str::trim);
            match (halves.next(), halves.next(), halves.next()) {
                (Some(one), Some(other), None) if !one.is_empty() => Ok((one, other)),
                _ => Err(Rejection::MalformedAnnotation {
                    annotation,
                    expected,
                }),
            }
        })
        .collect()
}

/// Values as one list.
pub(super) fn join<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    texts.join(",")
}
