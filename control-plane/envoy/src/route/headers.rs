//! Changes of headers.

use tulle_model::extras::HeaderEdits;
use tulle_proto::core::header_value_option::HeaderAppendAction;
use tulle_proto::core::{HeaderValue, HeaderValueOption};
use tulle_proto::route::Route;
use tulle_proto::route::weighted_cluster::ClusterWeight;

/// Has a route change the headers of its requests and of their answers.
pub(super) fn change(route: &mut Route, request: &HeaderEdits, response: &HeaderEdits) {
    route.request_headers_to_add = to_add(request);
    route.request_headers_to_remove = to_remove(request);
    route.response_headers_to_add = to_add(response);
    route.response_headers_to_remove = to_remove(response);
}

/// Has one of a route's destinations change them, which Envoy does before the route does.
pub(super) fn change_first(
    cluster: &mut ClusterWeight,
    request: &HeaderEdits,
    response: &HeaderEdits,
) {
    cluster.request_headers_to_add = to_add(request);
    cluster.request_headers_to_remove = to_remove(request);
    cluster.response_headers_to_add = to_add(response);
    cluster.response_headers_to_remove = to_remove(response);
}

/// A header that gets this value in place of any it has.
pub(super) fn set(name: &str, value: &str) -> HeaderValueOption {
    option(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd)
}

fn to_add(edits: &HeaderEdits) -> Vec<HeaderValueOption> {
    let set = edits.set.iter().map(|(name, value)| self::set(name, value));
    let add = edits.add.iter();
    let add = add.map(|(name, value)| option(name, value, HeaderAppendAction::AppendIfExistsOrAdd));
    set.chain(add).collect()
}

fn option(name: &str, value: &str, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.to_owned(),
            ..Default::default()
        }),
        append_action: action.into(),
        ..Default::default()
    }
}

fn to_remove(edits: &HeaderEdits) -> Vec<String> {
    edits.remove.iter().map(ToString::to_string).collect()
}
