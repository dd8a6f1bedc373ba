//! The result of a bench: dated, with machine and versions, and every figure of every run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::quantile::{Spread, median};
use crate::goals::Verdict;
use crate::wire::Kind;

/// What was measured, in the order in which tables show it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// Tulle, over TLS.
    Tulle,
    /// The ADS floor, over TLS.
    Floor,
    /// The ADS floor in plaintext, beside istiod's plaintext port.
    FloorPlain,
    /// The raw broadcast, over TLS.
    Raw,
    /// The raw broadcast in plaintext.
    RawPlain,
    /// istiod as shipped.
    IstiodDefault,
    /// istiod without its delays and limits.
    IstiodTuned,
}

impl Stack {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Tulle,
        Self::Floor,
        Self::FloorPlain,
        Self::Raw,
        Self::RawPlain,
        Self::IstiodDefault,
        Self::IstiodTuned,
    ];

    /// Whether it is another control plane.
    pub const fn is_peer(self) -> bool {
        matches!(self, Self::IstiodDefault | Self::IstiodTuned)
    }

    /// Its name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tulle => "Tulle",
            Self::Floor => "floor",
            Self::FloorPlain => "floor, plain",
            Self::Raw => "raw",
            Self::RawPlain => "raw, plain",
            Self::IstiodDefault => "istiod D",
            Self::IstiodTuned => "istiod T",
        }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Things in a second: more is better.
    PerSecond,
}

impl Unit {
    /// A value in the unit that reads best, three digits.
    pub fn show(self, value: f64) -> String {
        let scales: &[(f64, &str)] = match self {
            Self::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            Self::Bytes => &[
                (1024.0 * 1024.0 * 1024.0, "GiB"),
                (1024.0 * 1024.0, "MiB"),
                (1024.0, "KiB"),
                (1.0, "B"),
            ],
            Self::Count | Self::PerSecond => &[(1.0, "")],
        };
        let per = if self == Self::PerSecond { "/s" } else { "" };
        let smallest = scales[scales.len() - 1];
        let (scale, unit) = if value == 0.0 {
            (1.0, smallest.1)
        } else {
            let fits = |scale: &&(f64, &str)| value.abs() >= scale.0;
            *scales.iter().find(fits).unwrap_or(&smallest)
        };
        let space = if unit.is_empty() { "" } else { " " };
        let whole = unit == smallest.1 && value.fract() == 0.0;
        format!("{}{space}{unit}{per}", digits(value / scale, whole))
    }
}

/// Three digits; what is `whole` or large in full, with groups.
pub(crate) fn digits(value: f64, whole: bool) -> String {
    let size = value.abs();
    if size < 9.995 && !whole {
        return format!("{value:.2}");
    }
    if size < 99.95 && !whole {
        return format!("{value:.1}");
    }
    let figures = format!("{size:.0}");
    let mut grouped = String::new();
    for (at, digit) in figures.chars().enumerate() {
        if at > 0 && (figures.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{grouped}")
}

/// A number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub processor: String,
    /// Cores that the bench may use.
    pub cores: usize,
    /// Memory, bytes.
    pub memory: u64,
    /// Release of the kernel.
    pub kernel: String,
}

impl Machine {
    /// This machine, as far as `/proc` tells.
    pub fn here() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|rest| rest.trim_start_matches(['\t', ' ', ':']).to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory: memory.unwrap_or(0) * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// One stack in one scenario, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The scenario and its sizes, such as `S1 1000x1000`: what rows of a table are grouped by.
    pub scenario: String,
    /// What was measured.
    pub stack: Stack,
    /// How many proxies there were.
    pub proxies: usize,
    /// Which run of this stack in this scenario it is, from 1.
    pub run: usize,
    /// The figures, by name.
    pub figures: BTreeMap<String, Figure>,
    /// Bytes of a resource, by type, the mean over what one proxy holds.
    #[serde(default)]
    pub bytes_per_resource: BTreeMap<Kind, f64>,
    /// What else there is to know, such as refusals or a failure.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Run {
    /// A run without figures.
    pub fn new(scenario: impl Into<String>, stack: Stack, proxies: usize, run: usize) -> Self {
        Self {
            scenario: scenario.into(),
            stack,
            proxies,
            run,
            figures: BTreeMap::new(),
            bytes_per_resource: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn put(&mut self, name: impl Into<String>, unit: Unit, value: f64) {
        self.figures.insert(name.into(), Figure { value, unit });
    }
}

/// All runs of one bench.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it began, RFC 3339.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// Versions of everything that took part, by name.
    pub versions: BTreeMap<String, String>,
    /// Which core was whose, in words.
    pub pinning: String,
    /// The command that was run.
    #[serde(default)]
    pub command: String,
    /// What became of each goal.
    #[serde(default)]
    pub goals: Vec<Verdict>,
    /// Every run.
    pub runs: Vec<Run>,
}

/// A figure of a scenario, of every stack that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// The figure.
    pub figure: String,
    /// Its unit.
    pub unit: Unit,
    /// Over the runs of each stack.
    pub stacks: BTreeMap<Stack, Spread>,
}

impl Row {
    /// How many times as large the median of `of` is as that of `to`.
    pub fn ratio(&self, of: Stack, to: Stack) -> Option<f64> {
        let (of, to) = (self.stacks.get(&of)?.median, self.stacks.get(&to)?.median);
        (to != 0.0).then(|| of / to)
    }
}

impl Record {
    /// Medians and spreads, a row for each figure of each scenario, in the order of names.
    pub fn rows(&self) -> Vec<Row> {
        let keys: BTreeSet<(&str, &str)> = self
            .runs
            .iter()
            .flat_map(|run| {
                run.figures
                    .keys()
                    .map(|figure| (run.scenario.as_str(), figure.as_str()))
            })
            .collect();
        keys.into_iter()
            .filter_map(|(scenario, figure)| self.row(scenario, figure))
            .collect()
    }

    /// How many times as large a figure is of one stack as of another, run by run, the median: two that were measured one
    /// after the other have had the same machine. `None` if no run has both.
    pub fn paired(&self, scenario: &str, figure: &str, of: Stack, to: Stack) -> Option<f64> {
        let value = |stack: Stack, run: usize| {
            let of = self
                .runs
                .iter()
                .find(|one| one.scenario == scenario && one.stack == stack && one.run == run)?;
            Some(of.figures.get(figure)?.value)
        };
        let last = self.runs.iter().map(|run| run.run).max()?;
        let ratios: Vec<f64> = (1..=last)
            .filter_map(|run| {
                let (of, to) = (value(of, run)?, value(to, run)?);
                (to != 0.0).then(|| of / to)
            })
            .collect();
        median(&ratios)
    }

    /// One figure of one scenario. `None` if no run has it.
    pub fn row(&self, scenario: &str, figure: &str) -> Option<Row> {
        let mut values: BTreeMap<Stack, Vec<f64>> = BTreeMap::new();
        let mut unit = None;
        for run in self.runs.iter().filter(|run| run.scenario == scenario) {
            if let Some(of) = run.figures.get(figure) {
                unit.get_or_insert(of.unit);
                values.entry(run.stack).or_default().push(of.value);
            }
        }
        Some(Row {
            scenario: scenario.to_owned(),
            figure: figure.to_owned(),
            unit: unit?,
            stacks: values
                .into_iter()
                .filter_map(|(stack, values)| Some((stack, Spread::of(&values)?)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_in_the_unit_that_reads_best() {
        let shown = [
            (Unit::Seconds, 0.0123, "12.3 ms"),
            (Unit::Seconds, 40.1, "40.1 s"),
            (Unit::Seconds, 0.0, "0 ns"),
            (Unit::Seconds, 3.0, "3.00 s"),
            (Unit::Seconds, 2.5e-7, "250 ns"),
            (Unit::Bytes, 42.0 * 1024.0, "42.0 KiB"),
            (Unit::Bytes, 276.0, "276 B"),
            (Unit::Bytes, 1.5 * 1024.0 * 1024.0 * 1024.0, "1.50 GiB"),
            (Unit::Count, 15336.0, "15,336"),
            (Unit::Count, 0.0, "0"),
            (Unit::PerSecond, 6543.2, "6,543/s"),
            (Unit::Count, -1234.5, "-1,234"),
        ];
        for (unit, value, expected) in shown {
            assert_eq!(unit.show(value), expected);
        }
    }

    #[test]
    fn rows_are_medians_by_stack() {
        let mut record = Record::default();
        for (run, value) in [3.0, 1.0, 2.0].into_iter().enumerate() {
            let mut of = Run::new("S1", Stack::Tulle, 10, run + 1);
            of.put("last", Unit::Seconds, value);
            record.runs.push(of);
        }
        let mut floor = Run::new("S1", Stack::Floor, 10, 1);
        floor.put("last", Unit::Seconds, 1.0);
        record.runs.push(floor);
        let row = record.row("S1", "last").unwrap();
        let paired = record.paired("S1", "last", Stack::Tulle, Stack::Floor);
        assert_eq!(paired, Some(3.0));
        assert_eq!(row.ratio(Stack::Tulle, Stack::Floor), Some(2.0));
        assert_eq!(row.ratio(Stack::Tulle, Stack::Raw), None);
        assert_eq!((record.rows().len(), record.row("S2", "last")), (1, None));
        let here = Machine::here();
        assert!(here.cores > 0 && here.memory > 0 && !here.kernel.is_empty());
    }
}
