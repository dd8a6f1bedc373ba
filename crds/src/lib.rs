//! Rust types of every kind that Tulle understands.
//!
//! - **Duty:** one file a kind; the CustomResourceDefinitions generated from the types and checked
//!   in under `crds/yaml`; decoding of an untyped object into a typed one by the rules of those
//!   definitions: what they reject is an error that names the field, what they prune is reported.
//! - **In:** `apiVersion`, `kind` and a JSON value ([`decode()`]).
//! - **Out:** an [`Object`], which every other room passes on, and the fields that it ignores.
//! - **Must never:** know the mesh model, look from one object to another, or refuse a field that
//!   it does not know.

pub mod appmesh;
pub mod core;
pub mod crd;
pub mod decode;
pub mod field_path;
pub mod kind;
pub mod object;
mod schema_check;
mod string_enum;

pub use decode::{DecodeError, Decoded, Violation, decode};
pub use field_path::{FieldPath, Segment};
pub use kind::Kind;
pub use object::{Object, ObjectKey};
