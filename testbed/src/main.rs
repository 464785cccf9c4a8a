//! jackstaff-testbed
fn main() {}
