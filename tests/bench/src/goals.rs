//! The goals: which figure of which scenario must be how good, beside the floor, beside istiod, or by itself.
//!
//! [`judge`] holds a record against all of them; what was not measured is said to be so. [`guards`] are those of `--quick`: a
//! change to a hot path must not go beyond them. They are fewer and wider, so that runs agree.

mod list;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::record::{Record, Row, Spread, Stack, Unit, digits};
use crate::scenario::figure;
use list::{GOALS, GUARDS};

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// At most so many times that of another stack.
    Times(f64, Stack),
    /// At least so many times that of another stack: more is better.
    TimesAtLeast(f64, Stack),
    /// At most so many times what the same figure of a stack is in the scenario whose label begins and goes on like this.
    TimesThat(f64, Stack, (&'static str, &'static str)),
    /// At most so much, in the figure's unit.
    AtMost(f64),
    /// At least so much, in the figure's unit.
    AtLeast(f64),
    /// Nothing: it is only told.
    Noted,
}

/// A goal.
struct Goal {
    name: &'static str,
    /// How the scenario's label begins, and a part of what follows.
    scenario: (&'static str, &'static str),
    figure: &'static str,
    bound: Bound,
    /// What one must know to read it; none if empty.
    remark: &'static str,
}

const fn goal(
    name: &'static str,
    scenario: (&'static str, &'static str),
    figure: &'static str,
    bound: Bound,
) -> Goal {
    Goal {
        name,
        scenario,
        figure,
        bound,
        remark: "",
    }
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The bound is kept.
    Holds,
    /// It is not.
    Fails,
    /// It has none.
    Noted,
    /// One side of it was not measured.
    NotMeasured,
}

/// A goal in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The goal's name.
    pub goal: String,
    /// The scenario; the beginning of its label where it was not run.
    pub scenario: String,
    /// The figure.
    pub figure: String,
    /// Its unit, if anything was measured.
    pub unit: Option<Unit>,
    /// What Tulle was measured at.
    pub tulle: Option<Spread>,
    /// What it is held against, if that was measured.
    pub against: Option<Spread>,
    /// Tulle's by that, run by run, the median.
    pub ratio: Option<f64>,
    /// The bound, in words.
    pub bound: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What one must know to read it, or why it was not measured; empty if there is nothing to say.
    #[serde(default)]
    pub remark: String,
}

/// Holds what was measured against the goals.
pub fn judge(record: &Record) -> Vec<Verdict> {
    verdicts(GOALS, record)
}

/// Holds what was measured against what no change may go beyond.
pub fn guards(record: &Record) -> Vec<Verdict> {
    verdicts(GUARDS, record)
}

fn verdicts(goals: &[Goal], record: &Record) -> Vec<Verdict> {
    let rows = record.rows();
    let of = |goal: &Goal| -> Vec<Verdict> {
        let mut found: Vec<Verdict> = rows
            .iter()
            .filter(|row| goal.is_about(row))
            .map(|row| goal.verdict(row, &rows, record))
            .collect();
        // A bound that only one mesh can be held against does not fail on the others.
        if found.iter().any(Verdict::is_measured) {
            found.retain(Verdict::is_measured);
        } else {
            found.truncate(1);
        }
        if found.is_empty() {
            found.push(goal.not_run(record));
        }
        found
    };
    goals.iter().flat_map(of).collect()
}

fn is_labelled(label: &str, (begins, contains): (&str, &str)) -> bool {
    label.strip_prefix(begins).is_some_and(|rest| {
        // S1 is no S11
        !rest.starts_with(|next: char| next.is_ascii_digit()) && rest.contains(contains)
    })
}

impl Goal {
    const fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    /// The bound in words, where nothing is known of what it is held against.
    fn bound_shown(&self, unit: Unit) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("≤ {}", unit.show(most)),
            Bound::AtLeast(least) => format!("≥ {}", unit.show(least)),
            Bound::Times(times, of) => times_of(times, of),
            Bound::TimesAtLeast(times, of) => format!("≥ {times} × {}", of.label()),
            Bound::TimesThat(times, of, label) => {
                format!("{} in {} {}", times_of(times, of), label.0, label.1)
            }
            Bound::Noted => "noted".to_owned(),
        }
    }

    fn is_about(&self, row: &Row) -> bool {
        row.figure == self.figure
            && is_labelled(&row.scenario, self.scenario)
            && row.stacks.contains_key(&Stack::Tulle)
    }

    fn not_run(&self, record: &Record) -> Verdict {
        let (begins, contains) = self.scenario;
        let contains = contains.trim_start_matches(", ");
        // Of a run that could not be finished nothing is kept but why.
        let failed = record
            .runs
            .iter()
            .filter(|run| run.stack == Stack::Tulle && is_labelled(&run.scenario, self.scenario))
            .find_map(|run| run.notes.iter().find(|note| note.starts_with("failed")));
        Verdict {
            goal: self.name.to_owned(),
            scenario: format!("{begins} {contains}").trim().to_owned(),
            figure: self.figure.to_owned(),
            unit: None,
            tulle: None,
            against: None,
            ratio: None,
            bound: self.bound_shown(figure::unit(self.figure)),
            outcome: Outcome::NotMeasured,
            remark: failed.map_or_else(|| "not run".to_owned(), Clone::clone),
        }
    }

    /// Why there is nothing to hold it against.
    fn missing(&self, record: &Record) -> String {
        let (Bound::Times(_, of) | Bound::TimesAtLeast(_, of) | Bound::TimesThat(_, of, _)) =
            self.bound
        else {
            return String::new();
        };
        match record.runs.iter().any(|run| run.stack == of) {
            true => format!("{} has no such figure", of.label()),
            false => format!("{} did not take part", of.label()),
        }
    }

    /// That not even a server which knows of nothing keeps the bound on this machine.
    fn beyond_the_floor(&self, row: &Row, against: Option<Spread>) -> Option<String> {
        let most = match self.bound {
            Bound::AtMost(most) => most,
            Bound::Times(times, of) if of != Stack::Floor => times * against?.median,
            _ => return None,
        };
        let floor = row.stacks.get(&Stack::Floor)?.median;
        (floor > most).then(|| {
            let (floor, most) = (row.unit.show(floor), row.unit.show(most));
            format!("impossible here: the floor itself is at {floor}, the bound at {most}")
        })
    }

    fn verdict(&self, row: &Row, rows: &[Row], record: &Record) -> Verdict {
        let tulle = row.stacks.get(&Stack::Tulle).copied();
        let ours = tulle.map_or(f64::NAN, |spread| spread.median);
        let said = |holds: bool| match holds {
            true => Outcome::Holds,
            false => Outcome::Fails,
        };
        let beside = |keeps: &dyn Fn(f64) -> bool, other: Option<&Row>, of: Stack| {
            let against = other.and_then(|row| row.stacks.get(&of)).copied();
            let same = other.is_some_and(|other| other.scenario == row.scenario);
            let paired = same.then(|| record.paired(&row.scenario, &row.figure, Stack::Tulle, of));
            let ratio = paired.flatten().or_else(|| {
                let theirs = against?.median;
                (theirs != 0.0).then(|| ours / theirs)
            });
            let outcome = ratio.map_or(Outcome::NotMeasured, |ratio| said(keeps(ratio)));
            (against, ratio, outcome)
        };
        let (against, ratio, outcome) = match self.bound {
            Bound::Noted => (None, None, Outcome::Noted),
            Bound::AtMost(most) => (None, None, said(ours <= most)),
            Bound::AtLeast(least) => (None, None, said(ours >= least)),
            Bound::Times(times, of) => beside(&|ratio| ratio <= times, Some(row), of),
            Bound::TimesAtLeast(times, of) => beside(&|ratio| ratio >= times, Some(row), of),
            Bound::TimesThat(times, of, label) => {
                let other = rows
                    .iter()
                    .find(|one| one.figure == self.figure && is_labelled(&one.scenario, label));
                beside(&|ratio| ratio <= times, other, of)
            }
        };
        let remark = match outcome {
            Outcome::NotMeasured => self.missing(record),
            Outcome::Fails => {
                let limit = self.beyond_the_floor(row, against);
                let parts = [self.remark.to_owned(), limit.unwrap_or_default()];
                let told = parts.iter().filter(|part| !part.is_empty());
                told.map(String::as_str).collect::<Vec<_>>().join("; ")
            }
            Outcome::Holds | Outcome::Noted => self.remark.to_owned(),
        };
        Verdict {
            goal: self.name.to_owned(),
            scenario: row.scenario.clone(),
            figure: row.figure.clone(),
            unit: Some(row.unit),
            tulle,
            against,
            ratio,
            bound: self.bound_shown(row.unit),
            outcome,
            remark,
        }
    }
}

/// `≤ 1.5 × floor`, `≤ 1/20 of istiod D`.
fn times_of(times: f64, of: Stack) -> String {
    let whole = 1.0 / times;
    if times < 1.0 && (whole - whole.round()).abs() < 1e-9 {
        format!("≤ 1/{whole:.0} of {}", of.label())
    } else {
        format!("≤ {times} × {}", of.label())
    }
}

impl Verdict {
    /// Whether there is anything to tell.
    pub fn is_measured(&self) -> bool {
        self.outcome != Outcome::NotMeasured
    }

    /// Whether the bound is known to be broken.
    pub fn fails(&self) -> bool {
        self.outcome == Outcome::Fails
    }

    /// What was measured of Tulle.
    pub fn shown(&self) -> String {
        match (self.unit, self.tulle) {
            (Some(unit), Some(spread)) => unit.show(spread.median),
            _ => "–".to_owned(),
        }
    }

    /// The ratio, such as `1.02×` or `1/15.3`.
    pub fn ratio_shown(&self) -> Option<String> {
        let ratio = self.ratio?;
        Some(if ratio > 0.0 && ratio < 0.2 {
            format!("1/{}", digits(1.0 / ratio, false))
        } else {
            format!("{}×", digits(ratio, false))
        })
    }
}

/// The verdicts for people, a line each.
pub fn told(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let word = match verdict.outcome {
            Outcome::Holds => "holds",
            Outcome::Fails => "FAILS",
            Outcome::Noted => "noted",
            Outcome::NotMeasured => "not measured",
        };
        let mut is = verdict.shown();
        if let (Some(ratio), Some(against), Some(unit)) =
            (verdict.ratio_shown(), verdict.against, verdict.unit)
        {
            let _ = write!(is, ", {ratio} of {}", unit.show(against.median));
        }
        let _ = write!(
            text,
            "{:<5} {word:<12}  {}: {} {is}; {}",
            verdict.goal, verdict.scenario, verdict.figure, verdict.bound
        );
        if !verdict.remark.is_empty() {
            let _ = write!(text, " ({})", verdict.remark);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;

    #[test]
    fn bounds_in_words() {
        assert_eq!(times_of(0.05, Stack::IstiodTuned), "≤ 1/20 of istiod T");
        assert_eq!(times_of(1.15, Stack::Floor), "≤ 1.15 × floor");
    }

    #[test]
    fn one_mesh_is_held_against_another() {
        let mut record = Record::default();
        for (label, heap) in [
            ("S14 9×9, 20 called, Tulle's bootstrap", 1.0),
            ("S14 9×9, all called, plain bootstrap", 9.0),
        ] {
            let mut run = Run::new(label, Stack::Tulle, 1, 1);
            run.put(figure::ENVOY_HEAP, Unit::Bytes, heap);
            record.runs.push(run);
        }
        let verdicts = judge(&record);
        let heap: Vec<&Verdict> = verdicts
            .iter()
            .filter(|one| one.goal == "G14" && one.is_measured())
            .collect();
        assert_eq!(heap.len(), 1);
        assert!(!heap[0].fails() && heap[0].ratio_shown().unwrap() == "1/9.00");
    }

    #[test]
    fn what_the_floor_does_not_reach_is_said_to_be_impossible() {
        let mut record = Record::default();
        for (stack, each) in [
            (Stack::Tulle, 3.0),
            (Stack::Floor, 2.0),
            (Stack::IstiodDefault, 30.0),
            (Stack::IstiodTuned, 50.0),
        ] {
            let mut run = Run::new("S1 1000×1000, all called", stack, 9, 1);
            run.put(figure::MEMORY_EACH, Unit::Bytes, each);
            record.runs.push(run);
        }
        let verdicts = judge(&record);
        let remark = |against: &str| {
            let about = |one: &&Verdict| one.goal == "G1" && one.bound.ends_with(against);
            verdicts.iter().find(about).unwrap().remark.as_str()
        };
        assert_eq!(
            remark("istiod D"),
            "impossible here: the floor itself is at 2 B, the bound at 1.50 B"
        );
        assert_eq!((remark("istiod T"), remark("floor")), ("", ""));
    }

    #[test]
    fn what_was_measured_is_held_against_its_goals() {
        let mut record = Record::default();
        for (stack, last) in [(Stack::Tulle, 3.0), (Stack::Floor, 2.5)] {
            let mut run = Run::new("S1 9×9, all called", stack, 9, 1);
            run.put(figure::LAST, Unit::Seconds, last);
            run.put(figure::MEMORY_EACH, Unit::Bytes, last * last);
            record.runs.push(run);
        }
        let mut silent = Run::new("S11 9×9", Stack::Tulle, 9, 1);
        silent.put(figure::MESSAGES, Unit::Count, 1.0);
        record.runs.push(silent);
        let verdicts = judge(&record);
        let storm = verdicts.iter().find(|one| one.goal == "G4").unwrap();
        assert_eq!(storm.ratio_shown().unwrap(), "1.20×");
        assert_eq!(storm.bound, "≤ 1.5 × floor");
        let of = |goal: &str| {
            let found: Vec<bool> = verdicts
                .iter()
                .filter(|verdict| verdict.goal == goal && verdict.is_measured())
                .map(|verdict| !verdict.fails())
                .collect();
            found
        };
        assert_eq!(of("G4"), [true]);
        assert_eq!(of("G1"), [true]);
        assert_eq!(of("G18"), [false]);
        // Everything else is said not to have been measured.
        assert_eq!(verdicts.len(), GOALS.len());
        assert!(told(&verdicts).contains("not measured"));
    }
}
