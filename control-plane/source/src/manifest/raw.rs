//! Every object of a file, of whatever kind, with nothing taken out of it, and where each of its fields stands.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tulle_crds::FieldPath;

use super::tree::{Content, Mark, Node};
use super::{parse, split};
use crate::change::Place;

/// An object as a file holds it. Of keys that are there twice the last one counts.
#[derive(Debug)]
pub struct RawObject {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// The object.
    pub value: Value,
    /// Where it stands: the place of its `kind`, as in [`crate::Observed::place`].
    pub place: Place,
    node: Node,
    lines_before: u32,
}

impl RawObject {
    /// Where a field stands, written as findings write it (`spec.routes[0].httpRoute`): the place of its key, of an element
    /// of a list the place where it begins. A field that is not there stands where the nearest thing around it does. The
    /// key of an annotation or label alone (`tulle.dev/mtls`) is looked for among those.
    pub fn locate(&self, field: &str) -> Place {
        let (mark, steps) = walk(&self.node, field);
        let named = ["annotations", "labels"].into_iter().find_map(|map| {
            let map = &self.node.get("metadata")?.value.get(map)?.value;
            map.get(field).map(|entry| entry.key_at)
        });
        match (steps, named) {
            (0, Some(mark)) => self.at(mark),
            (0, None) => self.place.clone(),
            _ => self.at(mark),
        }
    }

    fn at(&self, mark: Mark) -> Place {
        Place {
            line: mark.line.saturating_add(self.lines_before),
            column: mark.column,
            file: Arc::clone(&self.place.file),
        }
    }
}

/// Reads the text of a file. Documents that cannot be parsed, or are no objects, are left out: reading manifests tells of
/// them.
pub fn read_objects(file: &Arc<Path>, text: &str) -> Vec<RawObject> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let chunks = if file.extension().is_some_and(|name| name == "json") {
        split::json(text).0
    } else {
        split::yaml(text)
    };
    let parsed = parse::parse(&chunks, 0);
    let mut objects = Vec::new();
    for (chunk, node) in chunks.iter().zip(parsed) {
        if let Ok(node) = node {
            collect(node, file, chunk.lines_before, None, &mut objects);
        }
    }
    objects
}

/// `item_type` is what a list of one kind says of its items.
fn collect(
    mut node: Node,
    file: &Arc<Path>,
    lines_before: u32,
    item_type: Option<(&str, &str)>,
    objects: &mut Vec<RawObject>,
) {
    let text = |key: &str| Some(node.get(key)?.value.as_str()?.to_owned());
    let (api_version, kind) = match (text("apiVersion"), text("kind"), item_type) {
        (Some(api_version), Some(kind), _) => (api_version, kind),
        (_, None, Some((api_version, kind))) => (api_version.to_owned(), kind.to_owned()),
        _ => return,
    };
    let item_kind = kind
        .strip_suffix("List")
        .filter(|_| node.get("items").is_some());
    if let Some(item_kind) = item_kind {
        let item_type = (!item_kind.is_empty()).then_some((api_version.as_str(), item_kind));
        for item in take_items(&mut node) {
            collect(item, file, lines_before, item_type, objects);
        }
        return;
    }
    let at = node.get("kind").map_or(node.at, |entry| entry.key_at);
    let mut value = node.to_value(&FieldPath::root(), &mut Vec::new());
    if let Value::Object(root) = &mut value {
        root.insert("apiVersion".to_owned(), api_version.clone().into());
        root.insert("kind".to_owned(), kind.clone().into());
    }
    objects.push(RawObject {
        api_version,
        kind,
        value,
        place: Place {
            file: Arc::clone(file),
            line: at.line.saturating_add(lines_before),
            column: at.column,
        },
        node,
        lines_before,
    });
}

fn take_items(node: &mut Node) -> Vec<Node> {
    let Content::Map(entries) = &mut node.content else {
        return Vec::new();
    };
    let items = entries.iter_mut().rev().find(|entry| entry.key == "items");
    match items.map(|entry| std::mem::replace(&mut entry.value.content, Content::Null)) {
        Some(Content::List(items)) => items,
        _ => Vec::new(),
    }
}

/// How far a path leads, and how many steps of it.
fn walk(root: &Node, field: &str) -> (Mark, usize) {
    let mut node = root;
    let mut mark = root.at;
    let mut steps = 0;
    for step in Steps(field) {
        let next = match (step, &node.content) {
            (Step::Bracketed(text), Content::List(items)) => {
                let item = text.parse().ok().and_then(|index: usize| items.get(index));
                item.map(|item| (item.at, item))
            }
            (Step::Bracketed(key) | Step::Plain(key), _) => {
                node.get(key).map(|entry| (entry.key_at, &entry.value))
            }
        };
        let Some((at, value)) = next else { break };
        (mark, node) = (at, value);
        steps += 1;
    }
    (mark, steps)
}

/// A step of a path: `.spec`, or `[0]`, or `[app.kubernetes.io/name]`.
enum Step<'a> {
    Plain(&'a str),
    Bracketed(&'a str),
}

/// The steps of a path, as [`FieldPath`] writes them.
struct Steps<'a>(&'a str);

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let rest = self.0.strip_prefix('.').unwrap_or(self.0);
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('[')
            && let Some((inside, after)) = inner.split_once(']')
        {
            self.0 = after;
            return Some(Step::Bracketed(inside));
        }
        let mut letters = rest.char_indices().skip(1);
        let end = letters.find(|(_, letter)| ['.', '['].contains(letter));
        let end = end.map_or(rest.len(), |(at, _)| at);
        let (key, after) = rest.split_at(end);
        self.0 = after;
        Some(Step::Plain(key))
    }
}

#[cfg(test)]
mod tests;
