//! Creating a key that nobody else is to create at the same moment.
//!
//! Spin's compare-and-swap compares only where something lies: on an absent key two creators both succeed, and one is lost. So a creator
//! first claims the key in a list that does exist, by compare-and-swap. There are few such lists and each is seeded once in the life of a
//! store.
//!
//! Seeding has the same trouble: one that is held up between looking and writing empties a list in use. So a list is first said to be
//! seeded, and opened only after a time in which every other seeder has written (`docs/decisions/0003-one-document-per-user.md`). Who is held up for longer than `SEEDING` or
//! `CLAIM_MS` at the wrong moment can still overwrite another.

use std::fmt::Write as _;
use std::time::Duration;

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Platform as _, PlatformError, Written};
use jackstaff_service::store_key::{self, Claim};
use spin_sdk::time::sleep;

use crate::platform::{SpinPlatform, put};
use crate::swap::Swap;

/// A claim ends after this time, in milliseconds: a creator that has not written by then has failed. Writing takes two milliseconds. A user who is
/// erased and created again meanwhile waits for it.
const CLAIM_MS: i64 = 2_000;

/// Whoever else seeds the same list has done so after this time. The first user of a list waits for it, once.
const SEEDING: Duration = Duration::from_millis(500);

/// Begins a list that is not open yet; what follows tells one seeding from another.
const SEEDED: &str = "seeded ";

/// Puts `value` under `key` if nothing lies there.
pub(crate) async fn create(platform: &SpinPlatform, key: &str, value: &[u8]) -> Result<Written, PlatformError> {
    if platform.kv_get(key).await?.is_some() {
        return Ok(Written::Conflict);
    }
    let Claim { list, name } = store_key::claim(key);
    let swap = Swap::begin(&list)?;
    let Some(claims) = swap.current()? else {
        put(&list, format!("{SEEDED}{:016x}", platform.random()).as_bytes()).await?;
        return Ok(Written::Conflict);
    };
    if claims.starts_with(SEEDED.as_bytes()) {
        // If it was seeded anew meanwhile, whoever sees that waits again.
        sleep(SEEDING).await;
        swap.finish(b"")?;
        return Ok(Written::Conflict);
    }
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
