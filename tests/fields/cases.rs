//! What is changed of each field, and what Tulle makes of the field (`cases.yaml`).

use serde::Deserialize;
use serde_json::Value;
use tulle_tests::places::fits;
use tulle_tests::schema::Node;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// What App Mesh did.
    Honoured,
    /// Something else, for a reason.
    Differently,
    /// Nothing; the user is told.
    Cannot,
}

impl State {
    /// All, in the order in which they are counted.
    pub(crate) const ALL: [Self; 3] = [Self::Honoured, Self::Differently, Self::Cannot];

    /// As the document says it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Differently => "honoured differently",
            Self::Cannot => "cannot be",
        }
    }
}

/// What is done to the fields of a pattern, at each place of the base where one is set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// `KIND.path`, in which `*` stands for any text. Of several that fit a field the longest counts.
    pub(crate) field: String,
    /// The value that it gets: another one of the field, `null` to remove it, `{not: true}` for the opposite.
    pub(crate) to: Value,
    /// How many steps above the field the value is put.
    #[serde(default)]
    pub(crate) up: usize,
    /// The name of the object where it is changed, if not any.
    #[serde(rename = "in")]
    pub(crate) object: Option<String>,
    /// The change may be one for the worse, so that errors are found.
    #[serde(default)]
    pub(crate) breaks: bool,
    /// What Tulle does in place of what App Mesh did.
    pub(crate) differently: Option<String>,
    /// Why nothing can follow from it but a finding.
    pub(crate) cannot: Option<String>,
}

impl Case {
    /// What becomes of its fields.
    pub(crate) fn state(&self) -> State {
        match (&self.differently, &self.cannot) {
            (None, None) => State::Honoured,
            (Some(_), None) => State::Differently,
            (_, Some(_)) => State::Cannot,
        }
    }

    /// What there is to say of it.
    pub(crate) fn remark(&self) -> &str {
        let remark = self.differently.as_ref().or(self.cannot.as_ref());
        remark.map_or("", String::as_str)
    }
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let value = tulle_proto::from_yaml(include_str!("cases.yaml")).expect("YAML");
    serde_json::from_value(value).expect("cases")
}

/// The case of a field.
pub(crate) fn of<'a>(cases: &'a [Case], node: &Node) -> Option<&'a Case> {
    let field = format!("{}.{}", node.kind, node.path);
    cases
        .iter()
        .filter(|case| fits(&case.field, &field))
        .max_by_key(|case| (!case.field.contains('*'), case.field.len()))
}
