//! The live view's one screen, drawn from figures that were gathered before.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, Wrap};

use super::board::{EDGES, Edge, Lately};
use super::envoy_admin::ProxyState;
use super::manifests::Declared;
use super::watch::Change;
use super::workloads::{COLORS, DECLARED_HOST, UNDECLARED_HOST, gateway_address};

/// Rows from which on everything fits.
const TALL: u16 = 28;

/// Everything on the screen.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Version of the Envoys.
    pub(crate) envoy: String,
    /// Where the control plane's pages are.
    pub(crate) control_plane: SocketAddr,
    /// Where the YAML lies.
    pub(crate) manifests: PathBuf,
    /// What it asks for.
    pub(crate) declared: Declared,
    /// Figures of the edges, in the order of `EDGES`.
    pub(crate) lately: [Lately; EDGES.len()],
    /// Tries per second that the flaky application fails.
    pub(crate) failed_tries: f64,
    /// The last save.
    pub(crate) last_change: Option<Change>,
    /// What each proxy says of itself.
    pub(crate) proxies: Vec<(&'static str, Result<ProxyState, String>)>,
    /// What is wrong with the manifests, or with the control plane.
    pub(crate) error: Option<String>,
    /// Requests per second that the load aims at.
    pub(crate) rate: u32,
    /// Whether the load has stopped by itself.
    pub(crate) load_is_over: bool,
    /// Requests of the load so far.
    pub(crate) sent: u64,
    /// Of those, the lost ones.
    pub(crate) lost: u64,
    /// What happened to the last lost one that was described.
    pub(crate) last_loss: Option<String>,
}

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, picture: &Picture) {
    // On a short terminal the figures matter more; the banner stands in the history, too.
    let short = frame.area().height < TALL;
    let mut banner = banner(picture);
    if short {
        banner.truncate(3);
    }
    let edges = u16::try_from(EDGES.len()).unwrap_or(u16::MAX);
    let [top, middle, bottom, keys] = Layout::vertical([
        Constraint::Length(u16::try_from(banner.len()).unwrap_or(u16::MAX)),
        Constraint::Length(edges + if short { 1 } else { 3 }),
        Constraint::Min(8),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(banner), top);
    let table = edges_table(picture);
    frame.render_widget(
        if short {
            table
        } else {
            table.block(Block::bordered().title(" traffic "))
        },
        middle,
    );
    state(frame, bottom, picture);
    frame.render_widget(footer(picture), keys);
}

/// The gateway's address, the manifests' folder and three things to try, a line each.
pub(crate) fn banner_text(manifests: &Path) -> [String; 5] {
    let color = format!("http://{}/color", gateway_address());
    [
        format!("gateway    {color}"),
        format!("manifests  {}", manifests.display()),
        "try        1  change the weights in color.yaml, and save".to_owned(),
        format!("           2  curl -H 'x-color: red' {color}"),
        "           3  maxRetries: 0 in flaky.yaml, or type: ALLOW_ALL in mesh.yaml, or a mistake"
            .to_owned(),
    ]
}

fn banner(picture: &Picture) -> Vec<Line<'static>> {
    let (count, envoy, admin) = (picture.proxies.len(), &picture.envoy, picture.control_plane);
    let head =
        format!("  App Mesh manifests on {count} Envoys {envoy}, control plane http://{admin}");
    let mut lines = vec![Line::from(vec!["Tulle".bold(), head.into()])];
    lines.extend(banner_text(&picture.manifests).map(Line::from));
    lines.push(Line::default());
    lines
}

fn edges_table(picture: &Picture) -> Table<'static> {
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

fn state(frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(40), Constraint::Percentage(60)]).areas(area);
    let proxies: Vec<Line<'static>> = picture
        .proxies
        .iter()
        .map(|(name, state)| proxy(name, state))
        .collect();
    frame.render_widget(
        Paragraph::new(proxies).block(Block::bordered().title(" proxies ")),
        left,
    );
    let mut lines = vec![change(picture.last_change.as_ref()), Line::default()];
    match &picture.error {
        Some(error) => lines.push(Line::from(vec![
            "error  ".red().bold(),
            error.clone().into(),
        ])),
        None => lines.push("no errors in the manifests".dim().into()),
    }
    if let (Some(loss), true) = (&picture.last_loss, picture.lost > 0) {
        lines.push(Line::from(vec![
            "lost   ".red().bold(),
            loss.clone().into(),
        ]));
    }
    let lines = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(
        lines.block(Block::bordered().title(" configuration ")),
        right,
    );
}

fn proxy(name: &str, state: &Result<ProxyState, String>) -> Line<'static> {
    let name = Span::from(format!("{name:<9}"));
    match state {
        Ok(state) => {
            let rejected: u64 = state.rejected.iter().sum();
            let mut spans = vec![
                name,
                if state.live {
                    "live".green()
                } else {
                    "starting".yellow()
                },
                if state.connected {
                    ", connected".into()
                } else {
                    ", no control plane".yellow()
                },
                format!(", {} updates", state.updates).dim(),
            ];
            if rejected > 0 {
                spans.push(format!(", {rejected} refused").red());
            }
            Line::from(spans)
        }
        Err(why) => Line::from(vec![name, why.clone().red()]),
    }
}

fn change(change: Option<&Change>) -> Line<'static> {
    let Some(change) = change else {
        return "nothing edited yet".dim().into();
    };
    let ago = SystemTime::now()
        .duration_since(change.saved)
        .unwrap_or_default()
        .as_secs();
    let taken = match change.taken {
        Some(taken) => format!("{} ms from save to the last ACK", taken.as_millis()).green(),
        None => "no proxy has taken anything new".yellow(),
    };
    Line::from(vec![
        change.files.clone().bold(),
        format!(" saved {ago} s ago: ").into(),
        taken,
    ])
}

fn footer(picture: &Picture) -> Line<'static> {
    let lost = format!("{} lost", picture.lost);
    let rate = if picture.load_is_over {
        "the load has reached its bounds and stopped".to_owned()
    } else {
        format!("load {}/s", picture.rate)
    };
    Line::from(vec![
        format!("{} requests, ", picture.sent).into(),
        if picture.lost > 0 {
            lost.red().bold()
        } else {
            lost.green()
        },
        format!("   {rate}   ").into(),
        "+ - rate   q end".dim(),
    ])
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

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn picture() -> Picture {
        Picture {
            envoy: "1.40.0".to_owned(),
            control_plane: SocketAddr::from(([127, 0, 0, 1], 18013)),
            manifests: "/home/me/tulle-demo/manifests".into(),
            declared: Declared {
                weights: [60, 30, 10],
                allow_all: false,
            },
            lately: EDGES.map(|_| Lately {
                rate: 20.0,
                ..Lately::default()
            }),
            failed_tries: 6.5,
            last_change: Some(Change {
                files: "color.yaml".to_owned(),
                saved: SystemTime::now(),
                taken: Some(Duration::from_millis(12)),
            }),
            proxies: vec![(
                "front",
                Ok(ProxyState {
                    live: true,
                    connected: true,
                    ..ProxyState::default()
                }),
            )],
            error: Some("color.yaml:7:3: expected a map".to_owned()),
            rate: 200,
            load_is_over: false,
            sent: 1000,
            lost: 0,
            last_loss: None,
        }
    }

    fn drawn(width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &picture())).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_that_matters_is_on_a_usual_terminal() {
        let screen = drawn(120, 32);
        for part in [
            "http://127.80.1.2:18000/color",
            "/home/me/tulle-demo/manifests",
            "front → color → blue",
            "33.3 %",
            "60.0 %",
            "12 ms from save to the last ACK",
            "color.yaml:7:3: expected a map",
            "front    live, connected",
            "1000 requests, 0 lost",
        ] {
            assert!(screen.contains(part), "{part} is missing:\n{screen}");
        }
    }

    #[test]
    fn a_tiny_terminal_is_no_reason_to_panic() {
        for (width, height) in [(1, 1), (20, 5), (80, 24)] {
            drawn(width, height);
        }
    }
}
