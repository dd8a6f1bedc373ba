//! `AdmissionReview` of `admission.k8s.io/v1`: requests in, responses out. Objects stay JSON, so nothing of them is lost.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// The question of an API server. Who asks for the change is not kept.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRequest {
    /// Identity of this question, repeated in the answer.
    pub uid: String,
    /// What kind the object is of.
    pub kind: GroupVersionKind,
    /// What resource is asked for.
    pub resource: GroupVersionResource,
    /// Such as `status`; empty for the object itself.
    #[serde(default, deserialize_with = "or_default")]
    pub sub_resource: String,
    /// The object's name; empty where the API server makes it up later.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The object's namespace, which the object itself may not say; empty for objects of the whole cluster.
    #[serde(default, deserialize_with = "or_default")]
    pub namespace: String,
    /// What is done.
    pub operation: Operation,
    /// The object as it would be; null where it is deleted.
    #[serde(default)]
    pub object: Value,
    /// The object as it is; null where it is new.
    #[serde(default)]
    pub old_object: Value,
    /// Whether nothing will be stored.
    #[serde(default, deserialize_with = "or_default")]
    pub dry_run: bool,
}

impl fmt::Debug for AdmissionRequest {
    /// Without the objects, which may hold what no log should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionRequest")
            .field("uid", &self.uid)
            .field("kind", &self.kind)
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("operation", &self.operation)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// A kind of object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GroupVersionKind {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// Name of the kind.
    pub kind: String,
}

impl GroupVersionKind {
    /// As manifests write it: `v1`, `appmesh.k8s.aws/v1beta2`.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// A kind of resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct GroupVersionResource {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// Plural name.
    pub resource: String,
}

/// What is done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
    /// Something connects to it, as `kubectl exec` does to a pod.
    Connect,
}

/// The answer. By default the object is accepted as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdmissionResponse {
    /// Why the object is refused, if it is.
    pub denied: Option<String>,
    /// What is changed in it; ignored where it is refused.
    pub patch: Patch,
    /// What the user is told.
    pub warnings: Vec<String>,
}

impl AdmissionResponse {
    /// The object is accepted as it is.
    pub fn allowed() -> Self {
        Self::default()
    }

    /// The object is refused.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self {
            denied: Some(reason.into()),
            ..Self::default()
        }
    }

    /// The object is accepted with these changes.
    pub fn patched(patch: Patch) -> Self {
        Self {
            patch,
            ..Self::default()
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewRequest {
    api_version: String,
    kind: String,
    request: AdmissionRequest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewResponse<'a> {
    api_version: &'a str,
    kind: &'a str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

/// Why a body is no review.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReviewError {
    /// It is not JSON of the right form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is something else.
    #[error("{kind} of {api_version}")]
    Other { api_version: String, kind: String },
}

/// Reads a review. JSON nested deeper than 128 levels is refused.
pub(super) fn decode(body: &[u8]) -> Result<AdmissionRequest, ReviewError> {
    let review: ReviewRequest = serde_json::from_slice(body)?;
    if review.api_version == API_VERSION && review.kind == KIND {
        Ok(review.request)
    } else {
        Err(ReviewError::Other {
            api_version: review.api_version,
            kind: review.kind,
        })
    }
}

/// Writes the answer to the question `uid`.
pub(super) fn encode(uid: &str, response: AdmissionResponse) -> Vec<u8> {
    let AdmissionResponse {
        denied,
        patch,
        warnings,
    } = response;
    let patch = (denied.is_none() && !patch.0.is_empty())
        .then(|| serde_json::to_vec(&patch).expect("a patch is JSON"))
        .map(|patch| STANDARD.encode(patch));
    let review = ReviewResponse {
        api_version: API_VERSION,
        kind: KIND,
        response: Response {
            uid,
            allowed: denied.is_none(),
            status: denied.map(|message| Status {
                code: 403,
                reason: "Forbidden",
                message,
            }),
            patch_type: patch.is_some().then_some("JSONPatch"),
            patch,
            warnings,
        },
    };
    serde_json::to_vec(&review).expect("texts and lists are always JSON")
}

/// Go clients may write null for what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use json_patch::jsonptr::PointerBuf;
    use json_patch::{AddOperation, PatchOperation};
    use serde_json::json;

    use super::*;

    fn review() -> Value {
        json!({
            "apiVersion": API_VERSION, "kind": KIND,
            "request": {
                "uid": "1", "kind": {"group": "appmesh.k8s.aws", "version": "v1beta2", "kind": "Mesh"},
                "resource": {"group": "appmesh.k8s.aws", "version": "v1beta2", "resource": "meshes"},
                "operation": "UPDATE", "userInfo": {"username": "who"}, "name": "a",
                "object": {"x": [1, 2.5, 1e300], "spec": {"unknown": null}}, "oldObject": null, "dryRun": true,
                "options": {"kind": "UpdateOptions"},
            },
        })
    }

    #[test]
    fn objects_are_kept_whole_and_never_shown() {
        let request = decode(review().to_string().as_bytes()).unwrap();
        assert_eq!(request.object, review()["request"]["object"]);
        assert_eq!(request.old_object, Value::Null);
        assert_eq!(request.kind.api_version(), "appmesh.k8s.aws/v1beta2");
        assert_eq!(
            (request.operation, request.dry_run),
            (Operation::Update, true)
        );
        assert_eq!((&*request.namespace, &*request.sub_resource), ("", ""));
        assert!(!format!("{request:?}").contains("unknown"));
    }

    #[test]
    fn only_reviews_of_v1() {
        for (pointer, value) in [
            ("/apiVersion", json!("admission.k8s.io/v1beta1")),
            ("/kind", json!("Status")),
            ("/request", json!(null)),
            ("/request/uid", json!(7)),
            ("/request/operation", json!("CREATION")),
        ] {
            let mut review = review();
            *review.pointer_mut(pointer).unwrap() = value;
            assert!(decode(review.to_string().as_bytes()).is_err(), "{pointer}");
        }
    }

    proptest::proptest! {
        /// Whatever is done to a review's bytes, it is read or refused.
        #[test]
        fn damaged_reviews(damage in proptest::collection::vec((0..1000_usize, proptest::num::u8::ANY), 1..20)) {
            let mut bytes = review().to_string().into_bytes();
            for (place, byte) in damage {
                let place = place % bytes.len();
                match byte {
                    0..64 => { bytes.remove(place); }
                    64..128 => bytes.insert(place, byte),
                    _ => bytes[place] = byte,
                }
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn answers() {
        let answer =
            |response| -> Value { serde_json::from_slice(&encode("7", response)).unwrap() };
        assert_eq!(
            answer(AdmissionResponse::allowed()),
            json!({"apiVersion": API_VERSION, "kind": KIND, "response": {"uid": "7", "allowed": true}})
        );
        let patch = Patch(vec![PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens(["a/b"]),
            value: json!(1),
        })]);
        let patched = answer(AdmissionResponse {
            warnings: vec!["careful".to_owned()],
            ..AdmissionResponse::patched(patch.clone())
        });
        assert_eq!(patched["response"]["patchType"], "JSONPatch");
        let text = STANDARD
            .decode(patched["response"]["patch"].as_str().unwrap())
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&text).unwrap(),
            json!([{"op": "add", "path": "/a~1b", "value": 1}])
        );
        assert_eq!(patched["response"]["warnings"], json!(["careful"]));
        let denied = answer(AdmissionResponse {
            denied: Some("no".to_owned()),
            ..AdmissionResponse::patched(patch)
        });
        assert_eq!(
            denied["response"],
            json!({"uid": "7", "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "no"}})
        );
    }
}
