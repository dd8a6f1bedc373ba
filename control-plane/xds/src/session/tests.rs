//! The rules of the protocol, each as a test of the state machine; in both variants where it applies.

mod bench;
mod bisect;
mod harness;
mod hold;
mod local;
mod model;
mod nack;
mod order;
mod own;
mod quarantine;
mod reconnect;
mod removal;
mod report;
mod settle;
mod sotw;
mod subscribe;
mod touch;
mod wildcard;

/// What a stream leaves open that ended with so many resources under way.
pub(crate) fn half_done(resources: usize) -> super::Unsure {
    use bench::*;
    let all = (0..resources).map(|n| res(CDS, &format!("c{n}"), "1"));
    let mut bench = Bench::with(Variant::Delta, all.collect());
    bench.ask(CDS, &[]);
    bench.session.unsure()
}
