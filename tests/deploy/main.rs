//! How Tulle is deployed: the chart as Helm renders it, the kustomization made from it, what its role allows.
//!
//! `TULLE_UPDATE=1 cargo test -p tulle-tests --test deploy` writes the rendered files anew, to be read before they
//! are committed.

mod chart;
mod crds;
mod docs;
mod golden;
mod helm;
mod kustomize;
mod pod_security;
mod rbac;
mod schema;
mod settings;
mod webhooks;
mod yaml;
