//! `spin:key-value@3.0.0` over the stores in memory, answering as Spin does, with the faults that a test asks for.

use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::{
    bindings::key_value::{Error, Host, HostStore, HostStoreWithStore},
    faults::StoreFault,
    instance::State,
    store::KvStore,
};

/// Stores that one instance may have open at once, as in Spin (`DEFAULT_STORE_TABLE_CAPACITY` of its key-value factor).
const MAX_OPEN_STORES: u32 = 256;

/// A store that the component has opened.
pub struct OpenStore {
    label: String,
    store: KvStore,
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for State {}

impl HostStore for State {
    fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.open_stores = self.open_stores.saturating_sub(1);
        Ok(())
    }
}

impl<T> HostStoreWithStore<T> for HasSelf<State> {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Answer<Resource<OpenStore>> {
        let app = accessor.with(|mut access| access.get().app.clone());
        match app.faults.of(&label) {
            Some(StoreFault::AccessDenied) => return Ok(Err(Error::AccessDenied)),
            Some(StoreFault::NoSuchStore) => return Ok(Err(Error::NoSuchStore)),
            Some(StoreFault::Slow(delay)) => tokio::time::sleep(delay).await,
            Some(StoreFault::Fails(_) | StoreFault::FailsWrites(_)) | None => {}
        }
        let Some(store) = app.stores.get(&label).cloned() else {
            return Ok(Err(Error::AccessDenied));
        };
        accessor.with(|mut access| {
            let state = access.get();
            if state.open_stores >= MAX_OPEN_STORES {
                return Ok(Err(Error::StoreTableFull));
            }
            state.open_stores += 1;
            Ok(Ok(state.table.push(OpenStore { label, store })?))
        })
    }

    async fn get(accessor: &Accessor<T, Self>, this: Resource<OpenStore>, key: String) -> Answer<Option<Vec<u8>>> {
        reading(accessor, &this, |store| store.get(&key)).await
    }

    async fn exists(accessor: &Accessor<T, Self>, this: Resource<OpenStore>, key: String) -> Answer<bool> {
        reading(accessor, &this, |store| store.get(&key).is_some()).await
    }

    async fn set(accessor: &Accessor<T, Self>, this: Resource<OpenStore>, key: String, value: Vec<u8>) -> Answer<()> {
        writing(accessor, &this, |store| store.set(&key, value)).await
    }

    async fn delete(accessor: &Accessor<T, Self>, this: Resource<OpenStore>, key: String) -> Answer<()> {
        writing(accessor, &this, |store| {
            store.delete(&key);
        })
        .await
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        this: Resource<OpenStore>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (label, store) = opened(accessor, &this)?;
        store.count_list();
        let (keys, end) = match fault(accessor, &label).await {
            Some(StoreFault::Fails(text)) => (Vec::new(), Err(Error::Other(text))),
            _ => (store.contents().into_keys().collect(), Ok(())),
        };
        accessor.with(|mut access| {
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok((StreamReader::new(&mut access, keys)?, end))
        })
    }
}

async fn reading<T, R>(
    accessor: &Accessor<T, HasSelf<State>>,
    this: &Resource<OpenStore>,
    read: impl FnOnce(&KvStore) -> R,
) -> Answer<R> {
    let (label, store) = opened(accessor, this)?;
    store.count_read();
    match fault(accessor, &label).await {
        Some(StoreFault::Fails(text)) => Ok(Err(Error::Other(text))),
        _ => Ok(Ok(read(&store))),
    }
}

async fn writing<T, R>(
    accessor: &Accessor<T, HasSelf<State>>,
    this: &Resource<OpenStore>,
    write: impl FnOnce(&KvStore) -> R,
) -> Answer<R> {
    let (label, store) = opened(accessor, this)?;
    store.count_write();
    match fault(accessor, &label).await {
        Some(StoreFault::Fails(text) | StoreFault::FailsWrites(text)) => Ok(Err(Error::Other(text))),
        _ => Ok(Ok(write(&store))),
    }
}

fn opened<T>(
    accessor: &Accessor<T, HasSelf<State>>,
    this: &Resource<OpenStore>,
) -> wasmtime::Result<(String, KvStore)> {
    accessor.with(|mut access| {
        let open = access.get().table.get(this)?;
        Ok((open.label.clone(), open.store.clone()))
    })
}

/// The fault in force for an open store, once the delay of a slow one has passed.
async fn fault<T>(accessor: &Accessor<T, HasSelf<State>>, label: &str) -> Option<StoreFault> {
    let fault = accessor.with(|mut access| access.get().app.faults.of(label));
    if let Some(StoreFault::Slow(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    fault
}
