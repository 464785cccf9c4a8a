//! jackstaff-filter
