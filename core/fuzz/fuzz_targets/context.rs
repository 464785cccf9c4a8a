//! Any bytes as a user: refused, or decided.

#![no_main]

use jackstaff_core::Ruleset;
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core_fuzz::{COFFEE_SHOP, EVERY_KIND, ask_everything};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(context) = parse_user(bytes) else { return };
    for snapshot in [&*COFFEE_SHOP, &*EVERY_KIND] {
        let ruleset = Ruleset::open(snapshot).expect("what was compiled opens");
        ask_everything(&ruleset, &context);
    }
});
