//! The process: one wasmtime engine, its pool of instances and its clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};
use wasmtime_wasi::p2::bindings::{cli, random};
use wasmtime_wasi::{WasiView, cli::WasiCli, cli::WasiCliView, random::WasiRandom};

use super::PluginError;
use super::bindings::Connector;
use super::code::CodeCache;
use super::state::State;
use crate::limits::{Ceiling, LimitPolicy};

/// How often the CPU time of a call is looked at. A shorter tick costs more wake-ups, a longer one lets a
/// loop run on.
const TICK: Duration = Duration::from_millis(10);

/// Compiles and runs plugins. One for a process; clones share everything.
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: wasmtime::Engine,
    pub(super) linker: Arc<Linker<State>>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) spare: Arc<Semaphore>,
    pub(super) code: Option<Arc<CodeCache>>,
    #[cfg(feature = "observe")]
    pub(super) observer: Option<Observer>,
    limits: Arc<LimitPolicy>,
}

/// Sees each linear memory of an instance, after each call into it.
#[cfg(feature = "observe")]
pub type Observer = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine whose pool holds as many instances as `limits` lets work at the same time, each with as
    /// much memory as the most generous of them.
    ///
    /// Compiled code is kept in the folder `code`, which only this host may write to; without one
    /// each process compiles anew (about a second for each plugin).
    ///
    /// # Errors
    /// [`PluginError::Engine`] where a limit can't be kept or the machine can't give what the pool
    /// reserves.
    pub fn new(limits: impl Into<LimitPolicy>, code: Option<&Path>) -> Result<Self, PluginError> {
        Self::with_config(limits.into(), code, config)
    }

    /// Instances that are at work now, and how many may be.
    #[must_use]
    pub fn instances(&self) -> (usize, usize) {
        let all = self.limits.ceiling().in_flight;
        (all.saturating_sub(self.slots.available_permits()), all)
    }

    /// An engine whose instances can be looked into. Its code is slower.
    ///
    /// # Errors
    /// As [`Engine::new`].
    #[cfg(feature = "observe")]
    pub fn observed(
        limits: impl Into<LimitPolicy>,
        code: Option<&Path>,
        observer: Observer,
    ) -> Result<Self, PluginError> {
        let engine = Self::with_config(limits.into(), code, |ceiling| {
            let mut config = config(ceiling);
            config.guest_debug(true);
            config
        })?;
        Ok(Self {
            observer: Some(observer),
            ..engine
        })
    }

    fn with_config(
        limits: LimitPolicy,
        code: Option<&Path>,
        config: impl FnOnce(Ceiling) -> Config,
    ) -> Result<Self, PluginError> {
        limits
            .check()
            .map_err(|error| PluginError::Engine(error.to_string()))?;
        let ceiling = limits.ceiling();
        let engine = |error: wasmtime::Error| PluginError::Engine(format!("{error:#}"));
        let inner = wasmtime::Engine::new(&config(ceiling)).map_err(engine)?;
        start_ticker(&inner)?;
        let linker = linker(&inner).map_err(engine)?;
        let code = code.and_then(|folder| {
            CodeCache::open(folder, &inner)
                .inspect_err(|error| tracing::warn!("compiled code is not kept: {error}"))
                .ok()
        });
        Ok(Self {
            inner,
            linker: Arc::new(linker),
            slots: Arc::new(Semaphore::new(ceiling.in_flight)),
            spare: Arc::new(Semaphore::new(SPARE as usize)),
            code: code.map(Arc::new),
            #[cfg(feature = "observe")]
            observer: None,
            limits: Arc::new(limits),
        })
    }

    /// The operator's limits.
    #[must_use]
    pub fn limits(&self) -> &LimitPolicy {
        &self.limits
    }
}

/// Every number of the pool follows from the limits. An exhausted pool is an error, so the
/// semaphore in front of it hands out exactly as many places as there are.
fn config(ceiling: Ceiling) -> Config {
    let instances = u32::try_from(ceiling.in_flight).unwrap_or(u32::MAX - SPARE) + SPARE;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        // A component is a few core modules: the plugin's and the adapters that tooling adds.
        .max_core_instances_per_component(16)
        .total_core_instances(instances.saturating_mul(16))
        .max_memories_per_component(4)
        .total_memories(instances.saturating_mul(2))
        .max_tables_per_component(16)
        .total_tables(instances.saturating_mul(8))
        .table_elements(ceiling.table_elements)
        .max_memory_size(ceiling.memory)
        // Pages that stay mapped in a free slot: saves faults at the next partition.
        .linear_memory_keep_resident(1 << 20);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Places of the pool beyond those for partitions: describing a plugin must not wait for a run that
/// fills the pool.
const SPARE: u32 = 2;

/// Advances the epoch that CPU budgets are counted in. Ends with the engine.
fn start_ticker(engine: &wasmtime::Engine) -> Result<(), PluginError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("plugin-epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map_err(|error| PluginError::Engine(format!("no thread for the clock: {error}")))?;
    Ok(())
}

/// What `wit/world.wit` promises, and nothing else: what isn't linked can't be used.
fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    let l = &mut linker;
    random::insecure::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    Connector::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    Ok(linker)
}
