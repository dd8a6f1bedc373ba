//! S1: all proxies dial at once.

use super::figure;
use super::up::Storm;
use crate::record::{Quantiles, Run, Unit};

/// What the storm was like.
pub(super) fn record(storm: &Storm, run: &mut Run) {
    let after = storm.completion.after(storm.t0);
    if let Some(of) = Quantiles::of(&after) {
        run.put(figure::FIRST, Unit::Seconds, storm.first());
        run.put(figure::MEDIAN, Unit::Seconds, of.p50);
        run.put(figure::LAST, Unit::Seconds, of.max);
    }
    let each = |total: u64| total as f64 / storm.completion.proxies.max(1) as f64;
    run.put(figure::CPU, Unit::Seconds, storm.cpu());
    run.put(figure::MEMORY_EACH, Unit::Bytes, storm.memory_each());
    run.put(figure::MEMORY, Unit::Bytes, storm.steady.rss as f64);
    run.put(figure::MEMORY_IDLE, Unit::Bytes, storm.idle.rss as f64);
    let peak = storm.steady.peak as f64 / storm.steady.rss.max(1) as f64;
    run.put(figure::PEAK, Unit::Count, peak);
    let refused: u64 = storm.report.refused.values().sum();
    run.put(figure::REFUSED, Unit::Count, refused as f64);
    let total = storm.report.total();
    run.put(figure::RESOURCES_EACH, Unit::Count, each(total.resources));
    run.put(figure::BYTES_EACH, Unit::Bytes, each(total.resource_bytes));
    run.put(figure::WIRE_EACH, Unit::Bytes, each(storm.report.wire.read));
    run.put(figure::MESSAGES_EACH, Unit::Count, each(total.messages));
    for (kind, (count, bytes)) in &storm.report.held {
        if *count > 0 {
            let each = *bytes as f64 / *count as f64;
            run.bytes_per_resource.insert(*kind, each);
        }
    }
    for (cause, count) in &storm.report.refused {
        run.notes.push(format!("refused: {cause} {count}"));
    }
    if storm.report.unreadable > 0 {
        let note = format!("{} responses could not be read", storm.report.unreadable);
        run.notes.push(note);
    }
}
