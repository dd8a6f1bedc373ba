use super::{Re2Error, fits, parse, print, quote};

#[test]
fn what_re2_reads_differently_is_read_as_re2_does() {
    let table = [
        (r"/a{,2}", "/a{,2}", true),
        (r"/users/{id}", "/users/{id}", true),
        (r"/a{2}", "/aa", true),
        (r"/\Qa.b*\E+", "/a.b**", true),
        (r"/\Qa.b", "/axb", false),
        (r"[[a]+", "[a", true),
        (r"[]a]+", "]a", true),
        (r"[a&&b]+", "a&b", true),
        (r"[a--]+", "a-", false),
        (r"[\w-]+", "a-_9", true),
        (r"[^\D]+", "12", true),
        (r"[[:^digit:]/]+", "a/", true),
        (r"\d", "\u{661}", false),
        (r"(?P<year>\d+)/(?<day>\d+)", "20/1", true),
        (r"(?i)/Colour", "/cOLOUR", true),
        (r"/(?:a|b)c??", "/b", true),
        (r"\x41\x{42}\103\_\-", "ABC_-", true),
        (r"^/a$", "/a", true),
        (r"/a|/b", "/bc", false),
        (r"/\ba\b", "/a", true),
        (r"\C+", "/a", true),
        (r"\p{^Lu}\pL\P{L}", "aB1", true),
        (r"(?i)\W", "k", false),
        (r"(?i)[^K]", "k", false),
        (r"(?i:a)b", "Ab", true),
        (r"(?i:a)b", "AB", false),
        (r"(?ii-s)a(?)b", "aB", true),
        (r"a{2}(?i)?", "", true),
        (r"a\Q\E*", "aa", true),
        (r"a.b", "a\nb", false),
        (r"(?s)a.b", "a\nb", true),
        (r"(?m)a$\n^b", "a\nb", true),
        (r"a\sb", "a\x0bb", false),
        (r"a[[:space:]]b", "a\x0bb", true),
        (r"\p{Cs}", "a", false),
        (r"\P{Cs}", "a", true),
    ];
    for (pattern, text, wanted) in table {
        match fits(pattern, text) {
            Ok(found) => assert_eq!(found, wanted, "{pattern} {text}"),
            // `[a--]` is a range upside down.
            Err(error) => assert!(!wanted, "{pattern}: {error:?}"),
        }
    }
}

#[test]
fn what_envoy_refuses_is_refused_before_it_is_worked_with() {
    for pattern in ["(", "a**", r"\1", "(?x)a", "[[:foo:]]", r"\x{100}"] {
        assert!(
            matches!(parse(pattern), Err(Re2Error::Refused(_))),
            "{pattern}"
        );
        assert!(
            matches!(fits(pattern, ""), Err(Re2Error::Refused(_))),
            "{pattern}"
        );
    }
}

#[test]
fn depth_that_envoy_takes_is_no_obstacle() {
    let nested = format!("{}a{}", "(b|".repeat(200), ")*".repeat(200));
    assert_eq!(fits(&nested, "bab"), Ok(true));
}

#[test]
fn printed_expressions_are_plain_re2() {
    let table = [
        (r"/a.b[^/]+", "/a.b[^/]+"),
        (r"\Qa.b\E", r"a\.b"),
        (r"(ab)*|c{2,}|d{2,3}?", "(?:ab)*|c{2,}|d{2,3}"),
        (r"(?s).", r"(?s:.)"),
        (r"a(b|)c", "a(?:b|(?:))c"),
        (r"[-\]^]x{3}", r"[\-\]\^]x{3}"),
    ];
    for (pattern, wanted) in table {
        let hir = crate::compose::algebra::settle(&parse(pattern).unwrap()).unwrap();
        assert_eq!(print(&hir), wanted, "{pattern}");
    }
    assert_eq!(quote("/a.b(c)-_\u{7f}"), r"/a\.b\(c\)\-_\x{7f}");
}
