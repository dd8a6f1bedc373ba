//! Labels of an object.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::Str;

/// Labels of an object: values by keys. Every pod has some, few have many: a sorted list takes no more room than what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Box<[(Str, Str)]>);

impl Labels {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a label; `None` if it is absent.
    pub fn get(&self, key: &str) -> Option<&Str> {
        let place = self.place(key).ok()?;
        Some(&self.0[place].1)
    }

    /// Sets a label.
    pub fn insert(&mut self, key: Str, value: Str) {
        match self.place(&key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.edit(|labels| labels.insert(place, (key, value))),
        }
    }

    /// Takes a label away.
    pub fn remove(&mut self, key: &str) {
        if let Ok(place) = self.place(key) {
            self.edit(|labels| drop(labels.remove(place)));
        }
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, &Str)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Vec<(Str, Str)>)) {
        let mut labels = std::mem::take(&mut self.0).into_vec();
        edit(&mut labels);
        self.0 = labels.into_boxed_slice();
    }
}

/// Of several values of one key the last one counts.
impl FromIterator<(Str, Str)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Str, Str)>>(labels: I) -> Self {
        let sorted: BTreeMap<Str, Str> = labels.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

impl<const N: usize> From<[(Str, Str); N]> for Labels {
    fn from(labels: [(Str, Str); N]) -> Self {
        labels.into_iter().collect()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let labels: BTreeMap<Str, Str> = BTreeMap::deserialize(deserializer)?;
        Ok(labels.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sorted_and_each_key_has_one_value() {
        let str = |text: &str| Str::from(text);
        let mut labels = Labels::from([
            (str("b"), str("1")),
            (str("a"), str("2")),
            (str("b"), str("3")),
        ]);
        labels.insert(str("c"), str("4"));
        labels.insert(str("a"), str("5"));
        labels.remove("b");
        labels.remove("x");
        let told = serde_json::to_string(&labels).unwrap();
        assert_eq!(told, r#"{"a":"5","c":"4"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&told).unwrap(), labels);
        assert_eq!(labels.get("c"), Some(&str("4")));
        assert_eq!(labels.get("b"), None);
    }
}
