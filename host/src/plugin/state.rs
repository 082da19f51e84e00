//! What a store holds for one instance: its view of the world, and its meters.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::connector::plugin::{budget, contract, credentials, directory, log};
use super::cpu::CpuClock;
use super::http::Hooks;
use super::log::{Level, RunLog};
use crate::directory::{ConnectorKey, Directory};
use crate::egress::{Gateway, Grant, Refusal};
use crate::limits::Limits;

/// What an instance may reach: the network through a gateway, the run's log, and what the directory
/// holds of its connector.
#[derive(Clone)]
pub struct Session {
    /// The connection's way out.
    pub gateway: Arc<Gateway>,
    /// Where the plugin's messages go.
    pub log: Arc<RunLog>,
    /// The connector's part of the directory; absent where nothing is synchronised yet.
    pub directory: Option<(Arc<dyn Directory>, ConnectorKey)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// How many objects a plugin may ask about at once; the contract says so too.
const MAX_HOLDS: usize = 10_000;

/// The data of one store.
pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: Hooks,
    gateway: Option<Arc<Gateway>>,
    log: Option<Arc<RunLog>>,
    directory: Option<(Arc<dyn Directory>, ConnectorKey)>,
    pub(super) meter: Meter,
}

impl State {
    pub(super) fn new(session: Option<&Session>, limits: &Limits) -> Self {
        let gateway = session.map(|s| Arc::clone(&s.gateway));
        let mut wasi = WasiCtx::builder();
        wasi.max_random_size(64 << 10);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes);
        Self {
            wasi: wasi.build(),
            table,
            http,
            hooks: Hooks::new(gateway.clone(), limits),
            gateway,
            log: session.map(|s| Arc::clone(&s.log)),
            directory: session.and_then(|s| s.directory.clone()),
            meter: Meter::new(limits),
        }
    }

    /// Called when the epoch passes the deadline: at most once a tick, and only while the guest computes.
    pub(super) fn tick(&mut self) -> UpdateDeadline {
        if self.meter.clock.used() <= self.meter.cpu_limit {
            return UpdateDeadline::Yield(1);
        }
        self.meter.cpu_spent = true;
        UpdateDeadline::Interrupt
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// Counts an instance's use of memory and CPU, and remembers which limit it met.
pub(super) struct Meter {
    memory: usize,
    peak: usize,
    memory_limit: usize,
    table_limit: usize,
    /// Counts the CPU time of the call under way.
    pub(super) clock: CpuClock,
    pub(super) cpu_limit: Duration,
    pub(super) cpu_spent: bool,
    pub(super) refused: Option<&'static str>,
}

impl Meter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            peak: 0,
            memory_limit: limits.memory,
            table_limit: limits.table_elements,
            clock: CpuClock::default(),
            cpu_limit: Duration::ZERO,
            cpu_spent: false,
            refused: None,
        }
    }

    /// Begins a call that may use so much CPU time.
    pub(super) fn allow(&mut self, cpu_ms: u64) {
        self.clock.reset();
        self.cpu_limit = Duration::from_millis(cpu_ms);
    }

    /// The most linear memory that it has had, in bytes, all memories together.
    pub(super) fn peak(&self) -> usize {
        self.peak
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // wasmtime asks for each memory alone; the budget is for all of them.
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.memory_limit {
            self.refused = Some("memory");
            wasmtime::bail!("the plugin wants more memory than it may have");
        }
        self.memory = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_limit {
            self.refused = Some("table");
            wasmtime::bail!("the plugin wants a larger table than it may have");
        }
        Ok(true)
    }
}

impl contract::Host for State {}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, message: String) {
        let Some(log) = &self.log else { return };
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        log.write(level, &message);
    }
}

impl credentials::Host for State {
    async fn ready(&mut self) -> Result<credentials::Grant, credentials::Refusal> {
        match &self.gateway {
            Some(gateway) => gateway.ready().await.map(grant).map_err(refusal),
            None => Err(no_session()),
        }
    }

    async fn renew(&mut self) -> Result<credentials::Grant, credentials::Refusal> {
        match &self.gateway {
            Some(gateway) => gateway.renew().await.map(grant).map_err(refusal),
            None => Err(no_session()),
        }
    }
}

impl budget::Host for State {
    async fn settle(&mut self, estimated: u32, actual: u32) {
        if let Some(gateway) = &self.gateway {
            gateway.settle(estimated, actual);
        }
    }
}

impl directory::Host for State {
    async fn holds(&mut self, ids: Vec<String>) -> wasmtime::Result<Vec<bool>> {
        if ids.len() > MAX_HOLDS {
            wasmtime::bail!("asked what is held of {} objects at once", ids.len());
        }
        let Some((directory, connector)) = &self.directory else {
            return Ok(vec![false; ids.len()]);
        };
        Ok(directory.holds(*connector, &ids).await?)
    }

    async fn seen(&mut self, stream: contract::Stream) -> wasmtime::Result<u64> {
        let Some((directory, connector)) = &self.directory else {
            return Ok(0);
        };
        let stream = super::convert::stream(stream);
        Ok(directory.seen(*connector, stream).await?)
    }
}

fn grant(grant: Grant) -> credentials::Grant {
    credentials::Grant {
        roles: grant.roles,
        expires_in: grant.expires_in,
    }
}

fn refusal(refusal: Refusal) -> credentials::Refusal {
    credentials::Refusal {
        status: refusal.status,
        error: refusal.error,
        description: refusal.description,
    }
}

fn no_session() -> credentials::Refusal {
    credentials::Refusal {
        status: 0,
        error: "denied".into(),
        description: "this call may not use the network".into(),
    }
}
