//! What the link and the compiler hold where every group calls every service, and what they allocate for a change that every
//! group is told of: `cargo bench -p tulle-tests --bench held`.

mod world;

use tikv_jemalloc_ctl::{Result, epoch, stats, thread};
use tikv_jemallocator::Jemalloc;
use tulle_control_plane::engine::{Engine, Group};
use tulle_control_plane::translate::translate;
use tulle_model::Capture;
use tulle_model::settings::Settings;
use world::{Calls, World, observe, router, slice};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The service that changes.
const CALLED: usize = 50;

/// Bytes that are allocated now.
fn allocated() -> Result<usize> {
    epoch::advance()?;
    stats::allocated::read()
}

/// Bytes that what is made holds beyond what was there before.
fn held_by<T>(make: impl FnOnce() -> T) -> Result<(T, usize)> {
    let before = allocated()?;
    let made = make();
    let after = allocated()?;
    Ok((made, after.saturating_sub(before)))
}

/// Bytes that are allocated for a turn from one of these states to the other, given back meanwhile or not.
fn allocated_for(engine: &mut Engine, states: [serde_json::Value; 2]) -> Result<usize> {
    const TURNS: usize = 20;
    let states = states.map(|state| translate(&observe([state])[0]));
    // The first of each finds nothing that it can use again.
    for state in &states {
        engine.apply(vec![state.clone()]);
    }
    let counter = thread::allocatedp::read()?;
    let before = counter.get();
    for turn in 0..TURNS {
        engine.apply(vec![states[turn % 2].clone()]);
    }
    Ok(usize::try_from(counter.get() - before).unwrap_or(usize::MAX) / TURNS)
}

fn tell(what: &str, bytes: usize, world: &World) {
    let World {
        services,
        groups,
        calls,
    } = world;
    let each = bytes / services / (*groups).max(1);
    let calls = format!("{calls:?}");
    eprintln!(
        "{groups:>5} groups x {services:>5} services, {calls:<8} {what:<21} {bytes:>11} bytes, {each:>5} a service and group"
    );
}

fn tell_change(what: &str, bytes: usize, world: &World) {
    let told = match world.calls {
        Calls::All => world.groups,
        Calls::Next(count) => count.min(world.groups),
    };
    let each = bytes / told.max(1);
    eprintln!(
        "{what:>14} changes for {told:>5} groups: {bytes:>9} bytes allocated, {each:>6} a group"
    );
}

fn main() -> Result<()> {
    for (groups, services, calls) in [
        (0, 5_000, Calls::All),
        (1_000, 1_000, Calls::Next(20)),
        (50, 500, Calls::All),
        (100, 1_000, Calls::All),
        (1_000, 1_000, Calls::All),
    ] {
        let world = World {
            services,
            groups,
            calls,
        };
        let linked = world.linked();
        let (mut engine, index) = held_by(|| {
            let mut engine = Engine::new(Settings::default());
            engine.apply(linked.clone());
            engine
        })?;
        tell("linked", index, &world);
        let capture = Capture::Transparent;
        let ((), open) = held_by(|| {
            for proxy in world.proxies() {
                engine.open(&Group { proxy, capture });
            }
        })?;
        tell("compiled for groups", open, &world);
        // A service that all of them call, or as many as there are that call it.
        let endpoint = [slice(CALLED, 2), slice(CALLED, 3)];
        tell_change("endpoint", allocated_for(&mut engine, endpoint)?, &world);
        let route = [router(CALLED, 20), router(CALLED, 30)];
        tell_change("route", allocated_for(&mut engine, route)?, &world);
    }
    Ok(())
}
