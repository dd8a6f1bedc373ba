//! Figures as a table: Markdown whose columns line up.

use super::result::{Row, Stack, digits};

/// The ratios that a table shows: of which stack to which.
const RATIOS: [(&str, Stack, Stack); 3] = [
    ("Tulle ÷ floor", Stack::Tulle, Stack::Floor),
    ("istiod D ÷ Tulle", Stack::IstiodDefault, Stack::Tulle),
    ("istiod T ÷ Tulle", Stack::IstiodTuned, Stack::Tulle),
];

/// A table of these rows. A cell is the median, with the smallest and largest where runs differ by more than a digit shows;
/// stacks and ratios that no row has get no column.
pub fn table(rows: &[Row]) -> String {
    let stacks: Vec<Stack> = Stack::ALL
        .into_iter()
        .filter(|stack| rows.iter().any(|row| row.stacks.contains_key(stack)))
        .collect();
    let ratios: Vec<_> = RATIOS
        .into_iter()
        .filter(|(_, of, to)| rows.iter().any(|row| row.ratio(*of, *to).is_some()))
        .collect();
    let mut header = vec!["scenario".to_owned(), "figure".to_owned()];
    header.extend(stacks.iter().map(|stack| stack.label().to_owned()));
    header.extend(ratios.iter().map(|(label, ..)| (*label).to_owned()));
    let mut lines = vec![header];
    for row in rows {
        let mut line = vec![row.scenario.clone(), row.figure.clone()];
        line.extend(stacks.iter().map(|stack| cell(row, *stack)));
        line.extend(ratios.iter().map(|(_, of, to)| {
            row.ratio(*of, *to)
                .map_or_else(String::new, |ratio| format!("{}×", digits(ratio, false)))
        }));
        lines.push(line);
    }
    render(&lines, &[true, true])
}

/// The median, with smallest and largest where they differ from it.
pub(super) fn cell(row: &Row, stack: Stack) -> String {
    let Some(spread) = row.stacks.get(&stack) else {
        return String::new();
    };
    let show = |value| row.unit.show(value);
    let (min, median, max) = (show(spread.min), show(spread.median), show(spread.max));
    if min == median && median == max {
        median
    } else {
        format!("{median} ({min} … {max})")
    }
}

/// Lines of Markdown. Columns that are `text` have it to the left, numbers stand to the right.
pub(super) fn render(lines: &[Vec<String>], text: &[bool]) -> String {
    let is_text = |column: usize| text.get(column).copied().unwrap_or(false);
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        for (column, text) in line.iter().enumerate() {
            let width = widths[column];
            out.push_str(&if is_text(column) {
                format!("| {text:<width$} ")
            } else {
                format!("| {text:>width$} ")
            });
        }
        out.push_str("|\n");
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let rule = "-".repeat(width + 1);
                out.push_str(&if is_text(column) {
                    format!("|{rule}-")
                } else {
                    format!("|{rule}:")
                });
            }
            out.push_str("|\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::record::{Record, Run, Unit};

    use super::*;

    fn record() -> Record {
        let mut record = Record::default();
        for (stack, last, rss) in [
            (Stack::Tulle, [3.0, 2.9, 3.2], 45.0 * 1024.0),
            (Stack::Floor, [2.7, 2.6, 2.71], 42.0 * 1024.0),
            (Stack::IstiodDefault, [40.1, 40.4, 40.0], 690_000.0),
        ] {
            for (run, last) in last.into_iter().enumerate() {
                let mut of = Run::new("S1 1000x1000", stack, 1_000, run + 1);
                of.put("last ACK", Unit::Seconds, last);
                of.put("memory of a proxy", Unit::Bytes, rss);
                if stack == Stack::Tulle {
                    of.put("resent", Unit::Count, 0.0);
                }
                record.runs.push(of);
            }
        }
        record
    }

    #[test]
    fn a_table_for_people() {
        let golden = include_str!("table/golden.md");
        assert_eq!(
            table(&record().rows()),
            golden,
            "if this is meant, it is the new golden"
        );
    }

    #[test]
    fn a_record_outlives_its_file() {
        let record = record();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert!(json.contains("\"stack\":\"istiod_default\""));
    }

    #[test]
    fn no_rows_are_a_table_too() {
        assert_eq!(table(&[]).lines().count(), 2);
    }
}
