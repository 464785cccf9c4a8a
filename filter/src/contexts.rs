//! The contexts that Envoy has in this VM: a root for each plugin configuration, and one for each request.
//!
//! A VM has one thread and runs one callback at a time, so a table that is borrowed can only be met by a host that calls in from within a
//! call. That finds nothing, as a context does that this VM does not know: neither may trap.

use std::cell::RefCell;

use jackstaff_plugin::{ByNumber, Root, works_for};

use crate::request::Request;

thread_local! {
    /// Few: configurations in force, and those that end.
    static ROOTS: RefCell<Vec<(u32, Root)>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: RefCell<ByNumber<Request>> = RefCell::default();
}

/// Takes up a context: a root where it has no parent.
pub(crate) fn create(context: u32, parent: u32) {
    if parent == 0 {
        ROOTS.with(|roots| {
            if let Ok(mut roots) = roots.try_borrow_mut() {
                roots.push((context, Root::default()));
            }
        });
    } else if let Some(request) = root(parent, |root| Request::new(root.plugin())) {
        REQUESTS.with(|requests| {
            if let Ok(mut requests) = requests.try_borrow_mut() {
                requests.insert(context, request);
            }
        });
    }
}

/// Has a root do something, if there is such a root.
pub(crate) fn root<T>(context: u32, work: impl FnOnce(&mut Root) -> T) -> Option<T> {
    works_for(context);
    ROOTS.with(|roots| {
        let mut roots = roots.try_borrow_mut().ok()?;
        roots.iter_mut().find(|(id, _)| *id == context).map(|(_, root)| work(root))
    })
}

/// Has a request do something, if there is such a request.
pub(crate) fn request<T>(context: u32, work: impl FnOnce(&mut Request) -> T) -> Option<T> {
    works_for(context);
    REQUESTS.with(|requests| requests.try_borrow_mut().ok()?.get_mut(&context).map(work))
}

/// Lets a root go.
pub(crate) fn forget_root(context: u32) {
    ROOTS.with(|roots| {
        if let Ok(mut roots) = roots.try_borrow_mut() {
            roots.retain(|(id, _)| *id != context);
        }
    });
}

/// Lets a request go. Says whether it was one.
pub(crate) fn forget_request(context: u32) -> bool {
    // What it waited for is given up when the table is free again.
    REQUESTS
        .with(|requests| requests.try_borrow_mut().map(|mut requests| requests.remove(&context)))
        .is_ok_and(|request| request.is_some())
}
