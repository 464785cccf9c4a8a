//! Clients that go away.

use std::io::Write;
use std::net::TcpStream;

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::http_client::Request;

use crate::common::hosts::ready;
use crate::lab::{Lab, WORKERS, counter, decided, long};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\nx-user-id: u-1\r\ncontent-length: 100000\r\n\r\n";

#[test]
fn clients_that_go_away_cost_nobody_anything() {
    if !ready(Host::Envoy) {
        return;
    }
    let rounds = if long() { 2_000 } else { 200 };
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let address = lab.envoy.addr("shop").unwrap();
        let mut bystander = lab.client();
        for round in 0..rounds {
            // In the middle of the headers, in the middle of the body, and with the whole request sent and no answer read.
            let upto = [round % HEAD.len(), HEAD.len() + 500, 0];
            for (kind, upto) in upto.into_iter().enumerate() {
                let mut stream = TcpStream::connect(address).unwrap();
                let whole = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
                let bytes = if kind == 2 { whole } else { [HEAD, &vec![b'x'; upto]].concat()[..upto].to_vec() };
                stream.write_all(&bytes).unwrap();
            }
            decided(&bystander.send(&Request::get("/").header("x-user-id", "u-2")).unwrap(), 1);
        }
        let gone = counter(&lab.envoy, "http.testbed.downstream_cx_destroy_remote_active_rq");
        println!("{workers} workers: {gone} requests were left by their clients");
        assert!(gone > 0);
        lab.check();
    }
}
