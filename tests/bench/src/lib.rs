//! The bench bed: what Tulle costs and how fast it is, beside the physical limit and beside its peers, in one run on one
//! machine.
//!
//! Duty: simulated proxies ([`client`]), the least that any server could do ([`floor`]), and what is measured and shown
//! ([`record`]). In: addresses and process ids of control planes, tokens, recorded resources. Out: samples, and from them a
//! table for people, JSON for machines and a plot. It must never contain code of the product, nor know more of a control
//! plane than its port.
//!
//! # How a scenario is put together
//! Client, floor and control plane are processes of their own, so that the memory and time of each are its own. A scenario
//! starts them through [`client::Driver`] and [`floor::Driver`], which speak lines of JSON with them, and reads their
//! memory and CPU with [`record::Process`], by process id. All times are nanoseconds of [`clock::now`], which is one clock
//! for all processes of a machine.
//!
//! ```no_run
//! # async fn scenario() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use tulle_bench::client::{Driver, Fleet, Launch, Watch, Kind, With};
//! use tulle_bench::record::Process;
//!
//! let mut client = Driver::launch(&Launch::default()).await?;
//! let server = Process::of(4711);
//! let before = server.sample()?;
//! // a storm: 1,000 proxies dial at once
//! let t0 = client.start(&Fleet::new("127.0.0.1:15010".parse()?, "proxies.jsonl".into(), 1_000)).await?;
//! let all = client.complete(1_000, Duration::from_secs(120)).await?;
//! println!("last ACK after {:?}", all.last_after(t0));
//! println!("server CPU {:?}", server.sample()?.since(&before).cpu());
//! // an event: register first, then cause it, then wait for the ACKs
//! let watch = client.watch(&Watch::new(Kind::Eds, "svc-7", With::NoAddress("10.0.0.7".into()))).await?;
//! let t0 = tulle_bench::clock::now(); // or the moment at which the API server acknowledged the write
//! let seen = client.seen(watch, 1_000, Duration::from_secs(10)).await?;
//! println!("{:?}, others were sent {}", seen.after(t0), seen.others.messages);
//! client.stop().await?;
//! # Ok(())
//! # }
//! ```

pub mod client;
pub mod clock;
pub mod data;
pub mod event;
pub mod floor;
pub mod goals;
pub mod lines;
pub mod record;
pub mod scenario;
pub mod stack;
pub mod wire;
