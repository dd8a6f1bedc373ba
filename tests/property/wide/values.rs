//! Single values: mostly sound, sometimes at a limit or past it, sometimes odd.

use proptest::prelude::*;
use serde_json::{Value, json};

/// One of the sound values, or in so many of a hundred cases an odd one.
fn mixed(
    sound: &'static [&'static str],
    odd_percent: u32,
    odd: &'static [&'static str],
) -> BoxedStrategy<String> {
    prop_oneof![
        100 - odd_percent => prop::sample::select(sound).prop_map(str::to_owned),
        odd_percent => prop::sample::select(odd).prop_map(long),
    ]
    .boxed()
}

/// `LONG` stands for as many characters as schemas allow.
fn long(text: &str) -> String {
    text.replace("LONG", &"l".repeat(250))
}

fn value(text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Value> {
    text.prop_map(Value::from).boxed()
}

/// An awsName of a node, router or gateway: any text.
pub(super) fn name() -> BoxedStrategy<Value> {
    value(mixed(
        &["plain", "Plain_Name", "a.b-c_d", "alias"],
        50,
        &[
            "LONGabcde",
            "with space",
            "a/b/c",
            "a:b",
            "ünï",
            "日本",
            "*",
            "\"",
            "\\",
            "%REQ(x)%",
            "a,b;c",
            "{}",
            "a\tb",
            "a\nb",
            "a\r\nb",
            "a\0b",
            "\u{7f}",
            "\u{feff}",
            "-",
            ".",
            "..",
            "amazonaws",
            "🦀",
        ],
    ))
}

/// The awsName of a service: the host that clients call.
pub(super) fn service_host() -> BoxedStrategy<Value> {
    value(mixed(
        &[
            "color.one.svc.cluster.local",
            "Color.One.svc.cluster.local",
            "api.example",
            "API.Example",
            "short",
            "10.1.2.3",
        ],
        25,
        &[
            "*",
            "*.example",
            "api.*",
            "api.example:8080",
            "api.example.",
            "münchen.example",
            "[::1]",
            "::1",
            "a b",
            "a_b",
            "-",
            "LONG",
            "LONG.LONG",
            "a..b",
            ".a",
            "%",
            "a\nb",
            "a\0b",
            "localhost",
            "0.0.0.0",
            "xn--mnchen-3ya.example",
        ],
    ))
}

/// A hostname to resolve.
pub(super) fn dns_name(number: usize) -> BoxedStrategy<Value> {
    let own = format!("n{number}.{}.svc.cluster.local", super::namespace(number));
    let other = mixed(
        &[
            "db.example.com",
            "DB.Example.com.",
            "127.0.0.1",
            "192.0.2.7",
            "::1",
            "2001:db8::1",
            "fe80::1",
            "0.0.0.0",
            "255.255.255.255",
        ],
        20,
        &[
            "",
            "a b",
            "db:5432",
            "*.example.com",
            "[::1]",
            "fe80::1%eth0",
            "010.0.0.1",
            "1.2.3",
            "LONG",
            "a..b",
            "日本.jp",
            "a\nb",
            "1.2.3.4.",
            "0x7f.1",
        ],
    );
    prop_oneof![3 => Just(Value::from(own)), 2 => value(other)].boxed()
}

/// A port where it is not the point; few, so that ports meet.
pub(super) fn port() -> BoxedStrategy<Value> {
    prop_oneof![
        1500 => prop::sample::select(&[80_i64, 8080][..]),
        200 => prop::sample::select(&[1_i64, 443, 15000, 15001, 15006, 9901, 65534, 65535][..]),
        1 => prop::sample::select(&[0_i64, -1, 65536, i64::MAX][..]),
    ]
    .prop_map(Value::from)
    .boxed()
}

/// Any App Mesh protocol.
pub(super) fn protocol() -> BoxedStrategy<Value> {
    prop::sample::select(&["http", "http", "http", "http", "http2", "grpc", "tcp"][..])
        .prop_map(Value::from)
        .boxed()
}

/// A duration.
pub(super) fn duration() -> BoxedStrategy<Value> {
    let number = prop_oneof![
        400 => prop::sample::select(&[0_i64, 1, 2, 999, 1000, 1001, 15, 60, 86_400][..]),
        120 => prop::sample::select(vec![
            i64::from(u32::MAX), i64::from(u32::MAX) + 1, 3_153_600_000, 3_153_600_001, 315_576_000_000, 9_223_372_036,
            9_223_372_037, 9_223_372_036_854, i64::MAX,
        ]),
        1 => prop::sample::select(&[-1_i64, i64::MIN][..]),
    ];
    (number, prop::sample::select(&["s", "ms"][..]))
        .prop_map(|(number, unit)| json!({ "value": number, "unit": unit }))
        .boxed()
}

/// A weight.
pub(super) fn weight() -> BoxedStrategy<Value> {
    prop_oneof![1500 => 0..=100_i64, 300 => Just(0), 1 => prop::sample::select(&[-1_i64, 101, i64::MAX][..])]
        .prop_map(Value::from)
        .boxed()
}

/// A priority.
pub(super) fn priority() -> BoxedStrategy<Value> {
    prop_oneof![200 => prop::sample::select(&[0_i64, 1, 2, 999, 1000][..]), 1 => prop::sample::select(&[-1_i64, 1001, i64::MAX][..])]
        .prop_map(Value::from)
        .boxed()
}

/// How often to retry.
pub(super) fn retries() -> BoxedStrategy<Value> {
    prop_oneof![
        400 => prop::sample::select(&[0_i64, 1, 2, 10][..]),
        1 => Just(-1),
        100 => prop::sample::select(vec![i64::from(i32::MAX), i64::from(u32::MAX), i64::from(u32::MAX) + 1, i64::MAX]),
    ]
    .prop_map(Value::from)
    .boxed()
}

/// A path prefix.
pub(super) fn prefix() -> BoxedStrategy<Value> {
    value(mixed(
        &["/", "/", "/a", "/a/", "/a/b", "/A"],
        25,
        &[
            "", "a", "//", "/a//b", "/a b", "/é", "/a?b=c", "/a#b", "/a%2Fb", "/..", "/a/../b",
            "/LONG", "/a\nb", "/a\0b", "/*", "/{id}", "/a;b", "/\"", "/\\", "/%", "/.",
        ],
    ))
}

/// A path where schemas refuse an empty one.
pub(super) fn exact_path() -> BoxedStrategy<Value> {
    prefix().prop_filter("not empty", |path| path != "").boxed()
}

/// A value that a header or a query parameter is compared with.
pub(super) fn text() -> BoxedStrategy<Value> {
    value(mixed(
        &["a", "b", "gzip", "application/json"],
        40,
        &[
            " ",
            "a b",
            " a ",
            "é",
            "日本",
            "\"a\"",
            "\\",
            "%00",
            "%REQ(x)%",
            "%",
            "%%",
            "*",
            "a,b",
            "LONGabcde",
            "\t",
            "a\nb",
            "a\r\nb: c",
            "a\0b",
            "\u{7f}",
            "\u{1}",
            "🦀",
            "{a}",
            "${HOME}",
            "null",
            "0",
            "-1",
        ],
    ))
}

/// The name of a header.
pub(super) fn header() -> BoxedStrategy<Value> {
    value(mixed(
        &["x-a", "X-B", "Accept", "content-TYPE", "cookie"],
        35,
        &[
            ":path",
            ":authority",
            ":method",
            ":scheme",
            ":status",
            ":Path",
            "Host",
            "host",
            "te",
            "connection",
            "transfer-encoding",
            "upgrade",
            "content-length",
            "x-forwarded-for",
            "X-Envoy-Retry-On",
            "x-request-id",
            "x_under",
            "a b",
            " ",
            "é",
            "日本",
            "a:b",
            ":",
            "::",
            "x\ny",
            "x\0",
            "\"",
            "(",
            "lllllllllllllllllllllllllllllllllllllllllllllllll5",
            "*",
            "%REQ(x)%",
            "x,y",
            "X-É",
        ],
    ))
}

/// The name of a query parameter.
pub(super) fn query() -> BoxedStrategy<Value> {
    value(mixed(
        &["q", "Q", "page", "a.b"],
        35,
        &[
            "",
            " ",
            "a b",
            "é",
            "a=b",
            "a&b",
            "%20",
            "a[]",
            "LONGLONGLONGLONG",
            "LONGLONGLONGLONGLONG",
            "a\nb",
            "a\0b",
            "*",
        ],
    ))
}

/// A gRPC service or method.
pub(super) fn grpc_name() -> BoxedStrategy<Value> {
    value(mixed(
        &["shop.Color", "Color", "a.b.C"],
        25,
        &[
            "", "a/b", "/a", "a/", "a b", "é", "LONG", "a\nb", "a\0b", "*", "a?b", ".", "a#b", "%",
        ],
    ))
}

const REGEXES: &[&str] = &[
    ".*",
    "/a.*",
    "/user/[0-9]+",
    "^/a$",
    "a|b|c",
    "(a)(b)?",
    "(?i)abc",
    "(?s).*",
    "(?-s).",
    "(?U)a+",
    "(?m)^a$",
    "(?P<name>a)",
    "(?<name>a)",
    "\\Q.*\\E",
    "\\Qa",
    "\\d+\\s\\w\\D\\S\\W",
    "\\pL\\p{Greek}\\P{Lu}\\pN",
    "[[:alpha:]]+",
    "[^[:^digit:]]",
    "[a-z&&[^b]]",
    "[]a]",
    "[^]a]",
    "[a[b]",
    "{id}",
    "a{,5}",
    "a{2,}",
    "a{0}",
    "a{1,3}?",
    "a*?b+?c??",
    "\\x41\\x{10FFFF}\\077\\a\\f\\t\\n\\r\\v",
    "\\A\\bword\\B\\z",
    "\\C",
    "é+",
    "日本.*",
    "(|a)",
    "(a|)*",
    "a||b",
    "()",
    "(?:)",
    "[-a]",
    "[a-]",
    "\\.\\-\\/",
    "/%2F",
    "x{3}{",
    "]",
    "}",
    "((((((((((a))))))))))",
    "[\\d\\-x]",
    "\\x{0}",
    "[\\x00-\\xff]",
    ".{100}",
    "(a.{20}){10}",
    "\\pL{30}",
    "(?i)[a-z]{200}",
    "a{1000}",
    "(.{10}){50}",
    ".*.*.*.*",
    "(?i)straße",
    "(?i)ſK",
    "[[:word:]]{64}",
    "\u{7f}",
    "a\nb",
];

const BAD_REGEXES: &[&str] = &[
    "(",
    ")",
    "[",
    "a**",
    "a{1001}",
    "(a{100}){100}",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "\\1",
    "\\k<a>",
    "(?x)a",
    "\\u0041",
    "\\Z",
    "\\p{Nope}",
    "*",
    "+a",
    "a{3,1}",
    "[z-a]",
    "[[:nope:]]",
    "\\",
    "(?P<a>x)(?P<a>y)",
    "(?P<1>x)",
    "\\pL{1000}",
    "(?i",
    "a\0b",
    "\\8",
    "\\xZ",
    "(?#c)",
    "a++",
    "(?>a)",
    "[a-\\d]",
    "\\x{110000}",
];

/// A regular expression.
pub(super) fn regex() -> BoxedStrategy<Value> {
    prop_oneof![
        12 => prop::sample::select(REGEXES).prop_map(str::to_owned),
        2 => prop::sample::select(BAD_REGEXES).prop_map(str::to_owned),
        5 => composed(),
        1 => "[a-c()\\[\\]{}|*+?.^$\\\\0-3,:<>P-]{1,12}",
    ]
    .prop_map(Value::from)
    .boxed()
}

/// An expression made of sound parts.
fn composed() -> BoxedStrategy<String> {
    let part = prop::sample::select(
        &[
            "a", "/", "\\d", "[a-z]", "[^/]", ".", "é", "\\.", "\\pL", "(?i:k)", "^", "$", "\\b",
        ][..],
    )
    .prop_map(str::to_owned);
    part.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            (
                inner,
                prop::sample::select(&["*", "+", "?", "{2}", "{0,3}", "{5,}", "+?", "{40}"][..])
            )
                .prop_map(|(a, repeat)| format!("({a}){repeat}")),
        ]
    })
    .boxed()
}
