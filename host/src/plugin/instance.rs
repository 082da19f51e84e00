//! One sandbox: an instance with its store, and the calls into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;

use super::bindings::connector::plugin::contract as wit;
use super::bindings::{Connector, ConnectorPre};
use super::convert::{self, Border, Emitted};
use super::engine::Engine;
use super::load::Plugin;
use super::state::{Session, State};
use super::{CallError, harmless};
use crate::contract::{
    Candidates, CheckLine, Description, GroupLink, Opening, Problem, TransformMap,
};
use crate::directory::{Cursor, Mode, PageCommit, Partition};
use crate::egress::Connection;
use crate::limits::Limits;
use crate::settings::PluginSettings;

/// A sandbox. Dropping it gives its place in the pool back.
pub struct Instance {
    store: Store<State>,
    hooks: Connector,
    limits: Arc<Limits>,
    /// What the plugin says of itself; absent while it is asked for that.
    declared: Option<Arc<Description>>,
    last: CallUse,
    #[cfg(feature = "observe")]
    observer: Option<super::engine::Observer>,
    _place: OwnedSemaphorePermit,
}

/// What one call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallUse {
    /// The most linear memory that its instance has had, in bytes.
    pub memory: usize,
    /// CPU time in milliseconds.
    pub cpu_ms: u64,
    /// Wall-clock time in milliseconds.
    pub wall_ms: u64,
    /// What it emitted.
    pub emitted: Emitted,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// What a run is about, ready to be handed to a plugin as often as it takes.
#[derive(Debug, Clone)]
pub struct RunRequest(wit::Request);

impl RunRequest {
    /// The request of a run of this kind. A snapshot has no cursor.
    #[must_use]
    pub fn new(
        settings: &PluginSettings,
        map: &TransformMap,
        links: &[GroupLink],
        mode: Mode,
        cursor: Option<&Cursor>,
    ) -> Self {
        Self(convert::request(settings, map, links, mode, cursor))
    }
}

/// Runs a call with its budgets, and ends with its value or [`CallError`].
macro_rules! call {
    ($self:ident, $cpu_ms:expr, $wall_ms:expr, $hook:ident($($argument:expr),*)) => {{
        let (cpu_ms, wall_ms): (u64, u64) = ($cpu_ms, $wall_ms);
        $self.refill(cpu_ms);
        let began = Instant::now();
        let hooks = $self.hooks.connector_plugin_hooks();
        let clock = $self.store.data().meter.clock.clone();
        let outcome = tokio::time::timeout(
            Duration::from_millis(wall_ms),
            clock.during(hooks.$hook(&mut $self.store, $($argument),*)),
        )
        .await;
        $self.note_use(began);
        #[cfg(feature = "observe")]
        $self.show_memories();
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(explain(&$self.store, &$self.limits, cpu_ms, &error)),
            Err(_) => Err(CallError::Wall(wall_ms)),
        }
    }};
}

impl Instance {
    pub(super) async fn open(
        plugin: &Plugin,
        session: Option<&Session>,
    ) -> Result<Self, CallError> {
        let engine = &plugin.engine;
        let limits = Arc::clone(&plugin.limits);
        let made = Self::create(engine, &plugin.pre, session, &engine.slots, limits).await?;
        Ok(Self {
            declared: Some(plugin.declared()),
            ..made
        })
    }

    pub(super) async fn describe(
        engine: &Engine,
        pre: &ConnectorPre<State>,
        limits: Arc<Limits>,
    ) -> Result<Description, CallError> {
        let budget = limits.describe_ms;
        // Its start-up is a part of it.
        let limits = Arc::new(Limits {
            cpu_ms: limits.cpu_ms.min(budget),
            wall_ms: limits.wall_ms.min(budget),
            ..Limits::clone(&limits)
        });
        let mut instance = Self::create(engine, pre, None, &engine.spare, limits).await?;
        let description = call!(instance, budget, budget, call_describe())?;
        convert::description(description)
    }

    async fn create(
        engine: &Engine,
        pre: &ConnectorPre<State>,
        session: Option<&Session>,
        places: &Arc<Semaphore>,
        limits: Arc<Limits>,
    ) -> Result<Self, CallError> {
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .map_err(|error| CallError::NoInstance(error.to_string()))?;
        let mut store = Store::new(&engine.inner, State::new(session, &limits));
        store.set_hostcall_fuel(limits.call_bytes);
        store.limiter(|state| &mut state.meter);
        // A deadline before instantiation: a start function may loop, too.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().tick()));
        store.data_mut().meter.allow(limits.cpu_ms);
        let clock = store.data().meter.clock.clone();
        let made = clock.during(pre.instance_pre().instantiate_async(&mut store));
        let instance = match tokio::time::timeout(limits.wall(), made).await {
            Ok(Ok(instance)) => instance,
            Ok(Err(error)) => {
                return match explain(&store, &limits, limits.cpu_ms, &error) {
                    CallError::Trap(reason) => Err(CallError::NoInstance(reason)),
                    limit => Err(limit),
                };
            }
            Err(_) => return Err(CallError::Wall(limits.wall_ms)),
        };
        // Only now are the types of its exports looked at.
        let hooks = Connector::new(&mut store, &instance)
            .map_err(|error| CallError::Misfit(harmless(&format!("{error:#}"), 500)))?;
        Ok(Self {
            store,
            hooks,
            limits,
            declared: None,
            last: CallUse::default(),
            #[cfg(feature = "observe")]
            observer: engine.observer.clone(),
            _place: place,
        })
    }

    fn refill(&mut self, cpu_ms: u64) {
        self.store.data_mut().meter.allow(cpu_ms);
        self.store.set_epoch_deadline(1);
    }

    fn note_use(&mut self, began: Instant) {
        let meter = &self.store.data().meter;
        self.last = CallUse {
            memory: meter.peak(),
            cpu_ms: millis(meter.clock.used()),
            wall_ms: millis(began.elapsed()),
            emitted: Emitted::default(),
        };
    }

    /// Shows every linear memory to the engine's observer, if it has one.
    #[cfg(feature = "observe")]
    fn show_memories(&mut self) {
        let Some(observer) = &self.observer else {
            return;
        };
        for instance in self.store.debug_all_instances() {
            for index in 0.. {
                let Some(memory) = instance.debug_memory(&mut self.store, index) else {
                    break;
                };
                observer(memory.data(&self.store));
            }
        }
    }

    /// What the latest call used, also one that failed.
    #[must_use]
    pub fn last_use(&self) -> CallUse {
        self.last
    }

    fn border(&self) -> Border<'_> {
        Border {
            limits: &self.limits,
            group_kinds: self
                .declared
                .as_deref()
                .map_or(&[][..], |description| description.group_kinds.as_slice()),
        }
    }

    /// Checks settings and tells where to connect; `Ok(Err(..))` are the administrator's mistakes.
    ///
    /// # Errors
    /// [`CallError`] where the plugin failed.
    pub async fn connect(
        &mut self,
        settings: &PluginSettings,
    ) -> Result<Result<Connection, Vec<Problem>>, CallError> {
        let settings = convert::settings(settings);
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_connect(&settings)
        )?;
        Ok(match outcome {
            Ok(connection) => Ok(convert::connection(connection)?),
            Err(problems) => Err(convert::problems(problems)),
        })
    }

    /// The connection test.
    ///
    /// # Errors
    /// [`CallError`] where nothing could be tested.
    pub async fn check(&mut self, request: &RunRequest) -> Result<Vec<CheckLine>, CallError> {
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_check(&request.0)
        )?;
        outcome
            .map(convert::check_lines)
            .map_err(|fault| CallError::Fault(convert::fault(fault)))
    }

    /// A page of groups whose names begin with `name`.
    ///
    /// # Errors
    /// [`CallError`] where the source can't be asked.
    pub async fn discover(
        &mut self,
        request: &RunRequest,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CallError> {
        let query = wit::Query {
            name: name.map(str::to_owned),
            page: page.map(str::to_owned),
        };
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_discover(&request.0, &query)
        )?;
        match outcome {
            Ok(candidates) => convert::candidates(candidates, self.limits.state_bytes),
            Err(fault) => Err(CallError::Fault(convert::fault(fault))),
        }
    }

    /// Opens a run.
    ///
    /// # Errors
    /// [`CallError`] where it can't begin.
    pub async fn plan(&mut self, request: &RunRequest) -> Result<Opening, CallError> {
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_plan(&request.0)
        )?;
        match outcome {
            Ok(opening) => self.border().opening(opening),
            Err(fault) => Err(CallError::Fault(convert::fault(fault))),
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`CallError`] where it couldn't be read; unless it is a fault, the instance is of no use any more.
    pub async fn read(
        &mut self,
        request: &RunRequest,
        partition: &Partition,
        checkpoint: Option<&str>,
    ) -> Result<PageCommit, CallError> {
        let arguments = convert::partition_out(partition);
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_read(&request.0, &arguments, checkpoint)
        )?;
        match outcome {
            Ok(page) => {
                let (page, emitted) = self.border().page(partition, page)?;
                self.last.emitted = emitted;
                Ok(page)
            }
            Err(fault) => Err(CallError::Fault(convert::fault(fault))),
        }
    }

    /// Every problem of a map.
    ///
    /// # Errors
    /// [`CallError`] where the plugin failed.
    pub async fn validate(&mut self, map: &TransformMap) -> Result<Vec<Problem>, CallError> {
        let map = convert::map_out(map);
        let problems = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_validate(&map)
        )?;
        Ok(convert::problems(problems))
    }

    /// What a map makes of a sample record, as JSON text; `Ok(Err(..))` are the map's or the
    /// sample's problems.
    ///
    /// # Errors
    /// [`CallError`] where the plugin failed.
    pub async fn preview(
        &mut self,
        map: &TransformMap,
        sample: &str,
    ) -> Result<Result<String, Vec<Problem>>, CallError> {
        let map = convert::map_out(map);
        let outcome = call!(
            self,
            self.limits.cpu_ms,
            self.limits.wall_ms,
            call_preview(&map, sample)
        )?;
        match outcome {
            Ok(document) => {
                self.border().document("preview", &document)?;
                Ok(Ok(document))
            }
            Err(problems) => Ok(Err(convert::problems(problems))),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What stopped a call, from what the store remembers and what wasmtime says.
fn explain(
    store: &Store<State>,
    limits: &Limits,
    cpu_ms: u64,
    error: &wasmtime::Error,
) -> CallError {
    let meter = &store.data().meter;
    if meter.cpu_spent {
        return CallError::Cpu(cpu_ms);
    }
    match meter.refused {
        Some("memory") => CallError::Memory {
            what: "memory",
            limit: format!("{} MiB", limits.memory >> 20),
        },
        Some(what) => CallError::Memory {
            what,
            limit: format!("{} elements", limits.table_elements),
        },
        None => {
            // The root cause says what happened; the chain above it is a backtrace of mangled names.
            let trap = error
                .downcast_ref::<wasmtime::Trap>()
                .map_or_else(|| format!("{:#}", error.root_cause()), ToString::to_string);
            CallError::Trap(harmless(&trap, 500))
        }
    }
}
