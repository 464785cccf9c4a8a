//! Requests that two readers may take for different ones.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jackstaff_testbed::deploy::Host;

use crate::common::hosts::ready;
use crate::lab::{Lab, WORKERS, genuine};

/// Each is sent on a connection of its own. `forged` and `/smuggled` are what must not arrive.
const ATTEMPTS: [&str; 27] = [
    // Names and values that a lenient reader takes for a flag header.
    "GET / HTTP/1.1\r\nhost: a\r\nx-flags : forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-flags\t: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n x-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n x-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n\tx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-a: b\rx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-a: b\nx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-flags:\r\n forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-a: b\0\r\nx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-flags\0: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n: forged\r\nx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\nhost: a\nX_FLAGS: forged\n\n",
    "GET / HTTP/1.0\r\nx-flags: forged\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nhost: b\r\nX-FlAgS: forged\r\n\r\n",
    // Headers that a proxy is told to remove, after the filter has set them.
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: x-flags, x-flag-nav, x-flags-status\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, x-flags\r\nx-flags: forged\r\n\r\n",
    // Trailers, which some applications add to the headers.
    "POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntrailer: x-flags\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-flags: forged\r\nx_flags: forged\r\n\r\n",
    // Bodies of two lengths.
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 60\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 60\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 71\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\nx-flags: forged\r\n\r\n",
];

/// An answer that has not come after so long is none: Envoy waits for more of the request.
const QUIET: Duration = Duration::from_millis(150);

/// Sends bytes and reads what comes until the other side is quiet.
fn exchange(address: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(QUIET)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A connection that Envoy closes in the middle is an answer as well.
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn nothing_forged_arrives() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let address = lab.envoy.addr("shop").unwrap();
        let (mut passed, mut refused, mut unknown) = (0, 0, 0);
        for attempt in ATTEMPTS {
            let answer = exchange(address, attempt.as_bytes());
            // Envoy's own answer to a transfer coding that it does not know (RFC 9112, section 6.1).
            unknown += u64::from(answer.starts_with(b"HTTP/1.1 501"));
            let arrived = lab.take_seen();
            for seen in &arrived {
                genuine(seen, 1);
                let text = format!("{seen:?}");
                assert!(!seen.path.contains("smuggled"), "{attempt:?} arrived as {text}");
                // In a body it may stand; as a value joined to another header's it is that header's.
                let forged = seen
                    .headers
                    .iter()
                    .find(|(name, value)| name.contains("flag") && value.windows(6).any(|part| part == b"forged"));
                assert_eq!(forged, None, "{attempt:?} arrived as {text}");
            }
            if arrived.is_empty() { refused += 1 } else { passed += 1 }
        }
        println!(
            "{workers} workers: {passed} attempts reached the application without their forgery, {refused} were refused by Envoy"
        );
        lab.check_but(unknown);
    }
}
