//! How servers are found: by names of Cloud Map, and by the family of their addresses.

use super::ground::{Ground, SOON, between};

#[test]
fn cloud_map() {
    let ground = Ground::new("cloud-map");
    let blue = ground.question("front", 8080, "/blue");
    let red = ground.question("front", 8080, "/red");
    ground.answers(&blue, 200, "blue");
    ground.answers(&red, 200, "red");
    // one service of Cloud Map, told apart by an attribute
    between(&ground.count(&blue, 40), "blue", 40, 40).unwrap();
    let cluster = ground.egress("blue", "http", 8080);
    let total = format!("cluster.{cluster}.membership_total");
    for replicas in [3, 1] {
        let ns = ground.ns;
        ground.case.run(&format!(
            "scale deployment/blue -n {ns} --replicas={replicas}"
        ));
        ground.case.eventually("the instances to follow", SOON, || {
            let found = ground.figure("front", &total)?;
            anyhow::ensure!(found == replicas, "{found} endpoints");
            Ok(())
        });
    }
    ground.answers(&blue, 200, "blue");
    ground.all_is_well();
}

#[test]
fn preferred_families() {
    let ground = Ground::new("ipv6");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "blue");
    let listeners = ground.admin("front", "/listeners").unwrap();
    assert!(listeners.contains("lds_ingress_::_15000"), "{listeners}");
    assert!(listeners.contains("lds_egress_::_15001"), "{listeners}");

    // The cluster has addresses of one family, so clients find nobody; the application is reached at ::1.
    ground.apply("then/ipv6-only.yaml");
    let own = ground.ingress("color", "http", 8080);
    ground.case.eventually("the application at ::1", SOON, || {
        let clusters = ground.admin("color", "/clusters")?;
        let found = clusters.contains(&format!("{own}::[::1]:8080::"));
        anyhow::ensure!(found, "{clusters}");
        Ok(())
    });
    ground.answers(&ground.question("color", 8080, "/"), 200, "blue");
    ground.all_is_well();
}
