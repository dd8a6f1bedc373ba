//! What the link and the compiler hold where every group calls every service: `cargo bench -p tulle-tests --bench held`.

mod world;

use tikv_jemalloc_ctl::{Result, epoch, stats};
use tikv_jemallocator::Jemalloc;
use tulle_control_plane::engine::{Engine, Group};
use tulle_model::Capture;
use tulle_model::settings::Settings;
use world::{Calls, World};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
    }
    Ok(())
}
