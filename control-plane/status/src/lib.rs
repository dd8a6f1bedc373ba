//! Report: what Tulle has to say about the users' objects, and what proxies said of them.
//!
//! Duty: keep the current findings and the current refusals (NACKs) by real proxies, each with the
//! object it is about, and tell what appeared and what was mended. Comes in: the full list of findings
//! after a change; refusals and acceptances of resources with the objects they come from. Goes out:
//! news (for the log), a sorted snapshot (for `/debug`). Must never: change what is linked or served.

mod ledger;
mod refusal;

pub use ledger::{Ledger, News};
pub use refusal::{Refusal, RefusalKey};
