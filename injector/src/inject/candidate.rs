//! What may select a pod.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;

use tulle_model::fragment::{Fragment, Mesh};
use tulle_model::selector::{Labels, Operator, Selector};
use tulle_model::{Name, ProxyId, ProxyKind, Str};

/// A VirtualNode or VirtualGateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The object.
    pub id: ProxyId,
    /// The awsName of its mesh; `None` while it belongs to none.
    pub mesh: Option<Str>,
    /// Its awsName.
    pub alias: Str,
    /// Its pods; `None` selects nothing.
    pub pods: Option<Selector>,
    /// The ports of its listeners.
    pub ports: BTreeSet<u16>,
    /// The file of its access log, in the proxy's container.
    pub access_log: Option<Str>,
}

impl Candidate {
    /// `node.cluster`, as App Mesh's users know it: `mesh/<mesh>/virtualNode/<name>`.
    pub(super) fn resource(&self) -> String {
        let kind = match self.id.kind {
            ProxyKind::VirtualNode => "virtualNode",
            ProxyKind::VirtualGateway => "virtualGateway",
        };
        let mesh = self.mesh.as_deref().unwrap_or_default();
        format!("mesh/{mesh}/{kind}/{}", self.alias)
    }
}

/// The VirtualNodes and VirtualGateways of a namespace, in order. A pod's are found by its labels: there may be a thousand, and of
/// most it takes one label to tell that they are not the pod's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidates {
    all: Vec<Candidate>,
    /// By a label that all their pods have, and its value.
    by_label: HashMap<Str, HashMap<Str, Vec<usize>>>,
    /// Those whose pods need not have any one label.
    others: Vec<usize>,
}

impl Candidates {
    /// Those that select pods with these labels.
    pub(super) fn selecting(&self, labels: &Labels) -> Vec<&Candidate> {
        let of_labels = labels.iter().filter_map(|(key, value)| {
            let places = self.by_label.get(key)?.get(value)?;
            Some(places)
        });
        let mut places: Vec<usize> = of_labels.chain([&self.others]).flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        let mut selecting: Vec<&Candidate> =
            places.into_iter().map(|place| &self.all[place]).collect();
        selecting.retain(|candidate| {
            let pods = candidate.pods.as_ref();
            pods.is_some_and(|pods| pods.matches(labels))
        });
        selecting
    }
}

impl From<Vec<Candidate>> for Candidates {
    fn from(mut all: Vec<Candidate>) -> Self {
        all.sort_by(|one, other| one.id.cmp(&other.id));
        let mut by_label: HashMap<Str, HashMap<Str, Vec<usize>>> = HashMap::new();
        let mut others = Vec::new();
        for (place, candidate) in all.iter().enumerate() {
            let Some(pods) = &candidate.pods else {
                continue;
            };
            let one_label = pods.requirements.iter().find_map(|requirement| {
                let Operator::In(values) = &requirement.operator else {
                    return None;
                };
                Some((&requirement.key, values))
            });
            let Some((key, values)) = one_label else {
                others.push(place);
                continue;
            };
            let by_value = by_label.entry(key.clone()).or_default();
            for value in values {
                by_value.entry(value.clone()).or_default().push(place);
            }
        }
        Self {
            all,
            by_label,
            others,
        }
    }
}

impl Deref for Candidates {
    type Target = [Candidate];

    fn deref(&self) -> &[Candidate] {
        &self.all
    }
}

/// The VirtualNodes and VirtualGateways of a namespace, out of everything that has been declared. An object belongs to the mesh
/// that it names, or to the only one that selects its namespace.
pub fn candidates<'a>(
    fragments: impl IntoIterator<Item = &'a Fragment>,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Candidates {
    let labels: Labels = labels
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    let mut meshes: Vec<&Mesh> = Vec::new();
    let mut members = Vec::new();
    for fragment in fragments {
        match fragment {
            Fragment::Mesh(mesh) => meshes.push(mesh),
            Fragment::Workload(node) if &*node.name.namespace == namespace => members.push((
                ProxyKind::VirtualNode,
                &node.name,
                &node.alias,
                &node.mesh,
                &node.pods,
                &node.listeners,
                &node.access_log,
            )),
            Fragment::Gateway(gateway) if &*gateway.name.namespace == namespace => members.push((
                ProxyKind::VirtualGateway,
                &gateway.name,
                &gateway.alias,
                &gateway.mesh,
                &gateway.pods,
                &gateway.listeners,
                &gateway.access_log,
            )),
            _ => {}
        }
    }
    let mesh_of = |named: &Option<Name>| {
        let mut belongs = meshes.iter().filter(|mesh| match named {
            Some(name) => mesh.name == *name,
            None => mesh
                .namespaces
                .as_ref()
                .is_some_and(|selector| selector.matches(&labels)),
        });
        match (belongs.next(), belongs.next()) {
            (Some(mesh), None) => Some(mesh.alias.clone()),
            _ => None,
        }
    };
    let candidates: Vec<Candidate> = members
        .into_iter()
        .map(
            |(kind, name, alias, mesh, pods, listeners, log)| Candidate {
                id: ProxyId::new(kind, &name.namespace, &name.name),
                mesh: mesh_of(mesh),
                alias: alias.clone(),
                pods: pods.clone(),
                ports: listeners.iter().map(|listener| listener.port).collect(),
                access_log: log.as_ref().map(|log| log.path.clone()),
            },
        )
        .collect();
    candidates.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use tulle_model::selector::Requirement;

    use super::*;

    const WORDS: [&str; 3] = ["a", "b", "c"];

    fn selector() -> impl Strategy<Value = Option<Selector>> {
        let values = || {
            subsequence(&WORDS[..], 0..3)
                .prop_map(|values| values.into_iter().map(Str::from).collect::<Vec<_>>())
        };
        let operator = prop_oneof![
            4 => values().prop_map(Operator::In),
            1 => values().prop_map(Operator::NotIn),
            1 => Just(Operator::Exists),
            1 => Just(Operator::DoesNotExist),
        ];
        let requirement = (select(&WORDS[..]), operator).prop_map(|(key, operator)| Requirement {
            key: key.into(),
            operator,
        });
        let selector = prop::collection::vec(requirement, 0..3)
            .prop_map(|requirements| Selector { requirements });
        prop::option::weighted(0.9, selector)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As many as there are, those that select a pod are those that one finds who looks at each.
        #[test]
        fn none_is_missed(
            selectors in prop::collection::vec(selector(), 0..8),
            labels in prop::collection::btree_map(select(&WORDS[..]), select(&WORDS[..]), 0..3),
        ) {
            let all: Vec<Candidate> = selectors
                .into_iter()
                .enumerate()
                .map(|(number, pods)| Candidate {
                    id: format!("virtualnode/shop/n{number}").parse().unwrap(),
                    mesh: None,
                    alias: "n".into(),
                    pods,
                    ports: BTreeSet::new(),
                    access_log: None,
                })
                .collect();
            let labels: Labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            let expected = all.iter().filter(|it| it.pods.as_ref().is_some_and(|pods| pods.matches(&labels)));
            let expected: Vec<Candidate> = expected.cloned().collect();
            let candidates = Candidates::from(all);
            let found: Vec<Candidate> = candidates.selecting(&labels).into_iter().cloned().collect();
            prop_assert_eq!(found, expected);
        }
    }
}
