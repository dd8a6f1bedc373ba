use super::super::re2::{parse, print};
use super::{Obstacle, always_begins, behind, is_nothing, not_beginning, settle, without};

fn settled(pattern: &str) -> regex_syntax::hir::Hir {
    settle(&parse(pattern).unwrap()).unwrap()
}

#[test]
fn anchors_go_where_they_can_be_decided() {
    for (pattern, wanted) in [
        ("^/a$", "/a"),
        ("(^/a|/b)(c$|d)", "(?:/a|/b)[cd]"),
        ("(?m)^/a(/|$)", "/a(?:/|(?:))"),
        ("/a(^b|c)", "/ac"),
        ("(?:^/)?a", "/?a"),
    ] {
        assert_eq!(print(&settled(pattern)), wanted, "{pattern}");
    }
    for (pattern, obstacle) in [
        ("a*^b", Obstacle::Anchor),
        ("(?:a$)*", Obstacle::Anchor),
        (r"/\bx", Obstacle::WordBoundary),
        (r"/\C", Obstacle::Bytes),
        ("[ace]{1000}[ace]{1000}[ace]{1000}", Obstacle::Size),
    ] {
        assert_eq!(settle(&parse(pattern).unwrap()), Err(obstacle), "{pattern}");
    }
    assert!(is_nothing(&settled("/a^")));
    assert!(is_nothing(&settled("/\u{e9}")));
}

#[test]
fn quotients() {
    for (pattern, prefix, wanted) in [
        ("/api/v[0-9]+/x", "/api/v", "[0-9]+/x"),
        ("/api/v[0-9]+/x", "/api/v1", "[0-9]*/x"),
        (".*/x", "/", "(?:.*/)?x"),
        ("(/a|/b)+c", "/a", "(?:/[ab])*c"),
        ("/a{2,3}", "/a", "a{1,2}"),
    ] {
        let found = behind(&settled(pattern), prefix).unwrap();
        for text in [
            "", "x", "/x", "1/x", "c", "/ac", "/bc", "a", "aa", "aaa", "/", "a/x",
        ] {
            let whole = super::super::re2::fits(pattern, &format!("{prefix}{text}"));
            let rest = super::super::re2::fits(&print(&found), text);
            assert_eq!(whole, rest, "{pattern} {prefix} {text} (such as {wanted})");
        }
    }
    assert!(is_nothing(&behind(&settled("/a.*"), "/b").unwrap()));
}

#[test]
fn avoided_characters() {
    assert_eq!(print(&not_beginning(&settled("/?a"), '/').unwrap()), "a");
    assert_eq!(
        print(&not_beginning(&settled("[/b]*"), '/').unwrap()),
        "(?:)|b[/b]*"
    );
    assert_eq!(print(&without(&settled(r"/a(\?b|[?c])d*"), '?')), "/acd*");
    assert!(is_nothing(&without(&settled(r"/a\?"), '?')));
}

#[test]
fn beginnings() {
    assert!(always_begins(&settled("/a(b|c)"), "/a"));
    assert!(always_begins(&settled("^(/ab|/ac)"), "/a"));
    assert!(!always_begins(&settled("/a?b"), "/a"));
    assert!(!always_begins(&settled(".*"), "/"));
}
