//! The same component on an engine without any limits, to see what limits cost.

use std::time::{Duration, Instant};

use anyhow::Context;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::p2::bindings::random;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{ROUNDS, median, micros, row};

#[allow(missing_docs, clippy::all, reason = "generated code")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "connector:plugin/connector",
    });
}

use bindings::Connector;
use bindings::connector::plugin::contract::TransformMap;

/// Calls in one round.
const CALLS: u32 = 200;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    asked: usize,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.asked = self.asked.max(desired);
        Ok(desired <= 64 << 20)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

/// What stops a plugin that computes for too long.
#[derive(Clone, Copy, PartialEq)]
enum Brake {
    None,
    Epochs,
    Fuel,
}

struct Bench {
    store: Store<State>,
    hooks: Connector,
    map: TransformMap,
}

impl Bench {
    fn new(component: &[u8], brake: Brake) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config
            .epoch_interruption(brake == Brake::Epochs)
            .consume_fuel(brake == Brake::Fuel);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::<State>::new(&engine);
        // Mapping asks the host for nothing; randomness is what a hash table begins with.
        linker.define_unknown_imports_as_traps(&component)?;
        linker.allow_shadowing(true);
        random::random::add_to_linker::<State, WasiRandom>(&mut linker, |state| {
            state.ctx().ctx.random()
        })?;
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            asked: 0,
        };
        let mut store = Store::new(&engine, state);
        match brake {
            Brake::None => {}
            Brake::Epochs => {
                store.limiter(|state| state);
                store.set_epoch_deadline(1);
                store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
                let weak = engine.weak();
                std::thread::spawn(move || {
                    while let Some(engine) = weak.upgrade() {
                        engine.increment_epoch();
                        drop(engine);
                        std::thread::sleep(Duration::from_millis(10));
                    }
                });
            }
            Brake::Fuel => store.set_fuel(u64::MAX)?,
        }
        let hooks = Connector::instantiate(&mut store, &component, &linker)?;
        let description = hooks.connector_plugin_hooks().call_describe(&mut store)?;
        let map = description.maps.into_iter().next().context("a map")?;
        Ok(Self { store, hooks, map })
    }

    /// The time of one call, over a round of them.
    fn round(&mut self, sample: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        for _ in 0..CALLS {
            self.hooks
                .connector_plugin_hooks()
                .call_preview(&mut self.store, &self.map, sample)?
                .ok()
                .context("the sample fits the map")?;
        }
        Ok(began.elapsed() / CALLS)
    }
}

/// A call that only computes, without limits, with the host's, and with fuel in their place.
pub(super) fn cost_of_limits(component: &[u8], sample: &str) -> anyhow::Result<()> {
    let brakes = [Brake::None, Brake::Epochs, Brake::Fuel];
    let mut benches = brakes
        .iter()
        .map(|brake| Bench::new(component, *brake))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut times = brakes.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (bench, times) in benches.iter_mut().zip(&mut times) {
            times.push(bench.round(sample)?);
        }
    }
    let [free, limited, fuel] = times.map(median);
    let ratio = |time: Duration| format!("{:.2}", time.as_secs_f64() / free.as_secs_f64());
    row("mapping one record without limits", &micros(free));
    row(
        "the same with epochs and limiter, as a ratio",
        &ratio(limited),
    );
    row("the same with fuel, as a ratio", &ratio(fuel));
    Ok(())
}
