//! A Spin component that does what its path says, to test the testbed's Spin host with; `/empty` is what benchmarks compare with, and `/answer` reads
//! its body and answers with as much as Jackstaff does.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use spin_sdk::{
    http::{FullBody, IntoResponse, Request, Response},
    http_service,
    key_value::Store,
    variables, wasip3, wit_bindgen,
};

/// Requests that this instance has served.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// As long as an answer of Jackstaff's.
const ANSWER: [u8; 400] = [b' '; 400];

/// As many headers, and as long.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("x-flags-status", "fresh;rev=0;age=0"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, Retry-After, X-Flags-Status, X-Jackstaff-Faults"),
];

#[http_service]
async fn serve(request: Request) -> Result<impl IntoResponse, String> {
    let served = SERVED.fetch_add(1, Relaxed) + 1;
    let (head, body) = request.into_parts();
    if head.uri.path() == "/answer" {
        body.collect().await.map_err(|error| error.to_string())?;
        let mut response = Response::builder().header("content-length", ANSWER.len());
        for (name, value) in HEADERS {
            response = response.header(name, value);
        }
        return response.body(FullBody::new(Bytes::from_static(&ANSWER))).map_err(|error| error.to_string());
    }
    let argument = head.uri.query().unwrap_or_default();
    let text = match head.uri.path() {
        "/empty" => String::new(),
        "/served" => served.to_string(),
        "/sleep" => {
            sleep(argument).await?;
            served.to_string()
        }
        "/guarded-sleep" => {
            let _guard = Backpressure::on();
            sleep(argument).await?;
            served.to_string()
        }
        "/trap" => unreachable!("asked for"),
        "/loop" => loop {
            std::hint::black_box(served);
        },
        "/error" => return Err("asked for".to_owned()),
        "/open" => format!("{:?}", Store::open(argument).await.map(|_| ())),
        "/get" => format!("{:?}", default_store().await?.get(argument).await.map(|value| value.map(text))),
        "/set" => {
            let (key, value) = argument.split_once('=').ok_or("key=value?")?;
            format!("{:?}", default_store().await?.set(key, value.as_bytes()).await)
        }
        "/gets" => {
            let (store, mut all) = (default_store().await?, String::new());
            for key in argument.split(',') {
                let value = store.get(key).await.map_err(|error| format!("{error:?}"))?;
                all.push_str(&value.map(text).unwrap_or_default());
            }
            all
        }
        "/append" => {
            let (key, more) = argument.split_once('=').ok_or("key=text?")?;
            let store = default_store().await?;
            let mut value = store.get(key).await.map_err(|error| format!("{error:?}"))?.unwrap_or_default();
            value.extend_from_slice(more.as_bytes());
            format!("{:?}", store.set(key, value).await)
        }
        "/delete" => format!("{:?}", default_store().await?.delete(argument).await),
        "/exists" => format!("{:?}", default_store().await?.exists(argument).await),
        "/keys" => format!("{:?}", default_store().await?.get_keys().await.collect().await),
        "/variable" => format!("{:?}", variables::get(argument).await),
        "/clock" => {
            let p2 = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "before 1970")?;
            let p3 = wasip3::clocks::system_clock::now();
            format!("{} {}", p2.as_millis(), p3.seconds * 1000 + i64::from(p3.nanoseconds / 1_000_000))
        }
        "/log" => {
            println!("to standard output: {argument}");
            eprintln!("to standard error: {argument}");
            String::new()
        }
        "/fetch" => match spin_sdk::http::get(argument).await {
            Ok(response) => format!(
                "{} {:?}",
                response.status(),
                response.into_body().collect().await.map(|body| text(body.to_bytes().into()))
            ),
            Err(error) => format!("{error:?}"),
        },
        _ => {
            let mut lines = vec![format!("{} {}", head.method, head.uri)];
            lines.extend(
                head.headers.iter().map(|(name, value)| format!("{name}: {}", text(value.as_bytes().to_vec()))),
            );
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            lines.push(format!("body of {}", body.len()));
            lines.join("\n")
        }
    };
    let body = Bytes::from(text);
    let response = Response::builder().header("content-length", body.len()).body(FullBody::new(body));
    response.map_err(|error| error.to_string())
}

/// Keeps other requests out of this instance while it lives, so that a trap here ends no request but its own.
struct Backpressure;

impl Backpressure {
    fn on() -> Self {
        wit_bindgen::backpressure_inc();
        Self
    }
}

impl Drop for Backpressure {
    fn drop(&mut self) {
        wit_bindgen::backpressure_dec();
    }
}

async fn sleep(millis: &str) -> Result<(), String> {
    let millis = millis.parse().map_err(|_| "how many milliseconds?")?;
    spin_sdk::time::sleep(Duration::from_millis(millis)).await;
    Ok(())
}

async fn default_store() -> Result<Store, String> {
    Store::open_default().await.map_err(|error| format!("{error:?}"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
