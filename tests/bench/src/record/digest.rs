//! What a reader wants of a record: every goal, what was measured for it, and on what.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::result::{Record, Row, Stack};
use super::table::{cell, render};
use crate::goals::{Outcome, Verdict};

/// The stacks that a digest has a column for.
const STACKS: [Stack; 4] = [
    Stack::Tulle,
    Stack::Floor,
    Stack::IstiodDefault,
    Stack::IstiodTuned,
];

/// The record as Markdown: where and when, a line for each figure that a goal is about, bytes of a resource. `plot`: where its
/// plot is found from there, if it is to be shown. `brief`: of each figure the mesh that most is known of; others are named where
/// a bound is broken.
pub fn digest(record: &Record, plot: Option<&str>, brief: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", origin(record));
    if let Some(plot) = plot {
        let _ = writeln!(out, "![the figures that decide]({plot})\n");
    }
    let verdicts = match brief {
        true => shortened(&record.goals),
        false => record.goals.clone(),
    };
    out.push_str(&render(&goals(record, &verdicts), &[true, true, true]));
    if let Some(bytes) = bytes(record) {
        let _ = write!(
            out,
            "\nBytes of a resource, the mean of what one proxy holds where all is called:\n\n{}",
            render(&bytes, &[true])
        );
    }
    out
}

/// When, where, of what, how often.
fn origin(record: &Record) -> String {
    let machine = &record.machine;
    let date = record.date.split('T').next().unwrap_or_default();
    let versions: Vec<String> = record
        .versions
        .iter()
        .map(|(name, version)| match version.contains(name.as_str()) {
            true => version.clone(),
            false => format!("{name} {version}"),
        })
        .collect();
    let runs = |peer: bool| {
        let of = |run: &&super::result::Run| run.stack.is_peer() == peer;
        record.runs.iter().filter(of).map(|run| run.run).max()
    };
    let mut often = match runs(false) {
        Some(1) | None => "one run".to_owned(),
        Some(runs) => format!("medians of {runs} runs (smallest … largest)"),
    };
    if let (Some(peers), Some(ours)) = (runs(true), runs(false))
        && peers != ours
    {
        let _ = write!(often, ", {peers} of istiod");
    }
    format!(
        "{date}, {} cores of {}, {:.0} GiB, Linux {}; {}; {}; {often}.",
        machine.cores,
        machine.processor,
        machine.memory as f64 / f64::from(1 << 30),
        machine.kernel,
        versions.join(", "),
        record.pinning
    )
}

/// A line for each figure of each goal: what each stack was measured at, and what became of the bounds on it.
fn goals(record: &Record, verdicts: &[Verdict]) -> Vec<Vec<String>> {
    let rows = record.rows();
    let stacks: Vec<Stack> = STACKS
        .into_iter()
        .filter(|stack| rows.iter().any(|row| row.stacks.contains_key(stack)))
        .collect();
    let mut lines = vec![vec![
        "goal".to_owned(),
        "figure".to_owned(),
        "bound: measured".to_owned(),
    ]];
    lines[0].extend(stacks.iter().map(|stack| stack.label().to_owned()));
    let remarks = verdicts.iter().any(|one| !one.remark.is_empty());
    lines[0].extend(remarks.then(|| "remark".to_owned()));
    // The bounds on one figure share a line.
    let mut places: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for verdict in verdicts {
        let key = (&*verdict.goal, &*verdict.scenario, &*verdict.figure);
        if let Some(place) = places.get(&key) {
            let line: &mut Vec<String> = &mut lines[*place];
            line[2].push_str("<br>");
            line[2].push_str(&bound(verdict));
            if let Some(remark) = line.last_mut().filter(|_| remarks) {
                add(remark, &verdict.remark);
            }
            continue;
        }
        places.insert(key, lines.len());
        let is = |row: &&Row| row.scenario == verdict.scenario && row.figure == verdict.figure;
        let row = rows.iter().find(is);
        let mut line = vec![
            verdict.goal.clone(),
            format!("{}: {}", verdict.scenario, verdict.figure),
            bound(verdict),
        ];
        line.extend(
            stacks
                .iter()
                .map(|stack| row.map_or_else(String::new, |row| cell(row, *stack))),
        );
        line.extend(remarks.then(|| verdict.remark.clone()));
        lines.push(line);
    }
    lines
}

/// Of each figure of a goal those on one mesh: that with most bounds that were measured, and of these one where a bound is broken.
fn shortened(verdicts: &[Verdict]) -> Vec<Verdict> {
    let of = |one: &Verdict| {
        let id = one.scenario.split(' ').next().unwrap_or_default();
        (one.goal.clone(), one.figure.clone(), id.to_owned())
    };
    let weight = |scenario: &str, all: &[&Verdict]| {
        let here = all.iter().filter(|one| one.scenario == scenario);
        let measured = here.clone().filter(|one| one.is_measured()).count();
        (measured, here.clone().any(|one| one.fails()))
    };
    let mut done = Vec::new();
    let mut short = Vec::new();
    for verdict in verdicts {
        let key = of(verdict);
        if done.contains(&key) {
            continue;
        }
        let all: Vec<&Verdict> = verdicts.iter().filter(|one| of(one) == key).collect();
        let mut chosen = verdict.scenario.as_str();
        for one in &all {
            if weight(&one.scenario, &all) > weight(chosen, &all) {
                chosen = &one.scenario;
            }
        }
        let mut broken = String::new();
        for one in all
            .iter()
            .filter(|one| one.scenario != chosen && one.fails())
        {
            let bound = format!("✗ {}: {}", one.scenario, one.bound);
            add(&mut broken, &bound);
        }
        let first = short.len();
        short.extend(
            all.iter()
                .filter(|one| one.scenario == chosen)
                .map(|one| (*one).clone()),
        );
        if let Some(verdict) = short.get_mut(first) {
            add(&mut verdict.remark, &broken);
        }
        done.push(key);
    }
    short
}

/// Adds a remark to others, once.
fn add(remarks: &mut String, remark: &str) {
    if remark.is_empty() || remarks.split("; ").any(|one| one == remark) {
        return;
    }
    if !remarks.is_empty() {
        remarks.push_str("; ");
    }
    remarks.push_str(remark);
}

/// `✓ ≤ 1.5 × floor: 1.07×`
fn bound(verdict: &Verdict) -> String {
    let mark = match verdict.outcome {
        Outcome::Holds => "✓",
        Outcome::Fails => "✗",
        Outcome::Noted => "·",
        Outcome::NotMeasured => "–",
    };
    match (verdict.ratio_shown(), verdict.outcome) {
        (_, Outcome::NotMeasured) => format!("{mark} {}: not measured", verdict.bound),
        (Some(ratio), _) => format!("{mark} {}: {ratio}", verdict.bound),
        (None, _) => format!("{mark} {}", verdict.bound),
    }
}

/// Bytes of a resource by type, of the mesh with most proxies of those where all is called.
fn bytes(record: &Record) -> Option<Vec<Vec<String>>> {
    let measured = |run: &&super::result::Run| {
        run.scenario.starts_with("S1 ")
            && run.scenario.contains("all called")
            && !run.bytes_per_resource.is_empty()
            && STACKS.contains(&run.stack)
            && run.stack != Stack::IstiodTuned
    };
    let most = record
        .runs
        .iter()
        .filter(measured)
        .map(|run| run.proxies)
        .max()?;
    let mut stacks = BTreeMap::new();
    for run in record.runs.iter().filter(measured) {
        if run.proxies == most {
            stacks.entry(run.stack).or_insert(&run.bytes_per_resource);
        }
    }
    let mut kinds: Vec<_> = stacks.values().flat_map(|bytes| bytes.keys()).collect();
    kinds.sort();
    kinds.dedup();
    let mut lines = vec![vec!["type".to_owned()]];
    lines[0].extend(stacks.keys().map(|stack| stack.label().to_owned()));
    for kind in kinds {
        let mut line = vec![format!("{kind:?}")];
        line.extend(stacks.values().map(|bytes| {
            bytes
                .get(kind)
                .map_or_else(String::new, |bytes| super::result::digits(*bytes, true))
        }));
        lines.push(line);
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Run, Unit};
    use crate::scenario::figure;

    #[test]
    fn goals_and_what_was_measured_for_them() {
        let mut record = Record {
            date: "2026-11-22T05:00:00Z".to_owned(),
            pinning: "nothing is pinned".to_owned(),
            ..Record::default()
        };
        for (stack, last) in [
            (Stack::Tulle, 3.0),
            (Stack::Floor, 2.5),
            (Stack::IstiodDefault, 40.0),
        ] {
            let mut run = Run::new("S1 1000×1000, all called", stack, 1_000, 1);
            run.put(figure::LAST, Unit::Seconds, last);
            run.bytes_per_resource.insert(crate::wire::Kind::Cds, 412.4);
            record.runs.push(run);
        }
        record.goals = crate::goals::judge(&record);
        let text = digest(&record, Some("results/plot.svg"), false);
        assert!(text.starts_with("2026-11-22, "), "{text}");
        assert!(text.contains("(results/plot.svg)") && text.contains("one run"));
        let line = text.lines().find(|line| line.starts_with("| G4")).unwrap();
        for part in [
            "✓ ≤ 1.5 × floor: 1.20×",
            "✓ ≤ 1/12 of istiod D: 1/13.3",
            "– ≤ 1/8 of istiod T: not measured",
            "3.00 s",
            "40.0 s",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(text.contains("| Cds  |   412 |"), "{text}");
    }

    #[test]
    fn in_brief_one_mesh_stands_for_a_figure() {
        let mut record = Record::default();
        for (mesh, refused) in [("9×9, all called", 0.0), ("5000×9, 20 called", 7.0)] {
            let mut run = Run::new(format!("S1 {mesh}"), Stack::Tulle, 9, 1);
            run.put(figure::REFUSED, Unit::Count, refused);
            run.put(figure::PEAK, Unit::Count, refused / 7.0);
            record.runs.push(run);
        }
        record.goals = crate::goals::judge(&record);
        let text = digest(&record, None, true);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("refused"))
            .collect();
        assert!(
            lines[0].contains("5000×9") && lines[0].contains("✗ ≤ 0"),
            "{text}"
        );
        let peak = text.lines().filter(|line| line.contains(figure::PEAK));
        assert_eq!(peak.count(), 1, "{text}");
    }
}
