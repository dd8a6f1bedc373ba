//! What has become of a pod, as a patch.
//!
//! Most of a pod stays as it is: a part that is the same is compared and no more, and no path to it is written.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

/// The patch that makes the one into the other; empty where they are the same.
pub(super) fn patch(before: &Value, after: &Value) -> Patch {
    let mut operations = Vec::new();
    if before != after {
        differ(before, after, &mut PointerBuf::new(), &mut operations);
    }
    Patch(operations)
}

/// Of two values that are not the same.
fn differ(
    before: &Value,
    after: &Value,
    path: &mut PointerBuf,
    operations: &mut Vec<PatchOperation>,
) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, now) in after {
                let was = before.get(key);
                if was != Some(now) {
                    path.push_back(key);
                    change(was, now, path, operations);
                    path.pop_back();
                }
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                path.push_back(key);
                remove(path, operations);
                path.pop_back();
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (place, now) in after.iter().enumerate() {
                let was = before.get(place);
                if was != Some(now) {
                    path.push_back(place);
                    change(was, now, path, operations);
                    path.pop_back();
                }
            }
            // What follows moves up to the place of what is removed.
            for _ in after.len()..before.len() {
                path.push_back(after.len());
                remove(path, operations);
                path.pop_back();
            }
        }
        _ => operations.push(PatchOperation::Replace(ReplaceOperation {
            path: path.clone(),
            value: after.clone(),
        })),
    }
}

fn change(
    was: Option<&Value>,
    now: &Value,
    path: &mut PointerBuf,
    operations: &mut Vec<PatchOperation>,
) {
    match was {
        Some(was) => differ(was, now, path, operations),
        None => operations.push(PatchOperation::Add(AddOperation {
            path: path.clone(),
            value: now.clone(),
        })),
    }
}

fn remove(path: &PointerBuf, operations: &mut Vec<PatchOperation>) {
    operations.push(PatchOperation::Remove(RemoveOperation {
        path: path.clone(),
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3_u8).prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab/~]{1,2}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_patch_makes_the_one_into_the_other(before in value(), after in value()) {
            let patch = patch(&before, &after);
            prop_assert_eq!(patch.0.is_empty(), before == after);
            let mut patched = before;
            json_patch::patch(&mut patched, &patch).unwrap();
            prop_assert_eq!(patched, after);
        }
    }
}
