//! Quantiles of samples, and what runs have in common. Exact: samples are kept and sorted.

use serde::{Deserialize, Serialize};

/// The samples of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many samples there are.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// The middle.
    pub p50: f64,
    /// Nine of ten are not above it.
    pub p90: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// Their sum through their count.
    pub mean: f64,
}

impl Quantiles {
    /// Of these samples, in any order. `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            count: sorted.len(),
            min: *sorted.first()?,
            p50: quantile(&sorted, 0.5)?,
            p90: quantile(&sorted, 0.9)?,
            p99: quantile(&sorted, 0.99)?,
            max: *sorted.last()?,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        })
    }
}

/// The smallest sample that at least the share `q` of all are not above (nearest rank). `sorted` is in ascending order.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// The middle of some figures, the mean of the middle two if they are even in number.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
}

/// One figure over several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many runs.
    pub runs: usize,
    /// The smallest figure.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of the figures of these runs. `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        Some(Self {
            runs: figures.len(),
            min: figures.iter().copied().min_by(f64::total_cmp)?,
            median: median(figures)?,
            max: figures.iter().copied().max_by(f64::total_cmp)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        let of = Quantiles::of(&samples).unwrap();
        assert_eq!((of.min, of.p50, of.p90), (1.0, 500.0, 900.0));
        assert_eq!((of.p99, of.max, of.mean), (990.0, 1000.0, 500.5));
        let one = Quantiles::of(&[7.0]).unwrap();
        assert_eq!((one.min, one.p50, one.p99, one.max), (7.0, 7.0, 7.0, 7.0));
        assert_eq!(Quantiles::of(&[]), None);
        assert_eq!(quantile(&[1.0, 2.0], 0.0), Some(1.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 1.0), Some(3.0));
    }

    #[test]
    fn medians_and_spread() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        let spread = Spread::of(&[2.0, 9.0, 1.0]).unwrap();
        assert_eq!(
            (spread.runs, spread.min, spread.median, spread.max),
            (3, 1.0, 2.0, 9.0)
        );
    }
}
