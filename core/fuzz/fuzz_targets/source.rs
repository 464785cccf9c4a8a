//! Any bytes as a source: compiled or refused, and what compiles can be decided.

#![no_main]

use jackstaff_core::{CompileOptions, Ruleset, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match compile(bytes, &CompileOptions::default()) {
        Ok(compiled) => {
            let ruleset = Ruleset::verify(&compiled.snapshot).expect("what was compiled opens");
            jackstaff_core_fuzz::ask_everything(&ruleset, &jackstaff_core_fuzz::user());
        }
        Err(diagnostics) => assert!(!diagnostics.is_empty()),
    }
});
