//! Variables of templates that were never filled in: `${MESH_NAME}`, `{{ .Values.name }}`.
//!
//! To Kubernetes they are plain text, and so the mesh would have a host or a mesh of that name.

use tulle_crds::FieldPath;

use super::tree::{Content, Mark, Node};

/// A variable that stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) path: FieldPath,
    pub(super) at: Mark,
    /// As it is written, `${MESH_NAME}`.
    pub(super) variable: String,
}

/// Every text of a document that holds one; of each its first.
pub(super) fn find(node: &Node) -> Vec<Placeholder> {
    let mut found = Vec::new();
    collect(node, &FieldPath::root(), &mut found);
    found
}

fn collect(node: &Node, path: &FieldPath, found: &mut Vec<Placeholder>) {
    match &node.content {
        Content::String(text) => {
            if let Some(variable) = variable(text) {
                found.push(Placeholder {
                    path: path.clone(),
                    at: node.at,
                    variable: variable.to_owned(),
                });
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.index(index), found);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                // Whatever is said in annotations of others is theirs.
                let is_annotations = entry.key == "annotations" && path.to_string() == "metadata";
                if !is_annotations {
                    collect(&entry.value, &path.key(&entry.key), found);
                }
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

/// The first variable in a text, as the shell and envsubst write it (`${NAME}`, `${NAME:-default}`) or as Helm and Jinja
/// do (`{{ name }}`).
fn variable(text: &str) -> Option<&str> {
    let shell = text.match_indices("${").find_map(|(start, _)| {
        let inner = &text[start + 2..];
        let inner = &inner[..inner.find('}')?];
        let name_length = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inner.len());
        let (name, rest) = inner.split_at(name_length);
        // `${2}` may end a regular expression.
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_default = rest.is_empty() || rest.starts_with([':', '-', '=', '?', '+']);
        (is_name && is_default).then(|| &text[start..start + 2 + inner.len() + 1])
    });
    shell.or_else(|| {
        let start = text.find("{{")?;
        let length = text[start..].find("}}")?;
        Some(&text[start..start + length + 2])
    })
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn variables_of_the_shell_and_of_helm_are_seen() {
        assert_eq!(variable("${MESH_NAME}"), Some("${MESH_NAME}"));
        assert_eq!(variable("a.${NS}.svc.${D}"), Some("${NS}"));
        assert_eq!(variable("x ${A:-b} y"), Some("${A:-b}"));
        assert_eq!(variable("{{ .Values.name }}-x"), Some("{{ .Values.name }}"));
    }

    #[test]
    fn regular_expressions_and_formats_are_none() {
        for text in [
            "^/a{2}$",
            "a${2}",
            "$",
            "${",
            "%REQ(:PATH)%\n",
            "${a b}",
            "{{",
            "$NAME",
        ] {
            assert_eq!(variable(text), None, "{text}");
        }
    }
}
