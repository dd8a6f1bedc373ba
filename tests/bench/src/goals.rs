//! The goals: which figure of which scenario must be how good, beside the floor, beside istiod, or by itself.

use std::fmt::Write;

use crate::record::{Record, Row, Stack};
use crate::scenario::figure;

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// At most so many times that of another stack.
    Times(f64, Stack),
    /// At most so much, in the figure's unit.
    AtMost(f64),
    /// At least so much, in the figure's unit.
    AtLeast(f64),
}

/// A goal.
struct Goal {
    name: &'static str,
    /// How the scenario's label begins, and a part of what follows.
    scenario: (&'static str, &'static str),
    figure: &'static str,
    bound: Bound,
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
    }
}

use Bound::{AtLeast, AtMost, Times};
use Stack::{Floor, IstiodDefault, IstiodTuned, Raw};

const MIB: f64 = 1_048_576.0;

/// A change is told to few if its scenario says so; to all, otherwise.
const GOALS: &[Goal] = &[
    goal(
        "G1",
        ("S1", "all called"),
        figure::MEMORY_EACH,
        Times(1.5, Floor),
    ),
    goal(
        "G1",
        ("S1 1000×1000", "all called"),
        figure::MEMORY_EACH,
        Times(1.0 / 20.0, IstiodDefault),
    ),
    goal(
        "G1",
        ("S1 1000×1000", "all called"),
        figure::MEMORY_EACH,
        Times(1.0 / 20.0, IstiodTuned),
    ),
    goal(
        "G2",
        ("S5", "×10000"),
        figure::MEMORY_IDLE,
        AtMost(60.0 * MIB),
    ),
    goal(
        "G2",
        ("S5", "×10000"),
        figure::MEMORY_IDLE,
        Times(0.1, IstiodDefault),
    ),
    goal("G3", ("S1", ""), figure::PEAK, AtMost(1.2)),
    goal("G3", ("S1", ""), figure::REFUSED, AtMost(0.0)),
    goal("G4", ("S1", ""), figure::LAST, Times(1.5, Floor)),
    goal(
        "G4",
        ("S1 1000×1000", "all called"),
        figure::LAST,
        Times(1.0 / 12.0, IstiodDefault),
    ),
    goal(
        "G4",
        ("S1 1000×1000", "all called"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodTuned),
    ),
    goal("G5", ("S2", ", 10 told"), figure::LAST, AtMost(0.004)),
    goal("G5", ("S2", ", 10 told"), figure::LAST_P99, AtMost(0.010)),
    goal("G5", ("S2", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal(
        "G5",
        ("S2 1000×1000", ", 10 told"),
        figure::LAST,
        Times(1.0 / 25.0, IstiodDefault),
    ),
    goal(
        "G5",
        ("S2 1000×1000", ", 10 told"),
        figure::LAST,
        Times(1.0 / 4.0, IstiodTuned),
    ),
    goal("G6", ("S2", "all told"), figure::LAST, Times(1.5, Floor)),
    goal("G6", ("S2", "all told"), figure::LAST, Times(3.0, Raw)),
    goal(
        "G6",
        ("S2 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodDefault),
    ),
    goal(
        "G6",
        ("S2 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 3.0, IstiodTuned),
    ),
    goal("G7", ("S3", "all told"), figure::LAST, Times(1.5, Floor)),
    goal(
        "G7",
        ("S3 1000×1000", "all told"),
        figure::LAST,
        Times(1.0 / 8.0, IstiodDefault),
    ),
    goal("G7", ("S3", ", 10 told"), figure::OTHERS, AtMost(0.0)),
    goal("G8", ("S2", "all told"), figure::CPU_EACH, AtMost(40e-6)),
    goal(
        "G8",
        ("S2 1000×1000", "all told"),
        figure::CPU_EACH,
        Times(0.1, IstiodTuned),
    ),
    goal("G9", ("S4", ""), figure::LAST_MAX, AtMost(0.150)),
    goal(
        "G9",
        ("S4", ""),
        figure::LAST_MAX,
        Times(1.0 / 30.0, IstiodDefault),
    ),
    goal(
        "G11",
        ("S2", "all told"),
        figure::WIRE_EACH,
        Times(1.15, Floor),
    ),
    goal(
        "G11",
        ("S2", "all told"),
        figure::WIRE_EACH,
        Times(0.5, IstiodDefault),
    ),
    goal(
        "G12",
        ("S8", "nothing changed"),
        figure::RESOURCES_EACH,
        AtMost(0.0),
    ),
    goal("G13", ("S5", "×10000"), figure::FIRST_COMPLETE, AtMost(0.5)),
    goal(
        "G15",
        ("S6", ""),
        figure::CERTIFICATES_CORE,
        AtLeast(6_000.0),
    ),
    goal("G16", ("S7", "200/s"), figure::ANSWER_P99, AtMost(0.002)),
    goal("G17", ("S9", ""), figure::FILES, AtMost(0.0)),
    goal("G18", ("S11", ""), figure::MESSAGES, AtMost(0.0)),
];

/// What became of a goal in one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The goal's name.
    pub goal: &'static str,
    /// What was measured, and the bound, in words.
    pub told: String,
    /// Whether the bound is kept.
    pub holds: bool,
}

/// Holds what was measured against the goals. What was not measured has no verdict.
pub fn judge(record: &Record) -> Vec<Verdict> {
    let rows = record.rows();
    GOALS
        .iter()
        .flat_map(|goal| rows.iter().filter_map(|row| verdict(goal, row)))
        .collect()
}

fn verdict(goal: &Goal, row: &Row) -> Option<Verdict> {
    let (begins, contains) = goal.scenario;
    let rest = row.scenario.strip_prefix(begins)?;
    // S1 is no S11
    if rest.starts_with(|next: char| next.is_ascii_digit())
        || !rest.contains(contains)
        || row.figure != goal.figure
    {
        return None;
    }
    let ours = row.stacks.get(&Stack::Tulle)?.median;
    let shown = row.unit.show(ours);
    let (bound, holds) = match goal.bound {
        Bound::AtMost(most) => (format!("at most {}", row.unit.show(most)), ours <= most),
        Bound::AtLeast(least) => (format!("at least {}", row.unit.show(least)), ours >= least),
        Bound::Times(times, of) => {
            let theirs = row.stacks.get(&of)?.median;
            let ratio = ours / theirs.max(f64::MIN_POSITIVE);
            let bound = format!(
                "{ratio:.3} times {} of {}, at most {times:.3}",
                row.unit.show(theirs),
                of.label()
            );
            (bound, ours <= times * theirs)
        }
    };
    Some(Verdict {
        goal: goal.name,
        told: format!("{}: {} {shown}; {bound}", row.scenario, row.figure),
        holds,
    })
}

/// The verdicts for people, a line each.
pub fn told(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let word = if verdict.holds { "holds" } else { "FAILS" };
        let _ = writeln!(text, "{:<4} {word}  {}", verdict.goal, verdict.told);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Run, Unit};

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
        let of = |goal: &str| {
            let found: Vec<bool> = verdicts
                .iter()
                .filter(|verdict| verdict.goal == goal)
                .map(|verdict| verdict.holds)
                .collect();
            found
        };
        assert_eq!(of("G4"), [true]);
        assert_eq!(of("G1"), [true]);
        assert_eq!(of("G18"), [false]);
        assert_eq!(verdicts.len(), 3);
    }
}
