//! The certificate authority as values: what signs, what is to be trusted, and how one root follows another.
//!
//! In: PEM, times, what proxies hold. Out: the next state. Nothing here reads a clock, a disk or the network.
//!
//! A root is replaced in four stages, each of which can be taken back:
//!
//! | stage | signs | published | goes on when | `abort` |
//! |---|---|---|---|---|
//! | stable | A | A | A grows old, its end comes near, somebody asks, or the user brings another | - |
//! | prepare | A | A, B | every connected proxy holds the bundle with B, and one longest leaf life is over for those that are away | forget B |
//! | activate | B | A, B | no connected proxy holds a certificate of A, and one longest leaf life is over | sign with A again |
//! | retire | B | B | one longest leaf life is over: A's key is forgotten | publish A again |

mod bundle;
mod policy;
mod rotation;
mod slot;
mod transition;

pub use bundle::TrustBundle;
pub use policy::{PolicyError, RotationPolicy};
pub use rotation::{CaState, Phase, Stage};
#[cfg(test)]
pub(crate) use slot::uri_names;
pub use slot::{CaSlot, Origin, Part, SlotError};
pub use transition::{Command, CommandError, Evidence, Reason, Step, Transition, Waiting, Wanted};
