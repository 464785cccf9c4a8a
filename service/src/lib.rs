//! jackstaff-service
