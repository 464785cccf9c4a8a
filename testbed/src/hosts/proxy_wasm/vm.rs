//! A module at work.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use wasmtime::{Instance, Linker, Store, WasmParams, WasmResults};

use super::{
    callout::{Callout, CalloutReply},
    error::{ConfigureError, LogLine, Trap, VmError},
    host::{Exports, Host, Plugin},
    imports,
    metrics::{Metric, Metrics},
    module::Module,
    shared_data::SharedData,
    stream::Outcome,
};
use crate::clock::Clock;

/// The fuel that each callback gets: one unit is about one instruction of wasm, so this is about a second. A callback that needs it loops.
pub const DEFAULT_FUEL: u64 = 2_000_000_000;

/// What a VM starts with.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// The time that the module sees.
    pub clock: Clock,
    /// The id of the VM, a property that the module can read.
    pub vm_id: String,
    /// The configuration of the VM, not of a plugin.
    pub vm_config: Vec<u8>,
    /// The data that it shares with others.
    pub shared_data: SharedData,
    /// The clusters that calls may go to; every one when nothing is said.
    pub clusters: Option<BTreeSet<String>>,
    /// The fuel of each callback.
    pub fuel: u64,
}

impl Default for VmOptions {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            vm_id: "jackstaff".into(),
            vm_config: Vec::new(),
            shared_data: SharedData::default(),
            clusters: None,
            fuel: DEFAULT_FUEL,
        }
    }
}

/// A plugin configuration in a VM: a root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PluginId(pub(super) u32);

/// A request in a VM: an HTTP context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub(super) u32);

type Answer = Box<dyn FnMut(&Callout) -> CalloutReply + Send>;

/// One instance of a module, as Envoy has one per thread.
pub struct Vm {
    pub(super) store: Store<Host>,
    instance: Instance,
    pub(super) answer: Answer,
    /// What became of requests whose sender has not asked yet.
    pub(super) outcomes: HashMap<u32, Outcome>,
    fuel: u64,
    fuel_used: u64,
    last_context: u32,
    dead: bool,
}

impl Vm {
    /// Starts a module.
    ///
    /// # Errors
    /// When it imports what Envoy does not have, is for another version of the ABI, or traps.
    pub fn new(module: &Module, options: VmOptions) -> Result<Self> {
        let engine = module.0.engine();
        ensure!(
            module.0.get_export("proxy_abi_version_0_2_1").is_some(),
            "the module is not for the proxy-wasm ABI 0.2.1: it does not export proxy_abi_version_0_2_1"
        );
        let host = Host {
            clock: options.clock,
            vm_id: options.vm_id,
            vm_config: options.vm_config,
            shared_data: options.shared_data,
            clusters: options.clusters,
            exports: None,
            plugins: HashMap::new(),
            streams: HashMap::new(),
            effective: 0,
            configuring: None,
            logs: Vec::new(),
            metrics: Metrics::default(),
            callouts: Vec::new(),
            last_token: 0,
            reply: None,
            random: RandomState::new().hash_one(0),
        };
        let mut store = Store::new(engine, host);
        store.set_fuel(options.fuel)?;
        let mut linker = Linker::new(engine);
        imports::define(&mut linker, &module.0)?;
        let instance = linker.instantiate(&mut store, &module.0).map_err(anyhow::Error::from);
        let instance = instance.context("the module does not start; what it imports, Envoy must have")?;
        let memory = instance.get_memory(&mut store, "memory").context("the module exports no memory")?;
        let allocate = instance
            .get_typed_func(&mut store, "proxy_on_memory_allocate")
            .or_else(|_| instance.get_typed_func(&mut store, "malloc"))
            .ok()
            .context("the module exports neither proxy_on_memory_allocate nor malloc")?;
        store.data_mut().exports = Some(Exports { memory, allocate });
        let answer = Box::new(|_: &Callout| CalloutReply::unreachable());
        let mut vm = Self {
            store,
            instance,
            answer,
            outcomes: HashMap::new(),
            fuel: options.fuel,
            fuel_used: 0,
            last_context: 0,
            dead: false,
        };
        // A reactor's start, or else a program's. With a reactor, `main` follows where there is one.
        if vm.call::<_, ()>("_initialize", 0, ())?.is_some() {
            vm.call::<_, i32>("main", 0, (0, 0))?;
        } else {
            vm.call::<_, ()>("_start", 0, ())?;
        }
        Ok(vm)
    }

    /// Sets what answers the module's calls in [`Vm::settle`] and [`Vm::request`]. Until then every cluster is unreachable.
    pub fn answer_with(&mut self, answer: impl FnMut(&Callout) -> CalloutReply + Send + 'static) {
        self.answer = Box::new(answer);
    }

    /// Gives the module a plugin configuration, beside those that it has.
    ///
    /// # Errors
    /// When the module rejects it, with what it logged meanwhile, or traps.
    pub fn configure(&mut self, plugin_config: &[u8]) -> Result<PluginId, ConfigureError> {
        let root = self.next_context();
        let logged = self.store.data().logs.len();
        let plugin = Plugin { name: format!("plugin-{root}"), config: plugin_config.to_vec(), tick_millis: 0 };
        self.store.data_mut().plugins.insert(root, plugin);
        let accepted = self.start_plugin(root);
        self.store.data_mut().configuring = None;
        match accepted {
            Ok(true) => return Ok(PluginId(root)),
            Ok(false) => {}
            Err(error) => return Err(error.into()),
        }
        let host = self.store.data_mut();
        host.plugins.remove(&root);
        Err(ConfigureError::Rejected { logs: host.logs.split_off(logged) })
    }

    fn start_plugin(&mut self, root: u32) -> Result<bool, VmError> {
        self.call::<_, ()>("proxy_on_context_create", root, (root, 0))?;
        self.store.data_mut().configuring = Some(root);
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let vm_size = size(&self.store.data().vm_config);
        let plugin_size = self.store.data().plugins.get(&root).map_or(0, |plugin| size(&plugin.config));
        let started = self.call::<_, u32>("proxy_on_vm_start", root, (root, vm_size))?;
        if started == Some(0) {
            return Ok(false);
        }
        Ok(self.call::<_, u32>("proxy_on_configure", root, (root, plugin_size))? != Some(0))
    }

    /// Ends a plugin, as when its configuration is replaced.
    ///
    /// # Errors
    /// When the module traps or has no such plugin.
    pub fn remove(&mut self, plugin: PluginId) -> Result<(), VmError> {
        self.plugin(plugin)?;
        self.call::<_, u32>("proxy_on_done", plugin.0, plugin.0)?;
        self.call::<_, ()>("proxy_on_delete", plugin.0, plugin.0)?;
        let host = self.store.data_mut();
        host.plugins.remove(&plugin.0);
        host.callouts.retain(|callout| callout.root != plugin.0);
        Ok(())
    }

    /// Lets a plugin's timer fire. Calls that it makes wait for [`Vm::settle`] or [`Vm::answer`].
    ///
    /// # Errors
    /// When the module traps or has no such plugin.
    pub fn tick(&mut self, plugin: PluginId) -> Result<(), VmError> {
        self.plugin(plugin)?;
        self.call::<_, ()>("proxy_on_tick", plugin.0, plugin.0).map(drop)
    }

    /// How often a plugin asked to be ticked.
    pub fn tick_period(&self, plugin: PluginId) -> Option<Duration> {
        let millis = self.store.data().plugins.get(&plugin.0)?.tick_millis;
        (millis > 0).then(|| Duration::from_millis(millis.into()))
    }

    /// Everything logged since the last time that somebody took it.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.store.data_mut().logs)
    }

    /// The metrics that the module defined.
    pub fn metrics(&self) -> &[Metric] {
        self.store.data().metrics.all()
    }

    /// The data that the VM shares with others.
    pub fn shared_data(&self) -> &SharedData {
        &self.store.data().shared_data
    }

    /// The fuel that the callbacks have used since the start: about one unit per instruction, the same on every machine.
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// The size of the module's memory in bytes.
    pub fn memory_bytes(&self) -> usize {
        let exports = self.store.data().exports.as_ref();
        exports.map_or(0, |exports| exports.memory.data_size(&self.store))
    }

    /// Whether the module has trapped.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    pub(super) fn next_context(&mut self) -> u32 {
        self.last_context += 1;
        self.last_context
    }

    pub(super) fn plugin(&self, plugin: PluginId) -> Result<(), VmError> {
        if self.dead {
            return Err(VmError::Dead);
        }
        self.store.data().plugins.contains_key(&plugin.0).then_some(()).ok_or(VmError::Unknown("plugin"))
    }

    /// Calls a function of the module for a context, if the module has it.
    pub(super) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: &'static str,
        context: u32,
        arguments: P,
    ) -> Result<Option<R>, VmError> {
        if self.dead {
            return Err(VmError::Dead);
        }
        let Some(function) = self.instance.get_func(&mut self.store, callback) else {
            return Ok(None);
        };
        self.store.data_mut().effective = context;
        let result = function.typed::<P, R>(&self.store).and_then(|function| {
            self.store.set_fuel(self.fuel)?;
            function.call(&mut self.store, arguments)
        });
        let left = self.store.get_fuel().unwrap_or(0);
        self.fuel_used += self.fuel.saturating_sub(left);
        result.map(Some).map_err(|error| {
            self.dead = true;
            let out_of_fuel = matches!(error.downcast_ref(), Some(wasmtime::Trap::OutOfFuel));
            VmError::Trapped(Box::new(Trap {
                callback,
                cause: format!("{error:#}"),
                out_of_fuel,
                logs: self.take_logs(),
            }))
        })
    }
}

#[cfg(test)]
mod tests;
