//! What may be called: what is declared, or everything.

use super::ground::Ground;

#[test]
fn drop_all_and_then_allow_all() {
    let ground = Ground::before("egress");
    ground.case.owns("egress-outside");
    ground.apply("");
    ground.ready("egress");
    ground.ready("egress-outside");
    let blue = ground.question("front", 8080, "/blue");
    let red = ground.question("front", 8080, "/red");
    ground.answers(&blue, 200, "external: blue");
    ground.answers(&red, 404, "");
    let clusters = ground.admin("front", "/clusters").unwrap();
    assert!(
        clusters.contains("cds_egress_egress_amazonaws::"),
        "{clusters}"
    );
    assert!(!clusters.contains("mesh-allow-all"), "{clusters}");
    ground.apply("then/allow-all.yaml");
    ground.answers(&red, 200, "external: red");
    ground.answers(&blue, 200, "external: blue");
    let clusters = ground.admin("front", "/clusters").unwrap();
    assert!(
        clusters.contains("cds_egress_egress_mesh-allow-all::"),
        "{clusters}"
    );
    ground.all_is_well();
}
