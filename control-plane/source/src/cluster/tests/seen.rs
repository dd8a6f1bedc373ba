//! One named object that may not be seen.

use tokio::sync::watch::Receiver;

use super::super::seen::{Seen, watch_seen_with};
use super::*;

type AsPod = tulle_crds::core::Pod;

async fn changed(receiver: &mut Receiver<Seen<AsPod>>) -> String {
    let change = timeout(Duration::from_secs(5), receiver.changed()).await;
    change.expect("a change in time").expect("the watch runs");
    match &*receiver.borrow_and_update() {
        Seen::Unknown => "unknown".to_owned(),
        Seen::Unreadable(why) => why.split(' ').next().unwrap().to_owned(),
        Seen::Absent => "absent".to_owned(),
        Seen::There(pod) => pod.status.as_ref().unwrap().pod_ip.clone().unwrap(),
    }
}

#[tokio::test]
async fn a_right_that_comes_later_is_used_and_one_that_goes_is_told() {
    let api = Api::start([Kind::Pod]).await;
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    api.fail(|faults| faults.forbidden = [Kind::Pod].into());
    let mut receiver = watch_seen_with::<AsPod>(api.client(), "shop", "p", quick());
    assert_eq!(changed(&mut receiver).await, "403");
    api.fail(|faults| faults.forbidden.clear());
    assert_eq!(changed(&mut receiver).await, "10.0.0.1");
    api.put(Kind::Pod, pod("p", "10.0.0.2"));
    assert_eq!(changed(&mut receiver).await, "10.0.0.2");
    api.fail(|faults| faults.down = true);
    api.reset();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!receiver.has_changed().unwrap(), "what was read holds");
    api.fail(|faults| {
        faults.down = false;
        faults.forbidden = [Kind::Pod].into();
    });
    assert_eq!(changed(&mut receiver).await, "403");
    api.fail(|faults| faults.forbidden.clear());
    assert_eq!(changed(&mut receiver).await, "10.0.0.2");
    api.delete(Kind::Pod, "shop", "p");
    assert_eq!(changed(&mut receiver).await, "absent");
}
