//! Creating a key that nobody else is to create at the same moment.
//!
//! Spin's compare-and-swap compares only where something lies: on an absent key two creators both succeed, and one is lost. So a creator
//! first claims the key in a list that does exist, by compare-and-swap. There are few such lists and each is seeded once in the life of a
//! store. A creator that is held up for longer than its claim lasts can still overwrite another.

use std::fmt::Write as _;
use std::time::Duration;

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Platform as _, PlatformError, Written};
use jackstaff_service::store_key::{self, Claim};
use spin_sdk::time::sleep;

use crate::platform::{SpinPlatform, put};
use crate::swap::Swap;

/// A claim ends after this time, in milliseconds: a creator that has not written by then has failed. Writing takes two milliseconds.
const CLAIM_MS: i64 = 1_000;

/// Whoever else seeds the same list has done so after this time.
const SEEDING: Duration = Duration::from_millis(100);

/// Puts `value` under `key` if nothing lies there.
pub(crate) async fn create(platform: &SpinPlatform, key: &str, value: &[u8]) -> Result<Written, PlatformError> {
    if platform.kv_get(key).await?.is_some() {
        return Ok(Written::Conflict);
    }
    let Claim { list, name } = store_key::claim(key);
    let swap = Swap::begin(&list)?;
    let Some(claims) = swap.current()? else {
        put(&list, b"").await?;
        sleep(SEEDING).await;
        return Ok(Written::Conflict);
    };
    let Some(claims) = claimed(&claims, &name, platform.now()) else { return Ok(Written::Conflict) };
    if swap.finish(claims.as_bytes())? == Written::Conflict {
        return Ok(Written::Conflict);
    }
    // Somebody whose claim has ended may have created it before this claim.
    if platform.kv_get(key).await?.is_some() {
        return Ok(Written::Conflict);
    }
    put(key, value).await?;
    Ok(Written::Stored)
}

/// The list with a claim of `name`, and without those that have ended; `None` where somebody else has claimed it. A line holds the time
/// and the name. What is no such line is dropped.
fn claimed(list: &[u8], name: &str, now: Timestamp) -> Option<String> {
    let mut out = String::new();
    for line in String::from_utf8_lossy(list).lines() {
        let Some((time, claimed)) = line.split_once(' ') else { continue };
        let Ok(time) = time.parse::<i64>() else { continue };
        // A clock that differs a little does not end a claim.
        if now.0.saturating_sub(time).saturating_abs() >= CLAIM_MS {
            continue;
        }
        if claimed == name {
            return None;
        }
        out.push_str(line);
        out.push('\n');
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} {name}", now.0);
    Some(out)
}
