//! One named object.

use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::watch::Receiver;

use super::super::one::watch_one_with;
use super::*;

// ConfigMaps are none of the kinds of the mesh; the server keeps these as Pods.
fn watch(api: &Api, name: &str) -> Receiver<Option<Arc<AsPod>>> {
    watch_one_with(api.client(), "shop", name, quick())
}

type AsPod = tulle_crds::core::Pod;

async fn changed(receiver: &mut Receiver<Option<Arc<AsPod>>>) -> Option<String> {
    let change = timeout(Duration::from_secs(5), receiver.changed()).await;
    change.expect("a change in time").expect("the watch runs");
    let object = receiver.borrow_and_update().clone();
    object.map(|pod| pod.status.as_ref().unwrap().pod_ip.clone().unwrap())
}

#[tokio::test]
async fn one_object_is_followed_and_no_other() {
    let api = Api::start([Kind::Pod]).await;
    api.put(Kind::Pod, pod("other", "10.0.0.9"));
    let mut receiver = watch(&api, "p");
    // That it is not there is news, too.
    assert_eq!(changed(&mut receiver).await, None);
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    assert_eq!(changed(&mut receiver).await.as_deref(), Some("10.0.0.1"));
    api.put(Kind::Pod, pod("other", "10.0.0.8"));
    api.put(Kind::Pod, pod("p", "10.0.0.2"));
    assert_eq!(changed(&mut receiver).await.as_deref(), Some("10.0.0.2"));

    let mut wrong = pod("p", "x");
    wrong["status"] = json!("wrong");
    api.put(Kind::Pod, wrong);
    api.fail(|faults| faults.down = true);
    api.reset();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!receiver.has_changed().unwrap());
    api.delete(Kind::Pod, "shop", "p");
    api.compact();
    api.fail(|faults| faults.down = false);
    assert_eq!(changed(&mut receiver).await, None);

    let asked = api.requests("metadata.name%3Dp").len();
    assert_eq!(api.requests("").len(), asked);
    drop(receiver);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let asked = api.requests("").len();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(api.requests("").len(), asked);
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_is_not_one_that_is_absent() {
    let api = Api::start([Kind::Pod]).await;
    let mut wrong = pod("p", "x");
    wrong["status"] = json!("wrong");
    api.put(Kind::Pod, wrong);
    let mut receiver = watch(&api, "p");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!receiver.has_changed().unwrap());
    api.put(Kind::Pod, pod("p", "10.0.0.2"));
    assert_eq!(changed(&mut receiver).await.as_deref(), Some("10.0.0.2"));
}

#[test]
fn secrets_and_config_maps_can_be_watched() {
    // That it compiles is what is tested.
    let _ = |client: Client| {
        (
            watch_one::<ConfigMap>(client.clone(), "n", "c"),
            watch_one::<k8s_openapi::api::core::v1::Secret>(client, "n", "s"),
        )
    };
}
