//! What connectors hold and when their secrets end, for whoever reads the metrics.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::catalog::{Catalog, Connector, ConnectorFilter};
use crate::clock::Clock;
use crate::control_plane::ControlPlane;
use crate::directory::Directory;
use crate::metrics::{Gauges, Sampler};

/// Connectors are read so many at a time.
const PAGE: u32 = 500;

/// Sets the gauges of single connectors.
pub(super) struct Holdings {
    catalog: Arc<Catalog>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
}

impl Holdings {
    pub(super) fn of(plane: &ControlPlane) -> Self {
        Self {
            catalog: Arc::clone(&plane.catalog),
            directory: Arc::clone(&plane.directory),
            clock: Arc::clone(&plane.clock),
        }
    }

    async fn read(&self, gauges: &Gauges) -> anyhow::Result<()> {
        let held = self.directory.connectors().await?;
        let mut after: Option<String> = None;
        loop {
            let filter = ConnectorFilter::default();
            let (connectors, _) = self
                .catalog
                .connectors(&filter, after.as_deref(), PAGE)
                .await?;
            for connector in &connectors {
                let id = connector.id.to_string();
                if let Some(record) = held.iter().find(|record| record.name == id) {
                    gauges.held(
                        &connector.name,
                        record.users,
                        record.groups,
                        record.memberships,
                    );
                }
                self.expiries(connector, gauges);
            }
            match connectors.last() {
                Some(last) => after = Some(last.position()),
                None => return Ok(()),
            }
        }
    }

    fn expiries(&self, connector: &Connector, gauges: &Gauges) {
        let now = self.clock.now();
        for secret in &connector.secrets {
            // The whole of its last day counts.
            let end = secret
                .expires_on
                .and_then(|day| day.tomorrow().ok())
                .map(|day| day.to_datetime(Time::midnight()))
                .and_then(|end| TimeZone::UTC.to_timestamp(end).ok());
            if let Some(end) = end {
                let left = end.duration_since(now).as_secs_f64();
                gauges.secret_expiry(&connector.name, &secret.name, left);
            }
        }
    }
}

#[async_trait]
impl Sampler for Holdings {
    async fn sample(&self, gauges: &Gauges) {
        if let Err(error) = self.read(gauges).await {
            tracing::warn!("what connectors hold could not be counted: {error:#}");
        }
    }
}
