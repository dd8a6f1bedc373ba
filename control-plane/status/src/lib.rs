//! Report: what Tulle has to say about the users' objects, and what proxies said of them.
//!
//! Duty: keep the current findings and the current refusals (NACKs) by real proxies, each with the object it is about, and tell
//! what appeared and what was mended; make the status of each App Mesh object of it ([`desired`], kept up to date by a
//! [`Board`]) and, in a cluster, write it ([`Writer`]), with Warning events for errors ([`Announcer`]); take the old
//! controller's finalizers off objects that are being deleted ([`Finalizers`]); say what this replica's proxies hold and refuse,
//! and put what all replicas say together ([`ReplicaReport`], [`Aggregate`]). Comes in: the full list of findings after a change;
//! refusals and acceptances of resources with the objects they come from; what the API server has on record; who leads. Goes
//! out: news (for the log), a sorted snapshot (for `/debug`), patches and events, the table of `tulle proxy status`. Must never:
//! change what is linked or served; write anything while another replica leads, or what is on record already.

mod aggregate;
mod arn;
mod board;
mod counters;
mod desired;
mod event;
mod facts;
mod finalizers;
mod kind;
mod ledger;
mod message;
mod pace;
mod patch;
mod record;
mod refusal;
mod report;
mod schedule;
mod table;
mod time;
mod writer;

pub use aggregate::Aggregate;
pub use arn::{ArnSpace, ArnSpaceError};
pub use board::Board;
pub use counters::{Counters, Counts};
pub use desired::{AppMeshStatus, Condition, Notice, REJECTED_BY_ENVOY, desired};
pub use event::{Announcer, EventKey};
pub use facts::{Facts, facts};
pub use finalizers::{Finalizers, finalizer_patch};
pub use ledger::{Ledger, News};
pub use record::{Record, Records};
pub use refusal::{Refusal, RefusalKey, Refused};
pub use report::{ProxyReport, ReplicaReport, ReportError, TypeReport, short_type};
pub use table::{ProxyRow, ProxyStatus};
pub use writer::{Writer, WriterOptions};

#[cfg(test)]
mod fixture;
