//! Any bytes in the header of the test facility.

#![no_main]

use jackstaff_service::injector::TestControl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match TestControl::parse(bytes) {
        Ok(control) => drop(control.overrides()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
