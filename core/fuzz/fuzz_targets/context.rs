//! Any bytes as a user: refused, or decided.

#![no_main]

use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::source::document;
use jackstaff_core::source::flagd::parse_context;
use jackstaff_core::{Dialect, Ruleset, Value};
use jackstaff_core_fuzz::{COFFEE_SHOP, EVERY_KIND, FLAGD, ask_everything};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Value::Map(members)) = document(bytes) {
        for (snapshot, dialect) in [(&*FLAGD, Dialect::Flagd), (&*COFFEE_SHOP, Dialect::DevCycle)] {
            let ruleset = Ruleset::open(snapshot).expect("what was compiled opens");
            if let Ok(context) = parse_context(members.clone(), dialect) {
                ask_everything(&ruleset, &context);
            }
        }
    }
    let Ok(context) = parse_user(bytes) else { return };
    for snapshot in [&*COFFEE_SHOP, &*EVERY_KIND, &*FLAGD] {
        let ruleset = Ruleset::open(snapshot).expect("what was compiled opens");
        ask_everything(&ruleset, &context);
    }
});
