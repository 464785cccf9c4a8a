//! jackstaff-spin
