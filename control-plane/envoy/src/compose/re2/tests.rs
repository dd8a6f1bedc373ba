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
fn what_re2_refuses_is_refused() {
    for pattern in [
        "(",
        ")",
        "[",
        "[b-a]",
        "a**",
        "*a",
        "a{2,1}",
        "a{1001}",
        r"\1",
        r"\8",
        r"\y",
        r"\",
        "(?=a)",
        "(?P=n)",
        "(?x)a",
        "(?<!a)",
        "[[:foo:]]",
        r"\pX",
        r"\x4",
        r"[\b]",
        r"\Z",
        r"\x{100}",
    ] {
        assert!(
            matches!(parse(pattern), Err(Re2Error::Invalid(_))),
            "{pattern}"
        );
        assert!(
            matches!(fits(pattern, ""), Err(Re2Error::Invalid(_))),
            "{pattern}"
        );
    }
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
