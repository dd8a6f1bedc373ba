//! Shares, written as percentages.

use tulle_model::extras::Share;

use super::{Given, PASSED_OVER};
use crate::report::{LeftOut, Report, code};

/// Millionths in one percent.
const MILLIONTHS: f64 = 10_000.0;

impl Given {
    /// A number from 0 to 100, fractions down to a ten-thousandth.
    pub(crate) fn percent(self, report: &mut Report) -> Result<Share, LeftOut> {
        const HELP: &str =
            "give a number from 0 to 100, such as 50 or 0.5; the smallest share is 0.0001";
        let Some(percent) = self.value.as_f64() else {
            return Err(self.wrong(report, "a number of percent", HELP));
        };
        let share = (0.0..=100.0).contains(&percent).then(|| {
            // In range, so that nothing is lost.
            Share::of_millionths((percent * MILLIONTHS).round() as u32)
        });
        match share.flatten() {
            Some(share) if share.millionths() > 0 || percent == 0.0 => Ok(share),
            _ => Err(report.error(
                code::INVALID,
                &self.field,
                format!("{} percent is out of range; {PASSED_OVER}", self.shown()),
                HELP,
            )),
        }
    }
}
