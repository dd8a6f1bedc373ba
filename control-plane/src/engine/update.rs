//! What is told of a group.

use std::sync::Arc;

use tulle_xds::{Change, Layer, Resource};

/// What is new for a group.
#[derive(Debug)]
pub enum Update {
    /// All its resources: an object has come to declare it.
    Fill(Resources),
    /// Changes to what it holds.
    Change(Changes),
}

/// All that a group holds; no name of a type is in both parts.
#[derive(Debug)]
pub struct Resources {
    /// Whom it calls, which other groups may hold alike.
    pub layer: Layer,
    /// The rest.
    pub own: Vec<Arc<Resource>>,
}

impl Resources {
    /// All of both parts.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.layer.iter().chain(&self.own)
    }
}

/// What is different in what a group holds.
#[derive(Debug)]
pub struct Changes {
    /// Whom it calls, from now on.
    pub layer: Layer,
    /// All that is different, in the layer and beside it.
    pub list: Vec<Change>,
}
