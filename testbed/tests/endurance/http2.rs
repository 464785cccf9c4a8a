//! HTTP/2: many requests on one connection, some of them reset.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::upstream::Seen;
use tokio::net::TcpStream;

use crate::common::hosts::ready;
use crate::lab::{Lab, WORKERS, counter, genuine};

const STREAMS: usize = 100;
const ROUNDS: usize = 10;

#[test]
fn streams_beside_each_other_get_their_own_flags() {
    if !ready(Host::Envoy) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let address = lab.envoy.addr("shop").unwrap();
        runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            for round in 0..ROUNDS {
                let mut streams = Vec::new();
                for nth in 0..STREAMS {
                    let mut sender = sender.clone();
                    let user = format!("u-{round}-{nth}");
                    let request = http::Request::post("http://shop.test/")
                        .header("x-user-id", &user)
                        .header("x-flags", "forged")
                        .header("x_flags", "forged")
                        .header("x-flag-nav", "false")
                        .body(Full::new(Bytes::from(vec![b'b'; nth])))
                        .unwrap();
                    streams.push(tokio::spawn(async move {
                        sender.ready().await.unwrap();
                        let answer = sender.send_request(request);
                        if nth % 10 == 9 {
                            // Dropping it resets the stream.
                            let _ = tokio::time::timeout(std::time::Duration::from_micros(200), answer).await;
                            return;
                        }
                        let response = answer.await.unwrap();
                        assert_eq!(response.status(), 200);
                        let body = response.into_body().collect().await.unwrap().to_bytes();
                        let seen = Seen::from_json(&body).unwrap();
                        genuine(&seen, 1);
                        assert_eq!((seen.header_all("x-user-id"), seen.body.len()), (vec![user.as_bytes()], nth));
                    }));
                }
                for stream in streams {
                    stream.await.unwrap();
                }
            }
        });
        let reset = counter(&lab.envoy, "http.testbed.downstream_rq_rx_reset");
        println!("{workers} workers: {} streams, {reset} of them reset by the client", STREAMS * ROUNDS);
        lab.check();
    }
}
