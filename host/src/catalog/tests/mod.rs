//! What the catalog promises, with plugins that are made up.

mod connectors;
mod drafts;
mod links;
mod maps;
mod profiles;
mod questions;
mod states;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::testing::Bench;
use crate::audit::{self, Filter, Line};

/// A request's document, as it is read.
fn read<T: DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).unwrap()
}

/// The newest line of the audit log.
async fn last_deed(bench: &Bench) -> Line {
    let lines = audit::read(&bench.database, &Filter::default(), 1).await;
    lines.unwrap().remove(0)
}
