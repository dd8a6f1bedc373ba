//! The table of edges.

use std::time::Duration;

use ratatui::layout::Constraint;
use ratatui::style::{Color, Style, Stylize};
use ratatui::widgets::{Cell, Row, Table};

use super::Picture;
use crate::demo::board::{EDGES, Edge};
use crate::demo::meter::Lately;
use crate::demo::workloads::{COLORS, DECLARED_HOST, UNDECLARED_HOST};

/// A row for every edge.
pub(super) fn table(picture: &Picture) -> Table<'static> {
    let head = [
        "edge", "req/s", "share", "weight", "p50", "p99", "err/s", "",
    ]
    .map(|title| Cell::from(title).dim());
    let rows: Vec<Row<'static>> = EDGES
        .iter()
        .zip(picture.lately)
        .map(|(edge, lately)| row(*edge, lately, picture))
        .collect();
    let widths = [
        Constraint::Length(29),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Min(0),
    ];
    Table::new(rows, widths).header(Row::new(head))
}

fn row(edge: Edge, lately: Lately, picture: &Picture) -> Row<'static> {
    let colors: f64 = EDGES
        .iter()
        .zip(picture.lately)
        .filter(|(edge, _)| matches!(edge, Edge::Color(_)))
        .map(|(_, lately)| lately.rate)
        .sum();
    let sum: u64 = picture.declared.weights.iter().sum();
    let (share, weight) = match edge {
        Edge::Color(index) => (
            per_cent(lately.rate, colors),
            per_cent(picture.declared.weights[index] as f64, sum as f64),
        ),
        _ => (String::new(), String::new()),
    };
    let (name, color) = name(edge);
    let blocked = edge == Edge::Undeclared && !picture.declared.allow_all;
    let errors = if lately.errors > 0.0 && !blocked {
        Cell::from(format!("{:.1}", lately.errors)).red()
    } else {
        Cell::from(format!("{:.1}", lately.errors)).dim()
    };
    Row::new([
        Cell::from(name).style(Style::new().fg(color)),
        Cell::from(format!("{:.1}", lately.rate)),
        Cell::from(share).bold(),
        Cell::from(weight).dim(),
        Cell::from(milliseconds(lately.p50)),
        Cell::from(milliseconds(lately.p99)),
        errors,
        Cell::from(remark(edge, lately, picture)).dim(),
    ])
}

fn name(edge: Edge) -> (String, Color) {
    match edge {
        Edge::Front => ("gateway → front".to_owned(), Color::Reset),
        Edge::Color(index) => {
            let color = [Color::Blue, Color::Green, Color::Red]
                .get(index)
                .copied()
                .unwrap_or_default();
            (format!("front → color → {}", COLORS[index]), color)
        }
        Edge::ByHeader => ("front → color, x-color: red".to_owned(), Color::Red),
        Edge::Direct => ("gateway → color, /direct/".to_owned(), Color::Reset),
        Edge::Flaky => ("front → flaky".to_owned(), Color::Reset),
        Edge::Declared => (format!("front → {DECLARED_HOST}"), Color::Reset),
        Edge::Undeclared => (format!("front → {UNDECLARED_HOST}"), Color::Reset),
    }
}

fn remark(edge: Edge, lately: Lately, picture: &Picture) -> String {
    match edge {
        Edge::ByHeader if lately.errors > 0.0 => "not all to red".to_owned(),
        Edge::ByHeader => "all to red".to_owned(),
        Edge::Flaky if lately.errors > 0.0 => format!("{:.1} tries/s fail", picture.failed_tries),
        Edge::Flaky => format!(
            "{:.1} tries/s fail; retries heal them",
            picture.failed_tries
        ),
        Edge::Declared => "outside the mesh, declared".to_owned(),
        Edge::Undeclared if picture.declared.allow_all => "outside, undeclared: allowed".to_owned(),
        Edge::Undeclared => "outside, undeclared: dropped".to_owned(),
        _ => String::new(),
    }
}

fn per_cent(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.1} %", 100.0 * part / whole)
    } else {
        "–".to_owned()
    }
}

fn milliseconds(latency: Duration) -> String {
    if latency.is_zero() {
        "–".to_owned()
    } else {
        format!("{:.1} ms", latency.as_secs_f64() * 1000.0)
    }
}
