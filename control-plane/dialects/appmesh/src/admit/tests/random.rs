//! Whatever comes: no panic, patches that apply, bounded texts, and an object that was admitted is admitted again.

use proptest::prelude::*;

use super::*;

/// JSON that is often almost right: the keys that admission reads, with anything in them.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![
            Just("adm-shop"),
            Just("front"),
            Just("/"),
            Just(""),
            Just("c_adm-shop"),
            Just("http"),
            Just("a\n\u{1f980}")
        ]
        .prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("awsName"),
        Just("meshRef"),
        Just("virtualGatewayRef"),
        Just("name"),
        Just("uid"),
        Just("namespace"),
        Just("listeners"),
        Just("portMapping"),
        Just("port"),
        Just("protocol"),
        Just("routes"),
        Just("httpRoute"),
        Just("match"),
        Just("prefix"),
        Just("path"),
        Just("headers"),
        Just("serviceDiscovery"),
        Just("awsCloudMap"),
        Just("meshServiceDiscovery"),
        Just("ipPreference"),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_breaks(
        spec in anything(),
        old_spec in anything(),
        kind in prop::sample::select(&Kind::ALL[..]),
        update in any::<bool>(),
    ) {
        thread_local! {
            static LISTING: Listing = listing(table().world);
        }
        let object = |spec: &Value| json!({
            "apiVersion": kind.api_version(), "kind": kind.as_str(),
            "metadata": {"name": "c", "namespace": "adm-shop", "labels": {"route": "front"}}, "spec": spec,
        });
        let (mut new, old) = (object(&spec), object(&old_spec));
        let operation = if update { Operation::Update } else { Operation::Create };
        LISTING.with(|listing| {
            let verdict = ask(Phase::Mutating, operation, &new, &old, listing);
            if verdict.denied.is_none() {
                json_patch::patch(&mut new, &verdict.patch).unwrap();
                let again = ask(Phase::Mutating, operation, &new, &old, listing);
                assert_eq!(again, Verdict::default());
            }
            let verdict = ask(Phase::Validating, operation, &new, &old, listing);
            assert!(verdict.warnings.len() <= 5);
            assert!(verdict.warnings.iter().all(|text| text.len() < 256 && !text.contains(char::is_control)));
            if verdict.denied.is_none() {
                let labelled = ask(Phase::Validating, Operation::Update, &new, &new, listing);
                assert_eq!(labelled, Verdict::default());
            }
        });
    }
}
