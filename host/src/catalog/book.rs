//! How a change is written down: its line in the audit log, and the connector's step.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Catalog, CatalogError};
use crate::access::Principal;
use crate::audit::{self, Deed, Target};
use crate::work::state::{self, Event, Step};

/// Bytes of a value's JSON beyond which the log has its size only.
const VALUE_BYTES: usize = 2 << 10;

/// What a change did to which fields.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Changes(Map<String, Value>);

impl Changes {
    /// Notes a field that has another value than before.
    pub(super) fn field<T: Serialize>(&mut self, name: impl Into<String>, before: &T, after: &T) {
        let (before, after) = (plain(before), plain(after));
        if before != after {
            let change = json!({"before": short(before), "after": short(after)});
            self.0.insert(name.into(), change);
        }
    }

    /// Notes what was done to a field whose value is nobody's business.
    pub(super) fn word(&mut self, name: impl Into<String>, word: &str) {
        self.0.insert(name.into(), word.into());
    }

    /// Notes members of an object that have another value than before.
    pub(super) fn members(
        &mut self,
        field: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            self.field(format!("{field}.{key}"), &before.get(key), &after.get(key));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn plain(value: &impl Serialize) -> Value {
    // What is kept is plain data, which serde_json always takes.
    serde_json::to_value(value).unwrap_or_default()
}

fn short(value: Value) -> Value {
    let bytes = value.to_string().len();
    if bytes <= VALUE_BYTES {
        return value;
    }
    json!({ "bytes": bytes })
}

impl Catalog {
    /// Writes a line of the audit log, in the transaction of what it tells of.
    pub(super) async fn note(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        action: &str,
        target: Target,
        details: Value,
    ) -> Result<(), sqlx::Error> {
        let deed = Deed {
            at: self.clock.now(),
            actor: &by.actor,
            address: by.address,
            action,
            target: Some(target),
            details,
        };
        audit::record(connection, &deed).await
    }

    /// Makes a connector's step.
    pub(super) async fn step(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        connector: Uuid,
        event: Event,
        cause: &str,
    ) -> Result<(), CatalogError> {
        let step = Step {
            connector,
            event,
            cause,
            actor: &by.actor,
            run: None,
            at: self.clock.now(),
        };
        state::step(connection, &step).await?;
        Ok(())
    }

    /// Makes the step that follows from whether a schedule will run the connector, if it is one.
    pub(super) async fn settle(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        connector: Uuid,
        cause: &str,
    ) -> Result<(), CatalogError> {
        let scheduled = is_scheduled(connection, connector).await?;
        let event = match scheduled {
            true => Event::Scheduled,
            false => Event::Unscheduled,
        };
        self.step(connection, by, connector, event, cause).await
    }
}

/// Whether a schedule will run a connector, as soon as it is enabled: then its state after a dismissed run, or
/// after it was enabled, is *scheduled* and not *registered*.
///
/// # Errors
/// Where the database fails.
pub async fn is_scheduled(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM profile JOIN connector ON connector.id = profile.connector \
         WHERE connector.id = $1 AND NOT paused AND active AND scheduled)",
    )
    .bind(connector.to_string())
    .fetch_one(connection)
    .await
}
