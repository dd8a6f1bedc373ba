//! Chance that a number decides.

use serde_json::Value;

/// SplitMix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }

    /// A number from one to another.
    pub(crate) fn from(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Some of several, in their order, one at least.
    pub(crate) fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let kept = self.below(of.len());
        let mut chosen = Vec::new();
        for (number, one) in of.iter().enumerate() {
            if number == kept || self.chance(40) {
                chosen.push(one.clone());
            }
        }
        chosen
    }

    /// A value in so many of a hundred cases.
    pub(crate) fn maybe(
        &mut self,
        percent: usize,
        value: impl FnOnce(&mut Self) -> Value,
    ) -> Option<Value> {
        self.chance(percent).then(|| value(self))
    }

    /// An awsName: mostly the default one, else one that AWS took, made different by a number.
    pub(super) fn alias(&mut self, default: &str, number: usize) -> String {
        match self.below(6) {
            0 => format!("Alias-{number}"),
            1 => format!("a.b_c-{number}"),
            2 => format!("{}{number}", "l".repeat(250)),
            _ => default.to_owned(),
        }
    }
}
