//! Properties of all rooms together: whatever happens in whatever order, what proxies hold is what a
//! fresh start would give them, and Envoy takes it.

mod accepted;
mod incremental;
mod invalid;
mod invalid_meshes;
mod numbered;
mod universe;
mod valid;
mod valid_meshes;
mod wide;
