//! The services that ext_authz and ext_proc ask, with the injector that the filter has: one as people build it, one that costs as little as such a
//! service can.

mod by_hand;
mod protobuf;
mod tonic;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use jackstaff_core::Timestamp;
use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::identity::{Headers, Surroundings};
use jackstaff_service::injector::{Exchange, Injector};
use jackstaff_service::user_data::Recalled;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::LocalSet;

use crate::cpu::Clock;

/// How the service is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Of tonic and Envoy's generated types.
    Tonic,
    /// gRPC by hand on hyper.
    ByHand,
}

impl Make {
    pub const ALL: [Self; 2] = [Self::Tonic, Self::ByHand];

    /// What Envoy's configuration calls it.
    pub const fn cluster(self) -> &'static str {
        match self {
            Self::Tonic => "tonic",
            Self::ByHand => "by-hand",
        }
    }
}

/// A running service, on a thread of its own that ends with the process.
pub struct Decider {
    make: Make,
    address: SocketAddr,
    clock: Clock,
}

impl Decider {
    pub fn start(make: Make, config: &Value) -> Result<Self> {
        let config = config.to_string();
        let (ready, started) = mpsc::channel();
        thread::Builder::new().name(make.cluster().into()).spawn(move || {
            let failed = ready.clone();
            if let Err(error) = serve(make, &config, &ready) {
                // Nobody waits any more once it serves.
                let _ = failed.send(Err(error));
            }
        })?;
        let (address, clock) = started.recv().context("the service ended")??;
        Ok(Self { make, address, clock })
    }

    pub const fn make(&self) -> Make {
        self.make
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nanoseconds that its thread has run.
    pub fn cpu(&self) -> Result<u64> {
        self.clock.read()
    }
}

type Started = mpsc::Sender<Result<(SocketAddr, Clock)>>;

fn serve(make: Make, config: &str, ready: &Started) -> Result<()> {
    let config = FilterConfig::parse(config.as_bytes()).map_err(|errors| anyhow!("{errors:?}"))?;
    let (injector, _) = Injector::new(&config).map_err(|errors| anyhow!("{errors:?}"))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    ready.send(Ok((listener.local_addr()?, Clock::this_thread()?)))?;
    match make {
        Make::Tonic => runtime.block_on(tonic::serve(listener, injector)),
        Make::ByHand => LocalSet::new().block_on(&runtime, by_hand::serve(listener, injector)),
    }
}

/// The headers that a request gets: name and value.
fn decide(injector: &mut Injector, headers: &Headers<'_>) -> Vec<(String, Vec<u8>)> {
    let mut decided = Decided(Vec::new());
    // What is stored about users is not asked for, so it never waits.
    let _ = injector.inject(headers, &mut decided);
    decided.0
}

struct Decided(Vec<(String, Vec<u8>)>);

impl Surroundings for Decided {
    fn random(&mut self) -> Option<[u8; 16]> {
        None
    }

    fn property(&mut self, _path: &[String]) -> Option<Vec<u8>> {
        None
    }
}

impl Exchange for Decided {
    fn now(&mut self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    fn recall(&mut self, _id: &str) -> Poll<Option<Recalled<()>>> {
        Poll::Ready(None)
    }

    fn route(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn note(&mut self, _flags: &str) {}

    /// The requests here carry none of these headers.
    fn remove(&mut self, _name: &[u8]) {}

    fn set(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }
}
