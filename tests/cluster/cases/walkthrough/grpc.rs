//! A gRPC service of which one method is routed.

use super::ground::Ground;

#[test]
fn a_method_and_then_every_method() {
    let ground = Ground::new("grpc");
    let get = ground.question("front", 8080, "/getColor");
    let set = |color: &str| ground.question("front", 8080, &format!("/setColor/{color}"));
    ground.answers(&get, 200, "no_color");
    ground.answers(&set("blue"), 500, "grpc-status 12");
    ground.answers(&get, 200, "no_color");
    ground.apply("then/every-method.yaml");
    ground.answers(&set("blue"), 200, "");
    ground.answers(&get, 200, "blue");
    let cluster = ground.egress("color", "grpc", 8080);
    let figure = format!("cluster.{cluster}.upstream_rq_200");
    assert!(ground.figure("front", &figure).unwrap() >= 4);
    ground.all_is_well();
}
