//! Splits a file into its documents by their markers alone, so that one broken document does not
//! take the others with it.

/// One document of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Its text, from its `---` line on.
    pub(super) text: &'a str,
    /// How many lines of the file stand before it.
    pub(super) lines_before: u32,
}

/// Splits YAML at `---` and `...` lines. YAML forbids both at the start of a line anywhere but
/// between documents, quoted text and block scalars included. Documents without content are left
/// out.
pub(super) fn yaml(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut lines_before = 0;
    let mut has_content = false;
    let mut has_directive = false;

    let mut offset = 0;
    for (number, line) in (0_u32..).zip(text.split_inclusive('\n')) {
        let begin = is_marker(line, "---");
        let end = is_marker(line, "...");
        // A directive belongs to the document that follows it.
        let follows_directive = has_directive && !has_content;
        if end || (begin && !follows_directive) {
            if has_content {
                chunks.push(Chunk {
                    text: &text[start..offset],
                    lines_before,
                });
            }
            (start, lines_before) = if end {
                (offset + line.len(), number + 1)
            } else {
                (offset, number)
            };
            (has_content, has_directive) = (false, false);
        }
        if begin {
            has_content |= !is_blank(&line[3..]);
        } else if !end {
            has_directive |= !has_content && line.starts_with('%');
            has_content |= !is_blank(line) && !line.starts_with('%');
        }
        offset += line.len();
    }
    if has_content {
        chunks.push(Chunk {
            text: &text[start..],
            lines_before,
        });
    }
    chunks
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether there is nothing but white space and a comment.
fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Splits a stream of JSON values that follow one another, as kubectl takes them.
///
/// # Errors
/// Where the text stops being JSON; the chunks before that point are given with it.
pub(super) fn json(text: &str) -> (Vec<Chunk<'_>>, Option<serde_json::Error>) {
    let mut chunks = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut start = 0;
    loop {
        match stream.next() {
            None => return (chunks, None),
            Some(Err(error)) => return (chunks, Some(error)),
            Some(Ok(_)) => {
                let end = stream.byte_offset();
                let value = &text[start..end];
                start += value.len() - value.trim_start().len();
                let newlines = text[..start].bytes().filter(|byte| *byte == b'\n').count();
                chunks.push(Chunk {
                    text: &text[start..end],
                    lines_before: u32::try_from(newlines).unwrap_or(u32::MAX),
                });
                start = end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, u32)> {
        yaml(text)
            .iter()
            .map(|chunk| (chunk.text, chunk.lines_before))
            .collect()
    }

    #[test]
    fn yaml_is_split_at_markers_only() {
        assert_eq!(texts(""), []);
        assert_eq!(texts("# only\n\n---\n--- # nothing\n...\n"), []);
        assert_eq!(texts("a: 1"), [("a: 1", 0)]);
        assert_eq!(
            texts("a: 1\n---\nb: 2\n"),
            [("a: 1\n", 0), ("---\nb: 2\n", 1)]
        );
        assert_eq!(
            texts("---\r\na: 1\r\n---\r\nb"),
            [("---\r\na: 1\r\n", 0), ("---\r\nb", 2)]
        );
        assert_eq!(
            texts("--- {a: 1}\n---\tb\n"),
            [("--- {a: 1}\n", 0), ("---\tb\n", 1)]
        );
        assert_eq!(
            texts("a\n...\n# c\nb\n...\n"),
            [("a\n", 0), ("# c\nb\n", 2)]
        );
        assert_eq!(
            texts("a: |\n  ---\n----\nb\n"),
            [("a: |\n  ---\n----\nb\n", 0)]
        );
        assert_eq!(
            texts("%YAML 1.2\n---\na\n---\nb"),
            [("%YAML 1.2\n---\na\n", 0), ("---\nb", 3)]
        );
    }

    #[test]
    fn json_values_follow_one_another() {
        let (chunks, error) = json(" {\"a\": 1}\n\n{\"b\":\n2} [3]\n");
        assert!(error.is_none());
        let chunks: Vec<_> = chunks.iter().map(|c| (c.text, c.lines_before)).collect();
        assert_eq!(chunks, [("{\"a\": 1}", 0), ("{\"b\":\n2}", 2), ("[3]", 3)]);

        let (chunks, error) = json("{\"a\": 1}\n{\"b\": }");
        assert_eq!(chunks.len(), 1);
        assert_eq!(error.map(|e| (e.line(), e.column())), Some((2, 7)));
    }
}
