//! Findings and refusals as sentences, and what bounds them.

use tulle_model::Finding;

use crate::refusal::Refused;

/// Most bytes of a condition's message: far more than people read, far less than an object may have.
pub(crate) const MOST_BYTES: usize = 8 * 1024;
/// Most bytes of one statement; Envoy quotes whole configurations.
const MOST_OF_ONE: usize = 1024;

/// A finding on the object that it is about: field, message and the way out.
pub(crate) fn finding(finding: &Finding) -> String {
    let mut text = String::new();
    if !finding.field.is_empty() {
        text.push_str(&finding.field);
        text.push_str(": ");
    }
    text.push_str(&finding.message);
    if !finding.help.is_empty() {
        text.push_str("; ");
        text.push_str(&finding.help);
    }
    one_line(&text)
}

/// A refusal: whose proxies, which resource, in Envoy's words.
pub(crate) fn refusal(refused: &Refused) -> String {
    let key = &refused.key;
    let kind = key.type_url.rsplit('.').next().unwrap_or_default();
    one_line(&format!(
        "Envoy refuses {kind} {} of {}, and keeps what it had: {}",
        key.name, key.scope, refused.message
    ))
}

/// One line of bounded length.
fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(line.trim(), MOST_OF_ONE)
}

/// The text, or its beginning with an ellipsis, in at most `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(ELLIPSIS.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ELLIPSIS}", &text[..end])
}

/// Lines under each other, as many as there is room for; how many more there are is said.
pub(crate) fn join(lines: &[String]) -> String {
    const ROOM_FOR_REST: usize = 64;
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let room = MOST_BYTES - ROOM_FOR_REST;
        if text.len() + line.len() + 1 > room && at > 0 {
            text.push_str(&format!("\n… and {} more", lines.len() - at));
            break;
        }
        if at > 0 {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}

/// A word for programs: `not-honoured-yet` is `NotHonouredYet`.
pub(crate) fn reason(code: &str) -> String {
    let reason: String = code
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect();
    if reason.starts_with(|c: char| c.is_ascii_alphabetic()) && reason.len() <= 128 {
        reason
    } else {
        "Finding".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_what_the_api_takes() {
        assert_eq!(reason("not-honoured-yet"), "NotHonouredYet");
        assert_eq!(reason("duplicate"), "Duplicate");
        for odd in ["", "--", "404", "ü", &"a".repeat(200)] {
            assert_eq!(reason(odd), "Finding", "{odd}");
        }
    }

    #[test]
    fn text_is_bounded_and_whole_characters() {
        assert_eq!(cut("kurz", 10), "kurz");
        assert_eq!(cut("ääääää", 8), "ää…");
        let lines = vec!["x".repeat(1000); 100];
        let text = join(&lines);
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
        assert!(
            text.ends_with("\n… and 92 more"),
            "{}",
            &text[text.len() - 40..]
        );
        assert_eq!(join(&lines[..2]).lines().count(), 2);
        assert_eq!(one_line("a\n\tb\u{7}\n"), "a  b");
    }
}
