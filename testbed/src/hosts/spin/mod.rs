//! A host for the Spin component: wasmtime with the interfaces of Spin 4.1 and its HTTP behaviour.
//!
//! It takes a component built with spin-sdk 7 (`wasi:http/handler@0.3.0`) and imitates what a test can tell apart: reuse of instances, the
//! `spin-*` request headers, empty 500 responses, `access-denied` for a store that was not granted, `undefined` for a missing variable.

mod atomics;
mod bindings;
mod component;
mod faults;
mod guest_log;
mod instance;
mod key_value;
mod outbound;
mod server;
mod store;
mod variables;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use tokio::{runtime, sync::oneshot};

pub use component::Component;
pub use faults::{Faults, StoreFault};
pub use instance::Reuse;
pub use store::{KvStore, KvUse};

use crate::clock::Clock;
use guest_log::GuestLog;
use instance::{App, Instances};
use outbound::AllowedHosts;
use server::Server;

/// Threads that run the component and its connections. Two, so that a component that computes does not stop the others from being served.
const THREADS: usize = 2;

/// How long stopping waits for a component that is still computing.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// How a Spin application is configured.
#[derive(Clone, Debug)]
pub struct SpinOptions {
    /// The variables. One that is missing reads as `undefined`.
    pub variables: BTreeMap<String, String>,
    /// The stores granted to the component, by label, with what they contain at the start. Spin's usual label is `default`.
    pub stores: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// The wall clock that the component sees. Its monotonic clock, and so its timers, are the machine's.
    pub clock: Clock,
    /// Where to listen; a free port of 127.0.0.1 when `None`.
    pub listen: Option<SocketAddr>,
    /// How many requests an instance serves.
    pub reuse: Reuse,
    /// Faults of the stores. Keep a clone to change them while the host runs.
    pub faults: Faults,
    /// Hosts that the component may call, in the manifest's notation: `http://127.0.0.1:8080`.
    pub allowed_outbound_hosts: Vec<String>,
    /// A request without a response after this time is answered with 500 and its instance ended.
    pub request_timeout: Duration,
}

impl Default for SpinOptions {
    /// No variable, an empty store `default`, the machine's clock, Spin's reuse, no faults, no outgoing calls, 30 s for a request.
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            stores: BTreeMap::from([("default".to_owned(), BTreeMap::new())]),
            clock: Clock::default(),
            listen: None,
            reuse: Reuse::SPIN,
            faults: Faults::default(),
            allowed_outbound_hosts: Vec::new(),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// A running Spin application. Dropping it stops it.
pub struct SpinHost {
    address: SocketAddr,
    app: Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SpinHost {
    /// Starts the application on threads of its own; it accepts requests when this returns.
    ///
    /// # Errors
    /// When the address is taken, an allowed host cannot be parsed, or the component imports what the host does not provide.
    pub fn start(component: &Component, options: SpinOptions) -> Result<Self> {
        let app = Arc::new(App {
            variables: options.variables,
            stores: options.stores.into_iter().map(|(label, contents)| (label, KvStore::new(contents))).collect(),
            faults: options.faults,
            clock: options.clock,
            log: GuestLog::default(),
            allowed_hosts: AllowedHosts::parse(&options.allowed_outbound_hosts)?,
            reuse: options.reuse,
            request_timeout: options.request_timeout,
        });
        let instances = Instances::new(component, app.clone()).map_err(anyhow::Error::from).context(
            "the component does not fit the Spin host: build it with spin-sdk 7 for wasm32-wasip2 and only the features http, key-value and variables",
        )?;
        let wanted = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listener = TcpListener::bind(wanted).with_context(|| format!("cannot listen on {wanted}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .thread_name("spin-host")
            .build()?;
        let server = Server::new(instances, app.log.clone());
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("spin-host".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server.run(listener) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(STOP_WAIT);
        })?;
        Ok(Self { address, app, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store with this label, to read and to change from outside.
    ///
    /// # Errors
    /// When no store of that label was granted.
    pub fn store(&self, label: &str) -> Result<&KvStore> {
        let known = || self.app.stores.keys().cloned().collect::<Vec<_>>().join(", ");
        self.app.stores.get(label).ok_or_else(|| anyhow!("no store {label:?} was granted; granted are: {}", known()))
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.app.faults
    }

    /// What the component wrote to its standard output and error, and the host's remarks on failed requests, newest last.
    pub fn log(&self) -> String {
        self.app.log.text()
    }
}

impl Drop for SpinHost {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has nothing to report: a panic in it was printed already.
            let _ = thread.join();
        }
    }
}
