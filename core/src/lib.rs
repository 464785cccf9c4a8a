//! jackstaff-core
