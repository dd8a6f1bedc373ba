//! Latencies in buckets that grow with the value: an eighth of a power of two each, so a quantile is off by
//! 13 % at most.

use std::time::Duration;

const BITS: u32 = 3;
const SUB: u64 = 1 << BITS;
/// Up to 2^26 µs, about a minute.
const BUCKETS: usize = 27 * SUB as usize;

/// Counts of latencies.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Box<[u32; BUCKETS]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
        }
    }
}

impl Histogram {
    /// Counts one.
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let count = &mut self.counts[bucket(micros)];
        *count = count.saturating_add(1);
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// The latency that the share `q` (0 to 1) stays at or below; zero if nothing was counted.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let total: u64 = self.counts.iter().copied().map(u64::from).sum();
        let wanted = (total as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Duration::from_micros(upper_bound(index));
            }
        }
        Duration::ZERO
    }
}

/// Values below SUB have a bucket each; above, each power of two has SUB buckets.
fn bucket(value: u64) -> usize {
    let index = if value < SUB {
        value
    } else {
        let shift = value.ilog2() - BITS;
        u64::from(shift + 1) * SUB + ((value >> shift) - SUB)
    };
    (index as usize).min(BUCKETS - 1)
}

fn upper_bound(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let shift = index / SUB - 1;
    ((index % SUB + SUB + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_close_to_the_bound() {
        for value in (0..100_000).chain([1 << 20, (1 << 25) + 77]) {
            let bound = upper_bound(bucket(value));
            assert!(
                bound >= value && bound <= value + value / 8,
                "{value} {bound}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_thousand_even_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), Duration::ZERO);
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let near = |q: f64, millis: f64| {
            (histogram.quantile(q).as_secs_f64() * 1000.0 / millis - 1.0).abs() < 0.13
        };
        assert!(near(0.5, 500.0) && near(0.99, 990.0) && near(1.0, 1000.0));
    }
}
