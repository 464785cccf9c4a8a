//! `wasi:keyvalue@0.2.0-draft2` over the stores in memory, answering as Spin's own store does.

use wasmtime::component::Resource;

use super::{
    bindings::{
        atomics::{CasError, Host as AtomicsHost, HostCas},
        store::{Error, Host as StoreHost, HostBucket, KeyResponse},
    },
    faults::{Faults, StoreFault},
    instance::State,
    store::KvStore,
};

/// A store that the component has opened by this interface.
#[derive(Clone)]
pub struct Bucket {
    label: String,
    store: KvStore,
}

/// A swap that the component has begun. It compares with what `current` last gave.
pub struct Cas {
    bucket: Bucket,
    key: String,
    found: Option<Vec<u8>>,
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// What an operation does to the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

impl Bucket {
    /// Counts an operation and suffers the fault in force.
    async fn use_for(&self, faults: Faults, kind: Kind) -> Result<&KvStore, Error> {
        match kind {
            Kind::Read => self.store.count_read(),
            Kind::Write => self.store.count_write(),
        }
        match faults.of(&self.label) {
            Some(StoreFault::Fails(text)) => return Err(Error::Other(text)),
            Some(StoreFault::FailsWrites(text)) if kind == Kind::Write => return Err(Error::Other(text)),
            Some(StoreFault::Slow(delay)) => tokio::time::sleep(delay).await,
            _ => {}
        }
        Ok(&self.store)
    }
}

impl StoreHost for State {
    async fn open(&mut self, label: String) -> Answer<Resource<Bucket>> {
        match self.app.faults.of(&label) {
            Some(StoreFault::AccessDenied) => return Ok(Err(Error::AccessDenied)),
            Some(StoreFault::NoSuchStore) => return Ok(Err(Error::NoSuchStore)),
            Some(StoreFault::Slow(delay)) => tokio::time::sleep(delay).await,
            Some(StoreFault::Fails(_) | StoreFault::FailsWrites(_)) | None => {}
        }
        let Some(store) = self.app.stores.get(&label).cloned() else { return Ok(Err(Error::AccessDenied)) };
        Ok(Ok(self.table.push(Bucket { label, store })?))
    }
}

impl State {
    fn bucket(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<Bucket> {
        Ok(self.table.get(bucket)?.clone())
    }
}

impl HostBucket for State {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let bucket = self.bucket(&bucket)?;
        Ok(bucket.use_for(self.app.faults.clone(), Kind::Read).await.map(|store| store.get(&key)))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(bucket.use_for(self.app.faults.clone(), Kind::Write).await.map(|store| store.set(&key, value)))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let bucket = self.bucket(&bucket)?;
        Ok(bucket.use_for(self.app.faults.clone(), Kind::Write).await.map(|store| {
            store.delete(&key);
        }))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let bucket = self.bucket(&bucket)?;
        Ok(bucket.use_for(self.app.faults.clone(), Kind::Read).await.map(|store| store.get(&key).is_some()))
    }

    async fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<String>) -> Answer<KeyResponse> {
        if cursor.is_some() {
            return Ok(Err(Error::Other("list_keys: cursor not supported".to_owned())));
        }
        let bucket = self.bucket(&bucket)?;
        bucket.store.count_list();
        let keys = bucket.store.contents().into_keys().collect();
        Ok(Ok(KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl HostCas for State {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        let bucket = self.bucket(&bucket)?;
        Ok(Ok(self.table.push(Cas { bucket, key, found: None })?))
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        let Cas { bucket, key, .. } = self.table.get(&cas)?;
        let (bucket, key) = (bucket.clone(), key.clone());
        let found = match bucket.use_for(self.app.faults.clone(), Kind::Read).await {
            Ok(store) => store.get(&key),
            Err(error) => return Ok(Err(error)),
        };
        self.table.get_mut(&cas)?.found.clone_from(&found);
        Ok(Ok(found))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl AtomicsHost for State {
    /// Spin's own store reads the eight bytes of a number and stays locked for ever where there are others: so does this one fail from then on.
    async fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        let bucket = self.bucket(&bucket)?;
        let store = match bucket.use_for(self.app.faults.clone(), Kind::Write).await {
            Ok(store) => store,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let old = store.get(&key);
            let number = match old.as_deref().map(<[u8; 8]>::try_from) {
                None => 0,
                Some(Ok(bytes)) => i64::from_le_bytes(bytes),
                Some(Err(_)) => {
                    let text = "the store is poisoned".to_owned();
                    self.app.faults.set(&bucket.label, StoreFault::Fails(text.clone()));
                    return Ok(Err(Error::Other(text)));
                }
            };
            let number = number.wrapping_add(delta);
            if store.swap(&key, old.as_deref(), number.to_le_bytes().to_vec()) {
                return Ok(Ok(number));
            }
        }
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let Cas { bucket, key, found } = self.table.delete(cas)?;
        let store = match bucket.use_for(self.app.faults.clone(), Kind::Write).await {
            Ok(store) => store,
            Err(error) => return Ok(Err(CasError::StoreError(error))),
        };
        if store.swap(&key, found.as_deref(), value) {
            return Ok(Ok(()));
        }
        let again = self.table.push(Cas { bucket: bucket.clone(), key, found: None })?;
        Ok(Err(CasError::CasFailed(again)))
    }
}
