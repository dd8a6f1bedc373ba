//! Reading a culprit's name from the text of a NACK.
//!
//! The text is for people and may change with any release of a client, so a name found here is a hint: the caller falls
//! back to trying halves. Known shapes: Envoy's `Error adding/updating cluster(s) bad: why, worse: why` (listeners
//! alike, one a line), gRPC's `[resource index 0: bad: why; …]`.

use std::sync::Arc;

/// Where the name of a resource may begin.
const OPENINGS: [&str; 5] = ["(s) ", ", ", "; ", "\n", "["];
const INDEX: &str = "resource index ";

/// Those of `names` that the text complains about, in the order of `names`.
pub(crate) fn culprits<'a>(text: &str, names: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    // escaped on the way in
    let text = text.replace("\\n", "\n");
    let starts = starts(&text);
    names
        .filter(|name| starts.iter().any(|at| begins(&text[*at..], name)))
        .cloned()
        .collect()
}

fn starts(text: &str) -> Vec<usize> {
    let mut starts = vec![0];
    for opening in OPENINGS {
        starts.extend(
            text.match_indices(opening)
                .map(|(at, _)| at + opening.len()),
        );
    }
    for (at, _) in text.match_indices(INDEX) {
        let after = at + INDEX.len();
        let digits = text[after..].bytes().take_while(u8::is_ascii_digit).count();
        if text[after + digits..].starts_with(": ") {
            starts.push(after + digits + 2);
        }
    }
    for start in &mut starts {
        *start += text[*start..].len() - text[*start..].trim_start().len();
    }
    starts
}

fn begins(text: &str, name: &str) -> bool {
    text.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, names: &[&str]) -> Vec<String> {
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
        culprits(text, names.iter())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn envoy_names_clusters_and_listeners() {
        let text = "Error adding/updating cluster(s) bad1: no such thing, bad2: Proto constraint validation failed";
        assert_eq!(found(text, &["bad1", "bad2", "good"]), ["bad1", "bad2"]);
        assert_eq!(
            found(
                "Error adding/updating listener(s) lb: why\\nla: too",
                &["la", "lb", "lc"]
            ),
            ["la", "lb"]
        );
    }

    #[test]
    fn names_with_odd_characters() {
        let text = "Error adding/updating cluster(s) outbound|80||svc.ns.svc.cluster.local: reason";
        assert_eq!(
            found(text, &["outbound|80||svc.ns.svc.cluster.local", "svc"]),
            ["outbound|80||svc.ns.svc.cluster.local"]
        );
    }

    #[test]
    fn grpc_names_by_index() {
        let text = "xDS response validation errors: [resource index 1: b: INVALID_ARGUMENT: x; resource index 2: c: y]";
        assert_eq!(found(text, &["a", "b", "c"]), ["b", "c"]);
    }

    #[test]
    fn a_name_inside_a_reason_is_not_blamed() {
        let text = "Error adding/updating cluster(s) bad: needs good to be there: good";
        assert_eq!(found(text, &["bad", "good"]), ["bad"]);
        assert_eq!(
            found("a prefix alone does not count: bad", &["bad", "a"]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_name_that_begins_another_is_not_blamed() {
        assert_eq!(
            found(
                "Error adding/updating cluster(s) bad-two: x",
                &["bad", "bad-two"]
            ),
            ["bad-two"]
        );
    }

    #[test]
    fn nothing_found_in_free_text() {
        assert_eq!(found("Failed to parse", &["a", "b"]), Vec::<String>::new());
        assert_eq!(found("", &["a"]), Vec::<String>::new());
    }
}
