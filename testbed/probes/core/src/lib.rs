//! The core and the DevCycle answer in WebAssembly, without a platform around them, for benchmarks (`testbed/benches/peers`).
//!
//! The host writes the inputs into the buffers it gets from [`input`], calls [`load`], and then [`one`] and [`all`] as often as it likes.

mod everything;

use std::cell::{OnceCell, RefCell};
use std::hint::black_box;

use everything::everything;
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::{Context, FlagValue, Ruleset, Timestamp};
use jackstaff_service::api::devcycle::answer::bucketed;

struct Loaded {
    ruleset: Ruleset<'static>,
    user: &'static [u8],
    context: Context<'static>,
    flag: &'static str,
    now: Timestamp,
}

thread_local! {
    /// Snapshot, user object, flag key.
    static INPUTS: RefCell<[Vec<u8>; 3]> = const { RefCell::new([Vec::new(), Vec::new(), Vec::new()]) };
    static LOADED: OnceCell<Loaded> = const { OnceCell::new() };
}

/// A buffer of `len` bytes for the input `which`: 0 the snapshot, 1 the user object, 2 the flag's key.
#[unsafe(no_mangle)]
pub extern "C" fn input(which: u32, len: u32) -> *mut u8 {
    INPUTS.with_borrow_mut(|inputs| {
        let input = &mut inputs[which as usize];
        input.resize(len as usize, 0);
        input.as_mut_ptr()
    })
}

/// Opens what was written into the inputs, to decide at `now`. Once.
#[unsafe(no_mangle)]
pub extern "C" fn load(now: i64) {
    let [snapshot, user, flag] = INPUTS.take().map(|input| &*input.leak());
    let loaded = Loaded {
        ruleset: Ruleset::open(snapshot).expect("the host writes a snapshot"),
        user,
        context: parse_user(user).expect("the host writes a user"),
        flag: std::str::from_utf8(flag).expect("the host writes a key"),
        now: Timestamp(now),
    };
    LOADED.with(|cell| assert!(cell.set(loaded).is_ok(), "loaded once"));
}

/// Looks the flag up and decides it `times` times. The answer tells values apart: the number, 1 for true, a text's length; NaN for none.
#[unsafe(no_mangle)]
pub extern "C" fn one(times: u32) -> f64 {
    with_loaded(|loaded| {
        let mut answer = f64::NAN;
        for _ in 0..times {
            let flag = loaded.ruleset.find(black_box(loaded.flag));
            let decision = flag.map(|flag| loaded.ruleset.evaluate(flag, black_box(&loaded.context), loaded.now));
            answer = black_box(match decision.and_then(|decision| decision.value) {
                Some(FlagValue::Boolean(value)) => f64::from(u8::from(value)),
                Some(FlagValue::Number { number, .. }) => number,
                Some(FlagValue::String(text) | FlagValue::Structure(text)) => text.len() as f64,
                None => f64::NAN,
            });
        }
        answer
    })
}

/// Reads the user object, decides everything for it and writes the whole answer as JSON, `times` times. Returns the answer's length.
#[unsafe(no_mangle)]
pub extern "C" fn all(times: u32) -> u32 {
    with_loaded(|loaded| {
        let mut length = 0;
        for _ in 0..times {
            let context = parse_user(black_box(loaded.user)).expect("it was read before");
            length =
                black_box(bucketed(&loaded.ruleset, &context, loaded.now, &[]).to_json()).map_or(0, |json| json.len());
        }
        length as u32
    })
}

/// As [`all`], but the user is read beforehand and the answer stays in memory.
#[unsafe(no_mangle)]
pub extern "C" fn decide_all(times: u32) -> u32 {
    with_loaded(|loaded| {
        let mut flags = 0;
        for _ in 0..times {
            let everything = black_box(everything(&loaded.ruleset, black_box(&loaded.context), loaded.now));
            flags = everything.variables.iter().flatten().count();
        }
        flags as u32
    })
}

fn with_loaded<T>(run: impl FnOnce(&Loaded) -> T) -> T {
    LOADED.with(|cell| run(cell.get().expect("the host loads first")))
}
