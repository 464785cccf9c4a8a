//! Any bytes as a snapshot, and sound snapshots with any bytes in them: refused, or decided in bounded time.

#![no_main]

use jackstaff_core::Ruleset;
use jackstaff_core_fuzz::{COFFEE_SHOP, EVERY_KIND, FLAGD, ask_everything, user};
use libfuzzer_sys::fuzz_target;

/// Magic, format and checksum.
const HEADER: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let _ = Ruleset::verify(bytes);
    if let Ok(ruleset) = Ruleset::open(bytes) {
        ask_everything(&ruleset, &user());
    }
    // The first two bytes say where, the others what.
    let [low, high, patch @ ..] = bytes else { return };
    for sound in [&*COFFEE_SHOP, &*EVERY_KIND, &*FLAGD] {
        let mut damaged = sound.clone();
        let at = HEADER + usize::from(u16::from_le_bytes([*low, *high])) % (damaged.len() - HEADER);
        for (byte, with) in damaged[at..].iter_mut().zip(patch) {
            *byte = *with;
        }
        if let Ok(ruleset) = Ruleset::open(&damaged) {
            ask_everything(&ruleset, &user());
        }
    }
});
