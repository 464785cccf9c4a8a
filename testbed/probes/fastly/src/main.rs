//! A Fastly service that does what its path says, to test the testbed's Fastly host with; `/empty` is what benchmarks compare with, and `/answer`
//! reads its body and answers with as much as Jackstaff does.

use std::io::Write;

use fastly::http::serve::Serve;
use fastly::kv_store::{InsertMode, KVStoreError};
use fastly::{ConfigStore, Error, KVStore, Request, Response, SecretStore, log::Endpoint};

/// The store that the host grants, of each kind.
const STORE: &str = "probe";

/// Sandboxes are kept as Jackstaff's are.
const MAX_REQUESTS: usize = 1_000;

/// As long as an answer of Jackstaff's.
const ANSWER: [u8; 400] = [b' '; 400];

/// As many headers, and as long.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("x-flags-status", "fresh;rev=0;age=0"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Retry-After, X-Flags-Status, X-Jackstaff-Faults"),
];

fn main() {
    Serve::new().with_max_requests(MAX_REQUESTS).run(serve);
}

fn serve(mut request: Request) -> Result<Response, Error> {
    if request.get_path() == "/answer" {
        request.take_body_bytes();
        return Ok(HEADERS
            .iter()
            .fold(Response::from_body(&ANSWER[..]), |response, (name, value)| response.with_header(*name, *value)));
    }
    let argument = request.get_query_str().unwrap_or_default();
    let body = match request.get_path() {
        "/empty" => Vec::new(),
        "/get" => match KVStore::open(STORE) {
            Ok(Some(store)) => match store.lookup(argument) {
                Ok(mut found) => found.take_body_bytes(),
                Err(error) => format!("{error:?}").into_bytes(),
            },
            Ok(None) | Err(_) => b"no store".to_vec(),
        },
        "/set" => {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            match KVStore::open(STORE) {
                Ok(Some(store)) => format!("{:?}", store.insert(key, value)).into_bytes(),
                Ok(None) | Err(_) => b"no store".to_vec(),
            }
        }
        "/add" => write(argument, |store, key, value| store.build_insert().mode(InsertMode::Add).execute(key, value)),
        "/match" => write(argument, |store, key, value| matched(store, key, value, |_| Ok(()))),
        "/rival-then-match" => {
            write(argument, |store, key, value| matched(store, key, value, |store| store.insert(key, "rival")))
        }
        "/delete-then-match" => {
            write(argument, |store, key, value| matched(store, key, value, |store| store.delete(key)))
        }
        "/secret" => match SecretStore::open(STORE)?.get(argument) {
            Some(secret) => secret.plaintext().to_vec(),
            None => b"no secret".to_vec(),
        },
        "/config" => ConfigStore::open(STORE).get(argument).unwrap_or_else(|| "no value".to_owned()).into_bytes(),
        "/log" => {
            Endpoint::from_name(STORE).write_all(argument.as_bytes())?;
            Vec::new()
        }
        "/fetch" => match Request::get(format!("http://origin.test/{argument}")).send(STORE) {
            Ok(mut response) => response.take_body_bytes(),
            Err(error) => format!("{error:?}").into_bytes(),
        },
        "/panic" => panic!("asked for"),
        other => format!("{} {other}", request.get_method()).into_bytes(),
    };
    Ok(Response::from_body(body))
}

/// What came of writing `key=value`.
fn write(argument: &str, write: impl FnOnce(&KVStore, &str, &str) -> Result<(), KVStoreError>) -> Vec<u8> {
    let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
    match KVStore::open(STORE) {
        Ok(Some(store)) => format!("{:?}", write(&store, key, value)).into_bytes(),
        Ok(None) | Err(_) => b"no store".to_vec(),
    }
}

/// Writes `value` if the key has the generation that was read; `meanwhile` happens in between.
fn matched(
    store: &KVStore,
    key: &str,
    value: &str,
    meanwhile: impl FnOnce(&KVStore) -> Result<(), KVStoreError>,
) -> Result<(), KVStoreError> {
    let generation = store.lookup(key)?.current_generation();
    meanwhile(store)?;
    store.build_insert().if_generation_match(generation).execute(key, value)
}
