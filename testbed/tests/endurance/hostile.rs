//! Headers as no good client sends them.

use jackstaff_testbed::http_client::Request;

use crate::common::hosts::ready;
use crate::lab::{Lab, WORKERS, decided};
use jackstaff_testbed::deploy::Host;

/// Envoy's own limits on a request's headers: 60 KiB and 100.
const MAX_KIB: usize = 60;
const MAX_COUNT: usize = 100;
/// What Envoy and the client add, at most: the pseudo-headers, the host, the proto.
const OWN: usize = 10;

fn get() -> Request {
    Request::get("/").header("host", "shop.test").header("x-user-id", "u-1")
}

#[test]
fn odd_bytes_pass_and_change_nothing() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let mut client = lab.client();
        // Every byte that may stand in a header value, and some that make no text, in every place the filter reads.
        let odd: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
        for name in ["x-other", "x-user-id", "cookie", "x-country", "x-n", "x-flags", "x_flags", "x-flags-key"] {
            for value in [&odd[..], b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"", b" ", b"\t"] {
                let request = Request::get("/").header("host", "shop.test").header(name, value);
                decided(&client.send(&request).unwrap(), 1);
            }
        }
        for number in ["NaN", "inf", "-1e999", "1e308", "0x1", "9".repeat(400).as_str()] {
            decided(&client.send(&get().header("x-n", number)).unwrap(), 1);
        }
        lab.check();
    }
}

#[test]
fn large_headers_pass_up_to_envoys_limit() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let mut client = lab.client();
        for name in ["x-other", "x-user-id", "x-country", "x-n", "cookie", "x-flags"] {
            let mut value = vec![b'a'; (MAX_KIB - 1) * 1_024];
            let request = Request::get("/").header("host", "shop.test").header(name, &value);
            decided(&client.send(&request).unwrap(), 1);
            value.resize(MAX_KIB * 1_024, b'a');
            let refused = client.send(&get().header(name, value)).unwrap();
            assert_eq!(refused.status, 431, "Envoy refuses what is larger");
        }
        let cookies = vec![b"a=b; ".as_slice(); 11_000].concat();
        decided(&client.send(&get().header("cookie", cookies)).unwrap(), 1);
        lab.check();
    }
}

#[test]
fn many_headers_pass_up_to_envoys_limit() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in WORKERS {
        let lab = Lab::start(workers);
        let mut client = lab.client();
        let with = |count: usize, name: &dyn Fn(usize) -> String, value: &str| {
            (0..count).fold(get(), |request, nth| request.header(name(nth), value))
        };
        let most = MAX_COUNT - OWN;
        let seen = decided(&client.send(&with(most, &|nth| format!("x-h-{nth}"), "v")).unwrap(), 1);
        assert_eq!(seen.headers.iter().filter(|(name, _)| name.starts_with("x-h-")).count(), most);
        let refused = client.send(&with(MAX_COUNT + 1, &|nth| format!("x-h-{nth}"), "v")).unwrap();
        assert_eq!(refused.status, 431, "Envoy refuses more");
        for value in ["forged", "", "?1", "a=1, a=2"] {
            for name in ["x-flags", "X-FLAGS-KEY", "x_flags", "X-Flags_Status", "x-flag-nav", "x_flag-NAV"] {
                decided(&client.send(&with(most, &|_| name.to_owned(), value)).unwrap(), 1);
            }
        }
        lab.check();
    }
}
