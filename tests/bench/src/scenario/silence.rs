//! Changes of which no configuration follows: nobody is told, and next to no time is spent.

use std::time::Duration;

use super::figure;
use super::up::Up;
use crate::data::{self, Shape};
use crate::event::Change;
use crate::record::{Run, Unit};

/// What comes of it would have come after so long.
const SETTLE: Duration = Duration::from_millis(500);

/// Connections are kept alive all the time: what that takes, and is part of what changes take, is looked at for so long.
const QUIET: Duration = Duration::from_secs(5);

/// So many changes of each sort, one after the other.
pub(super) async fn record(
    up: &mut Up,
    shape: &Shape,
    times: usize,
    run: &mut Run,
) -> anyhow::Result<()> {
    let Some(events) = &mut up.events else {
        anyhow::bail!("a floor reads nothing");
    };
    // What other scenarios have left behind is not what is measured.
    for number in 0..times.min(shape.plain_services()) {
        let service = data::service(number);
        let addresses = shape.addresses(&service);
        events
            .change(&Change::Endpoints { service, addresses })
            .await?;
    }
    tokio::time::sleep(SETTLE).await;
    let process = up.server.process();
    let quiet = process.sample()?;
    tokio::time::sleep(QUIET).await;
    let sample = process.sample()?;
    let quiet = sample.since(&quiet);
    let idle = quiet.cpu().as_secs_f64() / quiet.wall.as_secs_f64().max(1e-9);
    run.put(figure::CPU_IDLE, Unit::Seconds, idle);
    let before = up.client.report().await?;
    let mut changes = 0;
    for turn in 0..times {
        let service = data::service(turn % shape.plain_services());
        let stay = shape.addresses(&service);
        let value = turn.to_string();
        let pod = turn % shape.proxies.max(1);
        let at = format!("2026-01-01T00:{:02}:{:02}Z", turn / 60 % 60, turn % 60);
        for change in [
            Change::Annotation {
                service: service.clone(),
                value: value.clone(),
            },
            Change::Heartbeat { pod, at },
            Change::Elsewhere { value },
            Change::Endpoints {
                service,
                addresses: stay,
            },
        ] {
            events.change(&change).await?;
            changes += 1;
        }
    }
    tokio::time::sleep(SETTLE).await;
    let used = process.sample()?.since(&sample);
    let sent = up.client.report().await?.since(&before).total();
    run.put(figure::MESSAGES, Unit::Count, sent.messages as f64);
    let cpu = used.cpu().as_secs_f64() / f64::from(changes.max(1));
    run.put(figure::CPU_EACH, Unit::Seconds, cpu);
    Ok(())
}
