//! What becomes of an App Mesh installation under Tulle: object by object, what runs as it is, what differs, and what somebody
//! has to decide. Reads; writes nothing but what [`clean`] is asked for.

pub mod clean;
pub mod controller;
mod json;
mod mesh;
mod pods;
mod read;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use tulle_model::settings::Settings;
use tulle_model::{Code, Severity, codes};
use tulle_source::Place;

use crate::analyze::{Analysis, Statement};

pub use json::json;
pub use read::{Input, Seen};
pub use text::text;

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does what it did.
    AsIs,
    /// It works, and something is to be seen otherwise.
    Differs,
    /// Somebody has to choose.
    Decide,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsIs => "as it is",
            Self::Differs => "differs",
            Self::Decide => "decide",
        })
    }
}

/// One thing to know about an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Where it stands.
    pub place: Option<Place>,
    /// Path of the field; empty for the whole object.
    pub field: String,
    /// What it is.
    pub what: String,
    /// What one sees, or does, instead; with [`Verdict::Decide`] the choices.
    pub instead: Vec<String>,
}

/// An object and everything to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `VirtualNode shop/front`, or a file.
    pub title: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// Sorted, what has to be decided first.
    pub notes: Vec<Note>,
}

impl Item {
    /// What becomes of the object as a whole.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.notes.iter().map(|note| note.verdict);
        verdicts.max().unwrap_or(Verdict::AsIs)
    }
}

/// The whole answer.
#[derive(Debug, Default)]
pub struct Plan {
    /// Objects of the mesh, and whatever else App Mesh has to do with: first what has to be decided, then by title.
    pub items: Vec<Item>,
    /// What holds for many objects alike.
    pub remarks: BTreeSet<String>,
    /// How many objects are none of the mesh's business.
    pub unconcerned: usize,
}

impl Plan {
    /// How many objects there are with a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let alike = |item: &&Item| item.verdict() == verdict;
        self.items.iter().filter(alike).count()
    }
}

/// Looks at everything. `analysis` is of the same objects.
pub fn plan(input: &Input, analysis: &Analysis, settings: Settings) -> Plan {
    let linked = crate::analyze::cluster::link(&input.values(), settings);
    let context = Context::new(input, &linked.objects);
    let mut plan = Plan::default();
    let mut by_title: BTreeMap<String, Vec<&Statement>> = BTreeMap::new();
    // Objects that are passed over have a note of their own.
    let places: BTreeSet<&Place> = input
        .objects
        .iter()
        .filter_map(|seen| seen.place.as_ref())
        .collect();
    let told = analysis.statements.iter().filter(|statement| {
        let place = statement.place.as_ref();
        statement.code != codes::PASSED_OVER || !place.is_some_and(|place| places.contains(place))
    });
    for statement in told {
        let title = match (&statement.object, &statement.place) {
            (Some(object), _) => object.to_string(),
            (None, Some(place)) => place.file.display().to_string(),
            (None, None) => "cluster".to_owned(),
        };
        by_title.entry(title).or_default().push(statement);
    }
    for seen in &input.objects {
        let title = seen.title();
        let statements = by_title.remove(&title).unwrap_or_default();
        let Some(mut notes) = notes(seen, &context, &mut plan.remarks) else {
            plan.unconcerned += 1;
            continue;
        };
        // What this says in its own words need not be said twice.
        let own: BTreeSet<String> = notes.iter().map(|note| note.field.clone()).collect();
        let others = statements.into_iter().filter(|statement| {
            !IN_OWN_WORDS.contains(&statement.code) || !own.contains(&statement.field)
        });
        notes.extend(others.filter_map(note_of));
        notes.sort_by(|a, b| (b.verdict, &a.place, a).cmp(&(a.verdict, &b.place, b)));
        notes.dedup();
        plan.items.push(Item {
            title,
            place: seen.place.clone(),
            notes,
        });
    }
    // What could not even be read as an object.
    for (title, statements) in by_title {
        let notes: Vec<Note> = statements.into_iter().filter_map(note_of).collect();
        if !notes.is_empty() {
            let place = notes.iter().find_map(|note| note.place.clone());
            plan.items.push(Item {
                title,
                place,
                notes,
            });
        }
    }
    plan.items
        .sort_by(|a, b| (b.verdict(), &a.title).cmp(&(a.verdict(), &b.title)));
    plan
}

/// `None` for an object that App Mesh has nothing to do with.
fn notes(seen: &Seen, context: &Context<'_>, remarks: &mut BTreeSet<String>) -> Option<Vec<Note>> {
    if seen.group() == tulle_crds::appmesh::GROUP {
        return Some(mesh::notes(seen, context, remarks));
    }
    match (seen.api_version.as_str(), seen.kind.as_str()) {
        ("v1", "Namespace") => mesh::namespace(seen),
        (_, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            mesh::webhooks(seen)
        }
        _ => pods::notes(seen, context, remarks),
    }
}

/// What App Mesh did alike, so that nobody who moves has to hear of it.
const AS_BEFORE: [Code; 7] = [
    codes::AMBIGUOUS_PREFIX,
    codes::AWS_LIMIT,
    codes::NO_CLIENT_CERTIFICATE,
    codes::ROUTE_WITHOUT_PORT,
    codes::TIMEOUT_CUT_SHORT,
    codes::TLS_TO_PLAINTEXT,
    codes::UNKNOWN_FIELD,
];

/// What a note on the same field says better.
const IN_OWN_WORDS: [Code; 2] = [codes::NOT_HONOURED_YET, codes::UNRESOLVABLE_NAME];

/// What no more than a warning is said of, and somebody has to see to before the move.
const TO_DECIDE: [Code; 3] = [
    codes::PASSED_OVER,
    codes::PLACEHOLDER,
    codes::UNRESOLVABLE_NAME,
];

fn note_of(statement: &Statement) -> Option<Note> {
    // App Mesh pruned unknown fields in silence, so they never did anything.
    if AS_BEFORE.contains(&statement.code) {
        return None;
    }
    let decide = statement.severity == Severity::Error || TO_DECIDE.contains(&statement.code);
    let help = Some(statement.help.clone()).filter(|help| !help.is_empty());
    Some(Note {
        verdict: match decide {
            true => Verdict::Decide,
            false => Verdict::Differs,
        },
        place: statement.place.clone(),
        field: statement.field.clone(),
        what: format!("{} [{}]", statement.message, statement.code),
        instead: help.into_iter().collect(),
    })
}

/// What the objects are looked at against.
struct Context<'a> {
    /// The labels of namespaces that are in the input.
    namespaces: BTreeMap<&'a str, BTreeMap<String, String>>,
    /// Namespaces and names of Services.
    services: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces of Cloud Map, as VirtualNodes name them.
    cloud_map: BTreeSet<&'a str>,
    /// Everything that selects pods.
    fragments: Vec<tulle_model::fragment::Fragment>,
}

impl<'a> Context<'a> {
    fn new(
        input: &'a Input,
        objects: &BTreeMap<tulle_crds::ObjectKey, tulle_crds::Object>,
    ) -> Self {
        let of = |kind: &'static str| input.objects.iter().filter(move |seen| seen.kind == kind);
        let labels = |seen: &Seen| {
            let labels = seen.value["metadata"]["labels"].as_object();
            let pairs = labels.into_iter().flatten();
            pairs
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let cloud_map = of("VirtualNode").filter_map(|node| {
            node.value["spec"]["serviceDiscovery"]["awsCloudMap"]["namespaceName"].as_str()
        });
        let translated = objects
            .values()
            .filter_map(|object| tulle_appmesh::translate(object, &[]));
        Self {
            namespaces: of("Namespace")
                .map(|seen| (seen.name.as_str(), labels(seen)))
                .collect(),
            services: of("Service")
                .map(|seen| (seen.namespace.as_str(), seen.name.as_str()))
                .collect(),
            cloud_map: cloud_map.collect(),
            fragments: translated.flat_map(|each| each.fragments).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
