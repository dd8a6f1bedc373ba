//! Bars on a logarithmic scale, as SVG.

use std::fmt::Write as _;

use super::result::{Row, Stack, Unit};

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Whose.
    pub stack: Stack,
    /// How long. What is not above 0 has no place on a logarithmic scale: such a bar is drawn as none, with its value.
    pub value: f64,
}

/// Bars that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they show.
    pub title: String,
    /// In which unit.
    pub unit: Unit,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
}

impl Group {
    /// The medians of a row.
    pub fn of(title: impl Into<String>, row: &Row) -> Self {
        Self {
            title: title.into(),
            unit: row.unit,
            bars: row
                .stacks
                .iter()
                .map(|(stack, spread)| Bar {
                    stack: *stack,
                    value: spread.median,
                })
                .collect(),
        }
    }
}

/// A plot of groups. Each has a logarithmic scale of its own, from a third of its smallest bar to its largest; a decade is
/// as wide in all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Its headline.
    pub title: String,
    /// What stands below: date, machine, versions.
    pub caption: String,
    /// The groups.
    pub groups: Vec<Group>,
}

const WIDTH: f64 = 760.0;
/// Where bars begin: left of it stands whose they are.
const LEFT: f64 = 110.0;
/// Room for the value behind the longest bar.
const RIGHT: f64 = 110.0;
const BAR: f64 = 18.0;
const GAP: f64 = 4.0;
/// A group's title, and the space above it.
const HEAD: f64 = 38.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 30.0;
/// How far below its smallest value a scale begins.
const BELOW: f64 = 3.0;

/// A colour that can be told on white and on black.
fn colour(stack: Stack) -> &'static str {
    match stack {
        Stack::Tulle => "#0f9d8a",
        Stack::Floor | Stack::FloorPlain => "#8a94a0",
        Stack::Raw | Stack::RawPlain => "#b8bfc7",
        Stack::IstiodDefault => "#5b78d6",
        Stack::IstiodTuned => "#95a8e6",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Group {
    /// The smallest and largest value on the scale.
    fn range(&self) -> Option<(f64, f64)> {
        let drawn = || {
            self.bars
                .iter()
                .map(|bar| bar.value)
                .filter(|value| *value > 0.0)
        };
        let min = drawn().min_by(f64::total_cmp)?;
        let max = drawn().max_by(f64::total_cmp)?;
        Some((min / BELOW, max))
    }

    fn decades(&self) -> f64 {
        self.range().map_or(0.0, |(from, to)| (to / from).log10())
    }

    fn height(&self) -> f64 {
        HEAD + self.bars.len() as f64 * (BAR + GAP)
    }
}

impl Plot {
    /// The plot as an SVG document.
    pub fn svg(&self) -> String {
        let height: f64 = TOP + self.groups.iter().map(Group::height).sum::<f64>() + BOTTOM;
        let widest = self.groups.iter().map(Group::decades).fold(0.1, f64::max);
        let decade = (WIDTH - LEFT - RIGHT) / widest;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" \
             font-size=\"13\">\n<style>text {{ fill: #24292f }} .dim {{ fill: #6e7781 }} line {{ stroke: #6e778155 }} \
             @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .dim {{ fill: #8d96a0 }} }}</style>\n"
        );
        text(
            &mut out,
            16.0,
            26.0,
            "font-size=\"17\" font-weight=\"600\"",
            &self.title,
        );
        let mut top = TOP;
        for group in &self.groups {
            group.draw(&mut out, top, decade);
            top += group.height();
        }
        text(
            &mut out,
            16.0,
            top + 20.0,
            "class=\"dim\" font-size=\"11\"",
            &self.caption,
        );
        out.push_str("</svg>\n");
        out
    }
}

impl Group {
    fn draw(&self, out: &mut String, top: f64, decade: f64) {
        text(out, 16.0, top + 24.0, "font-weight=\"600\"", &self.title);
        let Some((from, to)) = self.range() else {
            return;
        };
        let at = |value: f64| LEFT + (value / from).log10() * decade;
        let bottom = top + self.height();
        let mut power = 10_f64.powi(from.log10().ceil() as i32);
        while power <= to {
            let x = at(power);
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                top + HEAD - GAP,
                bottom - GAP
            );
            power *= 10.0;
        }
        for (number, bar) in self.bars.iter().enumerate() {
            let y = top + HEAD + number as f64 * (BAR + GAP);
            let end = if bar.value > 0.0 { at(bar.value) } else { LEFT };
            let baseline = y + BAR - 5.0;
            text(
                out,
                LEFT - 8.0,
                baseline,
                "text-anchor=\"end\"",
                bar.stack.label(),
            );
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{}\"/>",
                end - LEFT,
                colour(bar.stack)
            );
            text(out, end + 6.0, baseline, "", &self.unit.show(bar.value));
        }
    }
}

fn text(out: &mut String, x: f64, y: f64, attributes: &str, text: &str) {
    let space = if attributes.is_empty() { "" } else { " " };
    let text = escaped(text);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\"{space}{attributes}>{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let bar = |stack, value| Bar { stack, value };
        Plot {
            title: "1,000 proxies".to_owned(),
            caption: "2026-11-22 · 2 cores < 4".to_owned(),
            groups: vec![
                Group {
                    title: "Cold storm, last ACK".to_owned(),
                    unit: Unit::Seconds,
                    bars: vec![bar(Stack::Tulle, 3.0), bar(Stack::IstiodDefault, 40.0)],
                },
                Group {
                    title: "Resent after a reconnect".to_owned(),
                    unit: Unit::Bytes,
                    bars: vec![bar(Stack::Tulle, 0.0), bar(Stack::IstiodDefault, 1.757e9)],
                },
            ],
        }
    }

    #[test]
    fn bars_as_svg() {
        let svg = plot().svg();
        let golden = include_str!("plot/golden.svg");
        assert_eq!(svg, golden, "if this is meant, it is the new golden");
        assert!(svg.contains("2 cores &lt; 4") && svg.contains(">0 B<"));
    }

    #[test]
    fn a_plot_without_bars_is_one() {
        let none = Group {
            title: "x".to_owned(),
            unit: Unit::Count,
            bars: Vec::new(),
        };
        let plot = Plot {
            groups: vec![none],
            ..Plot::default()
        };
        assert!(plot.svg().ends_with("</svg>\n") && !plot.svg().contains("NaN"));
    }
}
