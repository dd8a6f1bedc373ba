//! Label selectors, by the rules of Kubernetes.

mod labels;

use serde::{Deserialize, Serialize};

use crate::id::Str;

pub use labels::Labels;

/// All requirements must hold; none at all selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Selector {
    /// The requirements, in the user's order.
    pub requirements: Vec<Requirement>,
}

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// The label's key.
    pub key: Str,
    /// What must hold of its value.
    pub operator: Operator,
}

/// Kubernetes' four selector operators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// The label is there and has one of these values.
    In(Vec<Str>),
    /// The label is absent or has none of these values.
    NotIn(Vec<Str>),
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether the labels satisfy every requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => !value.is_some_and(|value| values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: Operator, labels: &[(&str, &str)]) -> bool {
        let selector = Selector {
            requirements: vec![Requirement {
                key: "mesh".into(),
                operator,
            }],
        };
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        selector.matches(&labels)
    }

    #[test]
    fn operators_follow_kubernetes() {
        let shop = || vec!["shop".into()];
        assert!(holds(Operator::In(shop()), &[("mesh", "shop")]));
        assert!(!holds(Operator::In(shop()), &[]));
        assert!(holds(Operator::NotIn(shop()), &[]));
        assert!(!holds(Operator::NotIn(shop()), &[("mesh", "shop")]));
        assert!(holds(Operator::Exists, &[("mesh", "")]));
        assert!(holds(Operator::DoesNotExist, &[("other", "")]));
        assert!(Selector::default().matches(&Labels::new()));
    }
}
