//! The life of an instance: what it may use, how many requests it takes, when it ends.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::Sleep;
use wasmtime::{
    Store, StoreContextMut, StoreLimits, StoreLimitsBuilder,
    component::{GuestTaskId, HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    handler::{HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus},
    p3::bindings::ServicePre,
};

use super::{
    Component, bindings,
    faults::Faults,
    guest_log::GuestLog,
    outbound::{AllowedHosts, Outbound},
    store::KvStore,
};
use crate::clock::Clock;

/// Memory of one instance, as on Akamai Functions (https://techdocs.akamai.com/akamai-functions, limits).
const MAX_MEMORY: usize = 128 << 20;

/// An instance without requests is kept this long, as Spin does by default.
const IDLE_LIFE: Duration = Duration::from_secs(1);

/// What all instances of one application share.
pub(super) struct App {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) stores: BTreeMap<String, KvStore>,
    pub(super) faults: Faults,
    pub(super) clock: Clock,
    pub(super) log: GuestLog,
    pub(super) allowed_hosts: AllowedHosts,
    pub(super) reuse: Reuse,
    pub(super) request_timeout: Duration,
}

/// How many requests an instance serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Requests before it is replaced.
    pub total: usize,
    /// Requests at once.
    pub concurrent: usize,
}

impl Reuse {
    /// Spin's default.
    pub const SPIN: Self = Self { total: 128, concurrent: 16 };
    /// A fresh instance for each request.
    pub const NONE: Self = Self { total: 1, concurrent: 1 };
}

/// What belongs to one instance.
pub(super) struct State {
    pub(super) app: Arc<App>,
    pub(super) table: ResourceTable,
    pub(super) open_stores: u32,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

struct WallClock(Clock);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.since_epoch()
    }
}

/// Makes the instances of one application.
pub(super) struct Instances {
    app: Arc<App>,
    pre: ServicePre<State>,
}

impl Instances {
    pub(super) fn new(component: &Component, app: Arc<App>) -> wasmtime::Result<Self> {
        let mut linker = Linker::<State>::new(component.0.engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        bindings::SpinHost::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        Ok(Self { app, pre: ServicePre::new(linker.instantiate_pre(&component.0)?)? })
    }
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(self.app.log.clone()).stderr(self.app.log.clone()).wall_clock(WallClock(self.app.clock.clone()));
        let state = State {
            app: self.app.clone(),
            table: ResourceTable::new(),
            open_stores: 0,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound(self.app.allowed_hosts.clone()),
            limits: StoreLimitsBuilder::new().memory_size(MAX_MEMORY).build(),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let proxy = ProxyPre::P3(self.pre.clone()).instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: Expiration {
                request_timeout: self.app.request_timeout,
                sleep: Box::pin(tokio::time::sleep(IDLE_LIFE)),
            },
            state: Worker { app: self.app.clone() },
        })
    }
}

/// Ends an instance that has been idle, or busy with its last request, for too long. It is asked from outside the component's event loop, so it
/// works for one that never gives way by itself.
pub(super) struct Expiration {
    request_timeout: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        let life = match status {
            WorkerStatus::Idle => IDLE_LIFE,
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.request_timeout,
        };
        let deadline = tokio::time::Instant::from_std(start + life);
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// Decides whether an instance takes another request.
pub(super) struct Worker {
    app: Arc<App>,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.app.reuse.total {
            ShouldAccept::Never
        } else if concurrent >= self.app.reuse.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(tokio::time::sleep(self.app.request_timeout))
    }

    fn drop(&self, _: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            self.app.log.remark(&format!("an instance ended: {error:?}"));
        }
    }
}
