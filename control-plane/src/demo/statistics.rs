//! Whether observed shares fit declared weights.

/// How often a fit is doubted that is none of Tulle's or Envoy's doing: once in a million times.
pub(crate) const FALSE_ALARM: f64 = 1e-6;

/// χ² that is exceeded with the probability `FALSE_ALARM`, by degrees of freedom.
const CRITICAL: [f64; 10] = [
    0.0, 23.928, 27.631, 30.665, 33.377, 35.888, 38.258, 40.522, 42.701, 44.811,
];

/// Whether the counts can be draws by the weights (Pearson's χ² test). A target with weight 0 must have got
/// nothing at all, and something must have been counted.
pub(crate) fn fits(weights: &[u64], counts: &[u64]) -> bool {
    let sum: u64 = weights.iter().sum();
    let total: u64 = counts.iter().sum();
    if weights.len() != counts.len() || sum == 0 || total == 0 {
        return false;
    }
    let pairs = || weights.iter().zip(counts);
    if pairs().any(|(weight, count)| *weight == 0 && *count > 0) {
        return false;
    }
    let chi_square: f64 = pairs()
        .filter(|(weight, _)| **weight > 0)
        .map(|(weight, count)| {
            let expected = total as f64 * *weight as f64 / sum as f64;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum();
    let freedom = weights.iter().filter(|weight| **weight > 0).count() - 1;
    CRITICAL
        .get(freedom)
        .is_some_and(|critical| chi_square <= *critical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_counts_fit_and_unlikely_ones_do_not() {
        assert!(fits(&[50, 50, 0], &[520, 480, 0]));
        assert!(fits(&[60, 30, 10], &[590, 310, 100]));
        assert!(!fits(&[50, 50], &[600, 400]));
        assert!(!fits(&[60, 30, 10], &[1000, 0, 0]));
    }

    #[test]
    fn a_weight_of_nothing_and_a_single_target_are_exact() {
        assert!(fits(&[100, 0], &[1000, 0]));
        assert!(!fits(&[100, 0], &[1000, 1]));
        assert!(!fits(&[100, 0], &[0, 0]));
        assert!(!fits(&[0, 0], &[1, 1]));
    }
}
