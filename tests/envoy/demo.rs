//! The demo's tour, as a newcomer runs it, in a network namespace of its own.

use tulle_tests::netns::Network;
use tulle_tests::{process::output, programs};

#[test]
fn the_tour_loses_nothing_and_finds_every_share_as_declared() {
    let network = Network::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = network.hub().command(programs::tulle());
    command
        .args(["demo", "--once", "--dir"])
        .arg(folder.path())
        .arg("--envoy")
        .arg(programs::envoy());
    // A tour on which anything is not as declared exits with 1, which is a failure here.
    let printed = String::from_utf8(output(&mut command, b"")).expect("text");
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.ends_with(" requests, 0 lost"), "{printed}");
}
