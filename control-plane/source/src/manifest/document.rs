//! What one document of a file holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tulle_crds::{FieldPath, Kind, ObjectKey, decode};

use super::Declared;
use super::parse::ParseError;
use super::placeholder;
use super::tree::{Content, Mark, Node};
use crate::change::{Observed, Place};
use crate::problem::{Problem, ProblemKind, Severity};
use crate::prune::prune;

/// What a document holds. Lines count from its own beginning.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The objects of kinds that Tulle knows: several in a list, none in other documents.
    pub(super) objects: Vec<Declared>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// How many objects of which `apiVersion` and `kind` are passed over.
    pub(super) passed_over: BTreeMap<(String, String), usize>,
    /// Whether it cannot be told what object the document, or a part of it, holds.
    pub(super) is_unreadable: bool,
    /// How many YAML values there are.
    pub(super) values: usize,
}

impl Document {
    /// Reads a document. Never fails: what is wrong becomes a problem.
    pub(super) fn read(file: &Arc<Path>, parsed: Result<Node, ParseError>) -> Self {
        let mut reader = Reader {
            file,
            found: Self::default(),
        };
        match parsed {
            Ok(node) => {
                reader.found.values = node.size();
                reader.document(&node);
            }
            Err(error) => {
                reader.found.is_unreadable = true;
                reader.error(
                    ProblemKind::Syntax,
                    error.at,
                    None,
                    None,
                    error.message,
                    error.help,
                );
            }
        }
        reader.found
    }
}

struct Reader<'a> {
    file: &'a Arc<Path>,
    found: Document,
}

impl Reader<'_> {
    fn document(&mut self, node: &Node) {
        if node.content == Content::Null {
            return;
        }
        let api_version = node
            .get("apiVersion")
            .and_then(|entry| entry.value.as_str());
        let kind = node.get("kind").and_then(|entry| entry.value.as_str());
        let list_of = kind.and_then(|kind| kind.strip_suffix("List"));
        match (api_version, kind, list_of) {
            (Some("v1"), _, Some("")) => self.list(node, None),
            (Some(api_version), _, Some(item))
                if Kind::from_manifest(api_version, item).is_some() =>
            {
                self.list(node, Some((api_version, item)));
            }
            (Some(api_version), Some(kind), _) => self.object(node, api_version, kind),
            _ => self.not_an_object(node),
        }
    }

    /// Unpacks `kind: List`, and lists of one kind, whose items need not name it again.
    fn list(&mut self, node: &Node, item_type: Option<(&str, &str)>) {
        let items = match node.get("items") {
            None => return,
            Some(entry) => &entry.value,
        };
        let Some(items) = items.as_list() else {
            if items.content != Content::Null {
                self.found.is_unreadable = true;
                let field = Some("items".to_owned());
                let message = "expected a list".to_owned();
                self.error(
                    ProblemKind::NotAnObject,
                    items.at,
                    None,
                    field,
                    message,
                    None,
                );
            }
            return;
        };
        for item in items {
            match item_type {
                Some((api_version, kind)) if item.get("kind").is_none() => {
                    self.object(item, api_version, kind);
                }
                _ => self.document(item),
            }
        }
    }

    fn object(&mut self, node: &Node, api_version: &str, kind: &str) {
        let at = node.get("kind").map_or(node.at, |entry| entry.key_at);
        let Some(known) = Kind::from_manifest(api_version, kind) else {
            self.pass_over(node, at, api_version, kind);
            return;
        };
        let mut duplicates = Vec::new();
        let mut value = node.to_value(&FieldPath::root(), &mut duplicates);
        prune(known, &mut value);

        let key = match decode(api_version, kind, value) {
            Ok(Some(decoded)) => {
                let key = decoded.object.key();
                let observed = Observed {
                    object: decoded.object,
                    unknown_fields: decoded.unknown_fields,
                    place: self.place(at),
                    generation: None,
                };
                self.found.objects.push(Declared {
                    key: key.clone(),
                    observed: Some(Arc::new(observed)),
                });
                Some(key)
            }
            Ok(None) => None,
            Err(error) => {
                for violation in error.violations {
                    let (message, object) = match &error.object {
                        Some(object) => (violation.message, Some(object.clone())),
                        None => (format!("{known}: {}", violation.message), None),
                    };
                    let field = (!violation.path.is_root()).then(|| violation.path.to_string());
                    let at = node.locate(&violation.path);
                    self.error(
                        ProblemKind::Rejected,
                        at,
                        object,
                        field,
                        message,
                        violation.help,
                    );
                }
                match &error.object {
                    Some(key) => self.found.objects.push(Declared {
                        key: key.clone(),
                        observed: None,
                    }),
                    None => self.found.is_unreadable = true,
                }
                error.object
            }
        };
        for duplicate in duplicates {
            self.problem(Problem {
                place: self.place(duplicate.again),
                severity: Severity::Warning,
                kind: ProblemKind::DuplicateKey,
                object: key.clone(),
                field: Some(duplicate.path.to_string()),
                message: "the key is here twice; the last one counts".to_owned(),
                help: Some("remove one".to_owned()),
            });
        }
        for found in placeholder::find(node) {
            self.problem(Problem {
                place: self.place(found.at),
                severity: Severity::Warning,
                kind: ProblemKind::Placeholder,
                object: key.clone(),
                field: Some(found.path.to_string()),
                message: format!("the template variable {} is not filled in", found.variable),
                help: Some(
                    "fill in the template first, with envsubst or the tool that it is for"
                        .to_owned(),
                ),
            });
        }
    }

    fn pass_over(&mut self, node: &Node, at: Mark, api_version: &str, kind: &str) {
        let count = self
            .found
            .passed_over
            .entry((api_version.to_owned(), kind.to_owned()))
            .or_default();
        *count += 1;

        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let other_version = Kind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind && known.group() == group);
        if let Some(known) = other_version {
            self.problem(Problem {
                place: self.place(at),
                severity: Severity::Warning,
                kind: ProblemKind::PassedOver,
                object: None,
                field: Some("apiVersion".to_owned()),
                message: format!("{kind}{} of {api_version} is passed over", name_of(node)),
                help: Some(format!("Tulle reads {}", known.api_version())),
            });
        } else if group == tulle_crds::appmesh::GROUP {
            let kinds: Vec<&str> = Kind::ALL
                .into_iter()
                .filter(|known| known.group() == group)
                .map(Kind::as_str)
                .collect();
            self.problem(Problem {
                place: self.place(at),
                severity: Severity::Warning,
                kind: ProblemKind::PassedOver,
                object: None,
                field: Some("kind".to_owned()),
                message: format!(
                    "{group} has no kind {kind}: the object{} is passed over",
                    name_of(node)
                ),
                help: Some(format!("its kinds are {}", kinds.join(", "))),
            });
        }
    }

    /// A document without apiVersion or kind: some other tool's file, or an edit under way.
    fn not_an_object(&mut self, node: &Node) {
        self.found.is_unreadable = true;
        let Content::Map(_) = node.content else {
            let message = "not a Kubernetes object: expected apiVersion, kind and metadata";
            self.error(
                ProblemKind::NotAnObject,
                node.at,
                None,
                None,
                message.to_owned(),
                None,
            );
            return;
        };
        let (api_version, kind) = (node.get("apiVersion"), node.get("kind"));
        if api_version.is_none() && kind.is_none() {
            self.problem(Problem {
                place: self.place(node.at),
                severity: Severity::Warning,
                kind: ProblemKind::NotAnObject,
                object: None,
                field: None,
                message: "no apiVersion and no kind: the document is passed over".to_owned(),
                help: None,
            });
            return;
        }
        for (name, entry) in [("apiVersion", api_version), ("kind", kind)] {
            let (at, message) = match entry {
                None => (node.at, "required, but missing"),
                Some(entry) if entry.value.as_str().is_none() => {
                    (entry.value.at, "expected a string")
                }
                Some(_) => continue,
            };
            self.error(
                ProblemKind::NotAnObject,
                at,
                None,
                Some(name.to_owned()),
                message.to_owned(),
                None,
            );
        }
    }

    fn error(
        &mut self,
        kind: ProblemKind,
        at: Mark,
        object: Option<ObjectKey>,
        field: Option<String>,
        message: String,
        help: Option<String>,
    ) {
        let place = self.place(at);
        let severity = Severity::Error;
        self.problem(Problem {
            place,
            severity,
            kind,
            object,
            field,
            message,
            help,
        });
    }

    fn problem(&mut self, problem: Problem) {
        self.found.problems.push(problem);
    }

    fn place(&self, at: Mark) -> Option<Place> {
        Some(Place {
            file: Arc::clone(self.file),
            line: at.line,
            column: at.column,
        })
    }
}

/// ` shop/front`, for an object of which no more is read than that; empty where it has no name.
fn name_of(node: &Node) -> String {
    let metadata = node.get("metadata").map(|entry| &entry.value);
    let text = |key: &str| metadata?.get(key)?.value.as_str();
    match (text("namespace"), text("name")) {
        (_, None) => String::new(),
        (None, Some(name)) => format!(" {name}"),
        (Some(namespace), Some(name)) => format!(" {namespace}/{name}"),
    }
}
