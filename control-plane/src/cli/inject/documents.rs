//! The documents of a file: their text, and what it holds.

use std::path::Path;

use anyhow::bail;
use serde_json::Value;

/// A YAML document.
pub(super) struct Document {
    /// As it was read, without the line that begins it.
    text: String,
    /// What it holds.
    pub(super) value: Value,
    /// Whether `value` is no longer what the text says.
    pub(super) changed: bool,
}

/// Splits and parses a file. JSON is YAML.
pub(super) fn read(file: &Path, text: &str) -> anyhow::Result<Vec<Document>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for (first_line, text) in split(text) {
        let value: Value = match serde_saphyr::from_str(&text) {
            Ok(value) => value,
            // Nothing but comments.
            Err(_) if text.lines().all(is_blank) => Value::Null,
            Err(error) => {
                let line = error.location().map_or(1, |place| place.line());
                bail!(
                    "{}:{}: not a YAML document: {}",
                    file.display(),
                    first_line as u64 + line,
                    error.without_snippet()
                );
            }
        };
        documents.push(Document {
            text,
            value,
            changed: false,
        });
    }
    Ok(documents)
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The documents, each with the number of lines before it. `---` at the beginning of a line begins one, whatever it stands in.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let rest = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        match rest {
            Some(rest) => {
                // The line counts as the document's first where it holds some of it.
                let content = rest.trim_start_matches([' ', '\t', '\r']);
                let content = content.strip_prefix('\n').unwrap_or(content);
                let before = if content.is_empty() {
                    number + 1
                } else {
                    number
                };
                documents.push((before, content.to_owned()));
            }
            None => {
                if let Some((_, document)) = documents.last_mut() {
                    document.push_str(line);
                }
            }
        }
    }
    documents.retain(|(_, text)| !text.trim().is_empty());
    documents
}

/// The documents as one text; one that has not changed looks as it did.
pub(super) fn write(documents: &[Document]) -> anyhow::Result<String> {
    let mut all = String::new();
    for document in documents {
        if !all.is_empty() {
            all.push_str("---\n");
        }
        if document.changed {
            all.push_str(&tulle_proto::to_yaml(&document.value)?);
        } else {
            all.push_str(&document.text);
        }
        if !all.ends_with('\n') {
            all.push('\n');
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_changed_is_printed_as_it_was_read() {
        let text = "# first\na: 1 # one\n--- # second\nb:   [1,\n 2]\n---\n---\n{\"c\": |-\n";
        let text = &text[..text.find("{\"c\"").unwrap()];
        let documents = read(Path::new("x.yaml"), text).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            write(&documents).unwrap(),
            "# first\na: 1 # one\n---\n# second\nb:   [1,\n 2]\n"
        );
    }

    #[test]
    fn what_has_changed_is_printed_anew_and_comments_alone_are_fine() {
        let mut documents = read(Path::new("x.yaml"), "# only this\n---\na: \"1\"\n").unwrap();
        documents[1].changed = true;
        assert_eq!(write(&documents).unwrap(), "# only this\n---\na: \"1\"\n");
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = read(Path::new("x.yaml"), "a: 1\n---\nb: 1\nc: [\n")
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("x.yaml:"), "{error}");
    }
}
