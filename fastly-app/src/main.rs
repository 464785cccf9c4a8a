//! jackstaff-fastly
fn main() {}
