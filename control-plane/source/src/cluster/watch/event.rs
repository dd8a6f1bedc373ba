//! What the API server writes: events of a watch, pages of a list.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kube::core::Status;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::Failure;

/// The annotation of the bookmark at the end of a streaming list.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// An event of a watch.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// An object is so.
    Put(&'a RawValue),
    /// An object is gone; with the version of the collection in which it went.
    Gone(&'a RawValue, Option<String>),
    /// Everything up to this version has been told.
    Bookmark {
        /// The version.
        version: Option<String>,
        /// Whether the list is complete by it.
        ends_list: bool,
    },
}

#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct Versioned {
    metadata: Version,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    #[serde(default)]
    resource_version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Bookmark {
    metadata: BookmarkMetadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMetadata {
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads an event; an error that the server tells as one is a failure, and so is what is none.
pub(super) fn event(line: &[u8]) -> Result<Event<'_>, Failure> {
    let garbled = |error: serde_json::Error| Failure::garbled(&error);
    let Line { type_, object } = serde_json::from_slice(line).map_err(garbled)?;
    match &*type_ {
        "ADDED" | "MODIFIED" => Ok(Event::Put(object)),
        "DELETED" => Ok(Event::Gone(object, version_of(object))),
        "BOOKMARK" => {
            let Bookmark { metadata } = serde_json::from_str(object.get()).map_err(garbled)?;
            let annotations = metadata.annotations.unwrap_or_default();
            Ok(Event::Bookmark {
                version: given(metadata.resource_version),
                ends_list: annotations
                    .get(END_OF_LIST)
                    .is_some_and(|end| end == "true"),
            })
        }
        "ERROR" => {
            let status: Status = serde_json::from_str(object.get()).map_err(garbled)?;
            Err(Failure::from_status(&status))
        }
        // A kind of event that is younger than this code.
        _ => Ok(Event::Bookmark {
            version: None,
            ends_list: false,
        }),
    }
}

/// The version of the collection in which an object became what it is.
pub(in crate::cluster) fn version_of(object: &RawValue) -> Option<String> {
    let versioned: Versioned = serde_json::from_str(object.get()).ok()?;
    given(versioned.metadata.resource_version)
}

fn given(version: Option<String>) -> Option<String> {
    version.filter(|version| !version.is_empty())
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// Its objects.
    pub(super) items: Vec<&'a RawValue>,
    /// The version of the collection.
    pub(super) version: Option<String>,
    /// How to ask for the next page, if there is one.
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct List<'a> {
    metadata: ListMetadata,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Reads a page.
pub(super) fn page(text: &str) -> Result<Page<'_>, Failure> {
    let List { metadata, items } =
        serde_json::from_str(text).map_err(|error| Failure::garbled(&error))?;
    Ok(Page {
        items: items.unwrap_or_default(),
        version: given(metadata.resource_version),
        next: given(metadata.next),
    })
}
