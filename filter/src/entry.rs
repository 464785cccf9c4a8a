//! What Envoy calls: the callbacks of the proxy-wasm ABI 0.2.1 that the filter has a use for.
//!
//! Envoy does not make a call for which a module has no function, and each takes it near half a microsecond. So this is what there is instead of
//! the usual SDK, which has all of them: no bodies or trailers of responses, no log, no end of a context beside its being done. The SDK also
//! panics where it does not know a context or a call, and keeps a few bytes of every call that Envoy cancels.

#![allow(unsafe_code, reason = "functions that are found by their names")]

use std::ptr;

use jackstaff_plugin::calls;
use jackstaff_plugin::host::{Action, call};

use crate::contexts;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// What every module has that knows this version of the ABI.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker makes it, and the host calls this once, before all else.
    unsafe { __wasm_call_ctors() };
}

/// Gives the host memory, which whoever the host then hands it to takes over: null where there is none left.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut memory = Vec::new();
    if size == 0 || memory.try_reserve_exact(size).is_err() {
        return ptr::null_mut();
    }
    std::mem::ManuallyDrop::new(memory).as_mut_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    contexts::create(context, parent);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_context: u32, _size: usize) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _size: usize) -> bool {
    contexts::root(context, |root| root.configure()).unwrap_or(false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    root_goes_on(context, true);
}

/// An answer to a call of any of the root's contexts.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(_root: u32, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
    // Whoever gave the call up wants no answer.
    let Some(context) = calls::caller(token) else { return };
    call::act_for(context);
    calls::answered(token, body_size);
    if contexts::request(context, |request| request.go_on()).is_none() {
        root_goes_on(context, false);
    }
}

/// A context comes to its end. Roots may ask for some time first.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(context: u32) -> bool {
    if contexts::forget_request(context) {
        return true;
    }
    let done = contexts::root(context, |root| root.finish()).unwrap_or(true);
    if done {
        contexts::forget_root(context);
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _count: usize, end: u32) -> Action {
    contexts::request(context, |request| request.headers(end != 0)).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, size: usize, end: u32) -> Action {
    contexts::request(context, |request| request.body(size, end != 0)).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _count: usize) -> Action {
    contexts::request(context, |request| request.trailers()).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _count: usize, _end: u32) -> Action {
    contexts::request(context, |request| request.response()).unwrap_or(Action::Continue)
}

/// Lets a root go on, and go where it has only waited for this.
fn root_goes_on(context: u32, tick: bool) {
    let over = contexts::root(context, |root| if tick { root.tick() } else { root.go_on() });
    if over == Some(true) {
        contexts::forget_root(context);
    }
}
