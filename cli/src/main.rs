//! jackstaff
fn main() {}
