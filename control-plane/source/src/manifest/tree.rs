//! A YAML or JSON document as a tree that remembers where everything stands.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};
use tulle_crds::{FieldPath, Segment};

/// A position in a text; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl From<Location> for Mark {
    fn from(location: Location) -> Self {
        let small = |number: u64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Self {
            line: small(location.line()),
            column: small(location.column()),
        }
    }
}

/// A value and where it begins. An alias stands where it is used.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) content: Content,
}

/// What a node holds.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    /// In the order of the text; a key may be there more than once.
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Mark,
    pub(super) value: Node,
}

/// A key that a map holds more than once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DuplicateKey {
    pub(super) path: FieldPath,
    /// Where the key is for the second time, or a later one.
    pub(super) again: Mark,
}

impl Node {
    /// The member of a map; the last one, as in [`Node::to_value`].
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().rev().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    pub(super) fn as_list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    /// Where the value at `path` begins, or the nearest thing around it that is there.
    pub(super) fn locate(&self, path: &FieldPath) -> Mark {
        let mut node = self;
        for segment in path.segments() {
            let next = match segment {
                Segment::Key(key) => node.get(key).map(|entry| &entry.value),
                Segment::Index(index) => node.as_list().and_then(|items| items.get(*index)),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.at
    }

    /// How many values there are, this one included.
    pub(super) fn size(&self) -> usize {
        1 + match &self.content {
            Content::List(items) => items.iter().map(Node::size).sum(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
            _ => 0,
        }
    }

    /// The plain value; where a key is there more than once, the last one counts, as for kubectl,
    /// and it is added to `duplicates`.
    pub(super) fn to_value(&self, path: &FieldPath, duplicates: &mut Vec<DuplicateKey>) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::String(value) => Value::String(value.clone()),
            Content::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| item.to_value(&path.index(index), duplicates))
                .collect(),
            Content::Map(entries) => {
                let mut members = Map::new();
                let mut seen = HashSet::new();
                for entry in entries {
                    let path = path.key(&entry.key);
                    if !seen.insert(&entry.key) {
                        duplicates.push(DuplicateKey {
                            path: path.clone(),
                            again: entry.key_at,
                        });
                    }
                    members.insert(entry.key.clone(), entry.value.to_value(&path, duplicates));
                }
                Value::Object(members)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            at: spanned.referenced.into(),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value);
        number
            .map(Content::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<Key>, Node>()? {
            entries.push(Entry {
                key: key.value.0,
                key_at: key.referenced.into(),
                value,
            });
        }
        Ok(Content::Map(entries))
    }
}

/// A key of a map. Kubernetes' objects have text for keys; YAML's other scalars are taken as the
/// text that they are written as.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Key)
    }
}
