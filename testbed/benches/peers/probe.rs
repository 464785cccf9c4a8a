//! Jackstaff's core as a WebAssembly module, in wasmtime.

use std::cell::RefCell;

use anyhow::{Context as _, Result};
use jackstaff_testbed::modules::Module;
use wasmtime::{Caller, Engine, Extern, Instance, Linker, Memory, Store, TypedFunc};

use crate::measure::{Work, thread_time};

/// The probe, loaded.
pub struct Probe {
    store: RefCell<Store<()>>,
    one: TypedFunc<u32, f64>,
    all: TypedFunc<u32, u32>,
    decide_all: TypedFunc<u32, u32>,
}

impl Probe {
    pub fn load(snapshot: &[u8], user: &str, flag: &str, now: i64) -> Result<Self> {
        let engine = Engine::default();
        let module = wasmtime::Module::from_file(&engine, Module::ProbeCore.path()?)?;
        let mut linker = Linker::new(&engine);
        // Hash maps ask for their keys: always the same ones, so that every run is alike.
        linker.func_wrap("wasi_snapshot_preview1", "random_get", |mut caller: Caller<'_, ()>, at: u32, len: u32| {
            let memory = caller.get_export("memory").and_then(Extern::into_memory);
            let memory = memory.ok_or_else(|| wasmtime::Error::msg("the probe exports no memory"))?;
            memory.write(&mut caller, at as usize, &vec![7; len as usize])?;
            Ok::<u32, wasmtime::Error>(0)
        })?;
        // The rest of WASI, which only a panic would call.
        linker.define_unknown_imports_as_traps(&module)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module)?;
        if let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            initialize.call(&mut store, ())?;
        }
        for (which, bytes) in (0..).zip([snapshot, user.as_bytes(), flag.as_bytes()]) {
            write(&mut store, &instance, which, bytes)?;
        }
        instance.get_typed_func::<i64, ()>(&mut store, "load")?.call(&mut store, now)?;
        Ok(Self {
            one: instance.get_typed_func(&mut store, "one")?,
            all: instance.get_typed_func(&mut store, "all")?,
            decide_all: instance.get_typed_func(&mut store, "decide_all")?,
            store: RefCell::new(store),
        })
    }

    /// The flag's value as the probe tells it.
    pub fn value(&self) -> Result<f64> {
        Ok(self.one.call(&mut *self.store.borrow_mut(), 1)?)
    }

    /// The length of the whole answer.
    pub fn answer_length(&self) -> Result<u32> {
        Ok(self.all.call(&mut *self.store.borrow_mut(), 1)?)
    }

    /// How many flags the user gets.
    pub fn flags(&self) -> Result<u32> {
        Ok(self.decide_all.call(&mut *self.store.borrow_mut(), 1)?)
    }

    /// One flag, in a loop inside of the module.
    pub fn one(&self) -> Work<'_> {
        self.inside(&self.one)
    }

    /// One flag for each call into the module.
    pub fn one_a_call(&self) -> Work<'_> {
        Box::new(|times| {
            let mut store = self.store.borrow_mut();
            let start = thread_time();
            for _ in 0..times {
                self.one.call(&mut *store, 1).expect("it answered before");
            }
            thread_time() - start
        })
    }

    /// From the user object to the answer's JSON.
    pub fn all(&self) -> Work<'_> {
        self.inside(&self.all)
    }

    /// Everything, in memory.
    pub fn decide_all(&self) -> Work<'_> {
        self.inside(&self.decide_all)
    }

    fn inside<'w, T: wasmtime::WasmResults>(&'w self, run: &'w TypedFunc<u32, T>) -> Work<'w> {
        Box::new(move |times| {
            let mut store = self.store.borrow_mut();
            let start = thread_time();
            run.call(&mut *store, times).expect("it answered before");
            thread_time() - start
        })
    }
}

fn write(store: &mut Store<()>, instance: &Instance, which: u32, bytes: &[u8]) -> Result<()> {
    let input = instance.get_typed_func::<(u32, u32), u32>(&mut *store, "input")?;
    let at = input.call(&mut *store, (which, u32::try_from(bytes.len())?))?;
    let memory: Memory = instance.get_memory(&mut *store, "memory").context("the probe exports no memory")?;
    Ok(memory.write(store, at as usize, bytes)?)
}
