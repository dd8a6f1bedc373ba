//! The certificate authority of a cluster: kept in a Secret by the leader, read by every replica.
//!
//! The Secret `tulle-ca` (type `Opaque`) is the only truth: every authority of a rotation under way lies in it, also one that the
//! user brought. Its keys:
//!
//! | key | what |
//! |---|---|
//! | `state.json` | which authority signs, the stage of a rotation and since when |
//! | `ca-<id>.crt` | an authority's certificate and those towards its root |
//! | `ca-<id>.key` | its private key |
//! | `ca-<id>.roots.crt` | the roots by which it is believed |
//! | `ca.crt` | every root that is published now, for people and tools; we do not read it |
//!
//! A user's own authority is taken from the Secret `tulle-cacerts`: `ca-cert.pem`, `ca-key.pem`, `root-cert.pem`, `cert-chain.pem`
//! (the last may be missing), or `tls.crt`, `tls.key`, `ca.crt`. It wins over ours, also later, by the same overlapping rotation. One
//! that cannot be used is refused and what there is goes on. The leader copies it into `tulle-ca`, so that a rotation can be
//! continued or taken back when the user's Secret has long been replaced.
//!
//! `kubectl annotate secret tulle-ca tulle.dev/rotate=now` begins a rotation, `=abort` takes a step back, `=advance` takes the next
//! step without waiting. The annotation is gone once it was obeyed (or refused, with a line in the log).
//!
//! **The trust domain of a running mesh cannot be changed.** Each root and every identity bears it. With another trust domain
//! in the settings a control plane that starts refuses the Secret; a new Secret (delete the old one while no replica runs) is a
//! new mesh: every proxy has to be restarted.

mod follow;
mod form;
mod keep;
mod users;

pub use follow::ClusterAuthority;
pub use form::{ROTATE, SECRET_NAME, SecretFormError, read_state, write_state};
pub use keep::{Keeper, KeeperInputs};
pub use users::{USERS_SECRET_NAME, UsersSecretError, read_users};
