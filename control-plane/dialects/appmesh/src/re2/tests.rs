use super::*;

/// What RE2 itself says, of release 2024-07 and later.
const TAKEN: &[&str] = &[
    "",
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
    "\\777",
    "\\_",
    "\\-",
    "\\<",
    "\\.",
    "\\x41",
    "\\x{1F600}",
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
];

const REFUSED: &[&str] = &[
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
];

#[test]
fn what_re2_takes_passes() {
    for pattern in TAKEN {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in REFUSED {
        assert!(program_size(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn programs_too_large_for_envoy_are_refused() {
    for pattern in ["a{1000}", ".{0,1000}", "\\pL", "\\pL{2}", "([a-z]{30}){33}"] {
        let size = program_size(pattern).unwrap();
        assert_eq!(check(pattern), Err(Refusal::ProgramSize(size)), "{pattern}");
    }
    // Sizes that RE2 reports.
    for (pattern, size) in [
        ("a{900}", 904),
        ("[^/]+/[0-9]{1,3}", 19),
        (".{0,100}", 904),
        ("é", 6),
    ] {
        let estimate = program_size(pattern).unwrap();
        assert!(
            (size..=size + 10).contains(&estimate),
            "{pattern}: {estimate}"
        );
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(check(&nested(MAX_DEPTH as usize)), Ok(()));
    assert_eq!(check(&nested(100_000)), Err(Refusal::Depth));
}
