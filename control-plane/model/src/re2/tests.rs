use super::reader::MAX_DEPTH;
use super::*;

/// What Envoy 1.38.3, 1.39.3 and 1.40.0 all took when asked to validate.
const TAKEN: &[&str] = &[
    "|",
    "()",
    "(?:)",
    "(?)a",
    "a||b",
    "/a/b",
    ".*green.*",
    "[a-z]+",
    "[^/]+/[0-9]{1,3}",
    "(abc|abd|xyz)+",
    "\\w+",
    "\\PN",
    "\\p{Greek}",
    "\\p{^Greek}",
    "[\\p{Greek}\\d]",
    "é",
    "{",
    "}",
    "]",
    "{id}",
    "/users/{id}",
    "a{b}",
    "a{,5}",
    "a{01}",
    "a{0}",
    "a{2,}",
    "a{0,3}?",
    "(a{10}){10}",
    "[[]",
    "[a[b]",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[-a]",
    "[--a]",
    "[a-b-c]",
    "[[:alpha:]]",
    "[[:^word:]]",
    "[[.a.]]",
    "[[=a=]]",
    "[:alpha:]",
    "[\\]\\x41\\n]",
    "a&&b",
    "\\Qa.b\\E",
    "\\Qa(b",
    "\\Q\\E",
    "a\\Q\\E+",
    "\\C",
    "\\0",
    "\\12",
    "\\_",
    "\\-",
    "\\<",
    "\\.",
    "\\x41",
    "\\x{0000000041}",
    "\\A\\b\\B\\z",
    "^*",
    "$+",
    "\\b?",
    "(?i)abc",
    "(?i:a)b",
    "(?-i)a",
    "(?s-m:a)",
    "(?U)a+",
    "(?m)^a$",
    "(?P<n>a)(?<m>b)",
    "(?P<n>a)(?P<n>b)",
    "a*?",
    "a+?",
    "a??",
    "(a*)*",
    "a(?i)*",
    "/item/[0-9]{1,60}",
    "^/a$",
    "[[a]",
    "[a&&b]",
    "[[:alpha:]-z]",
    "[[:^alpha:]]",
    "[\\d-z]",
    "a{,3}",
    "a{a}",
    "a{99999999999}",
    "(|a)*",
    "(?i)a",
    "(?i-s:a)",
    "\\Q*\\E*",
    "a\\Q\\E*",
    "\\Qa",
    "\\pL\\p{^Greek}\\P{Lu}",
    "\\x41\\x{41}\\012\\12\\0",
    "\\_\\-\\/",
    "\\C\\A\\z\\b\\B",
    "(\\w+/){200}",
    "(a{10}){100}",
    "[é]",
    "[à-é]",
    "[a-é]",
    "[^é]+",
    "é{2}",
    "\\xFF",
    "\\x{ff}",
    "\\x{00E9}",
    "\\377",
    "[\\x{80}-\\xFF]",
    "[^\\x00-\\xFF]",
    "[\\x41-é]",
    "\\Qé\\E+",
    "(?i)é",
    "\\p{Cs}",
    "\\p{Any}",
    "a*(?i)*",
    "a{2}\\Q\\E?",
    "(?ii-s)a",
    "(?i-i)a",
    "(a{1000})?",
    "(a{600}){1}",
    "a{100000000000}",
    "[a-z-9]",
    "/café/[^/]+",
    "(?i)straße",
    "日本{2}",
];

/// What at least one of them refused.
const REFUSED: &[&str] = &[
    "",
    "(",
    ")",
    "a)",
    "(a",
    "(?:a",
    "[",
    "[a",
    "[a-",
    "[]",
    "[^]",
    "\\",
    "a\\",
    "*",
    "+a",
    "?",
    "|*",
    "(*)",
    "(?i)*",
    "{2}",
    "a**",
    "a*+",
    "a+*",
    "a*??",
    "a{2}{3}",
    "a{2}*",
    "a{1001}",
    "a{3,2}",
    "(a{100}){11}",
    "((a{10}){10}){11}",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?<!a)",
    "(?P=n)",
    "(?P>n)",
    "(?x)a",
    "(?i-)a",
    "(?--i)a",
    "(?",
    "(?i",
    "(?P<n",
    "(?P<>a)",
    "(?P<n-m>a)",
    "(?#c)",
    "(?|a)",
    "(?>a)",
    "\\1",
    "\\8",
    "\\é",
    "\\Z",
    "\\G",
    "\\K",
    "\\u0041",
    "\\N{DASH}",
    "\\x",
    "\\x4",
    "\\x{}",
    "\\x{110000}",
    "\\x{41",
    "\\pX",
    "\\p{Alphabetic}",
    "\\p{Greek",
    "\\p{",
    "a\\E",
    "[z-a]",
    "[a-\\d]",
    "[[:foo:]]",
    "[\\b]",
    "[\\Q]",
    "*a",
    "a|*",
    "(*a)",
    "a{3,1}",
    "(a{500}){3}",
    "((a{100}){10}){10}",
    "[\\",
    "\\y",
    "\\777",
    "\\xg",
    "\\p{Foo}",
    "\\p{greek}",
    "\\p{OldItalic}",
    "(?P<1-2>a)",
    "(?P<é>c)",
    "\\E",
    "[b-a]",
    "a{2,1}",
    "\\x{100}",
    "\\400",
    "\\x{1F600}",
    "\\x{D800}",
    "\\x{DFFF}",
    "[\\x{100}-\\x{200}]",
    "[a-\\x{2192}]",
    "\\x{FFFFFFFFFF}",
    "[\\xD0-é]",
    "[é-à]",
    "[é-z]",
    "a{999999999}",
    "\\p{Script=Greek}",
    "\\p{L",
    "[[:^foo:]]",
    "(?P<n>",
    "(?a)",
];

const LIMIT: u32 = 1000;

#[test]
fn what_envoy_takes_is_read() {
    for expression in TAKEN {
        assert_eq!(read(expression).err(), None, "{expression}");
    }
}

#[test]
fn what_envoy_refuses_is_refused_with_a_way_out() {
    for expression in REFUSED {
        let refusal = read(expression).expect_err(expression);
        assert!(!refusal.to_string().is_empty() && !refusal.help().is_empty());
    }
}

#[test]
fn a_refusal_names_the_construct() {
    for (expression, text) in [
        ("", "it is empty"),
        ("a(?=b)", "it has no look-around: (?="),
        ("(a)\\1", "it has no backreferences: \\1"),
        ("\\Z", "unknown escape \\Z"),
        (
            "\\777",
            "\\777 is beyond \\xFF, and Envoy 1.39 and later read expressions as Latin-1",
        ),
        ("[[:foo:]]", "unknown class [:foo:]"),
        ("[z-a]", "the range z-a runs backwards"),
        (
            "[\\xD0-é]",
            "the range \\xD0-é runs backwards in Envoy 1.39 and later, which read expressions as Latin-1",
        ),
        ("a{2}{3}", "{3} follows another repetition"),
        ("(?x)a", "unknown group (?x"),
    ] {
        assert_eq!(read(expression).unwrap_err().to_string(), text);
    }
}

#[test]
fn programs_too_large_are_refused() {
    for expression in ["a{1000}", ".{0,1000}", "\\pL", "\\pL{2}", "([a-z]{30}){33}"] {
        let size = program_size(expression).unwrap();
        let refusal = Refusal::ProgramSize { size, limit: LIMIT };
        assert_eq!(check(expression, LIMIT), Err(refusal), "{expression}");
        assert_eq!(check(expression, size), Ok(()), "{expression}");
    }
    // Sizes that RE2 reports.
    for (expression, size) in [
        ("a{900}", 904),
        ("[^/]+/[0-9]{1,3}", 19),
        (".{0,100}", 904),
        ("é", 6),
    ] {
        let estimate = program_size(expression).unwrap();
        assert!(
            (size..=size + 10).contains(&estimate),
            "{expression}: {estimate}"
        );
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(check(&nested(MAX_DEPTH as usize), LIMIT), Ok(()));
    assert_eq!(read(&nested(100_000)), Err(Refusal::Depth));
}

#[test]
fn flags_reach_to_the_end_of_their_group() {
    let literal = |character, fold_case| Node::Literal {
        character,
        fold_case,
    };
    let node = read("(?i)a(?-i:b)(c(?-i)d)e").unwrap();
    let inner = Node::Concatenation(vec![literal('c', true), literal('d', false)]);
    let outer = Node::Concatenation(vec![
        literal('a', true),
        literal('b', false),
        Node::Captured(Box::new(inner)),
        literal('e', true),
    ]);
    assert_eq!(node, outer);
}

#[test]
fn an_operator_repeats_what_stands_before_flags() {
    let twice = Node::Repeat {
        part: Box::new(Node::Literal {
            character: 'a',
            fold_case: false,
        }),
        least: 2,
        most: Some(2),
    };
    let perhaps = Node::Repeat {
        part: Box::new(twice),
        least: 0,
        most: Some(1),
    };
    assert_eq!(read("a{2}(?i)?").unwrap(), perhaps);
    assert_eq!(read("a{2}\\Q\\E?").unwrap(), perhaps);
}

#[test]
fn names_of_unicode_classes_are_sorted() {
    let names: Vec<_> = unicode_classes().collect();
    assert!(names.is_sorted());
    assert!(names.iter().all(|name| unicode::instructions(name) > 0));
}
