//! DevCycle's own library in Rust, the crate devcycle-bucketing-rs.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, ensure};
use devcycle_bucketing_rs::{
    DevCycleUser, EventQueueOptions, PlatformData, PopulatedUser, ffi, generate_bucketed_config, get_platform_data,
    init_event_queue, set_client_custom_data, set_platform_data, variable_for_user,
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::measure::{Work, thread_time};

const KEY: &str = "dvc_server_testbed";

/// The library with a configuration, and a user for it.
pub struct Peer {
    runtime: Runtime,
    user: PopulatedUser,
}

impl Peer {
    pub fn load(config: &str, user: &str) -> Result<Self> {
        let (key, text) = (CString::new(KEY)?, CString::new(config)?);
        // SAFETY: both are texts that end with NUL and live through the call. The library offers no safe way to set a configuration: the
        // types it wants are private.
        let code = unsafe { ffi::devcycle_set_config(key.as_ptr(), text.as_ptr()) };
        ensure!(code == 0, "devcycle-bucketing-rs refuses the configuration (code {code})");
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        // What it would queue is not what is measured.
        let options = EventQueueOptions {
            disable_automatic_event_logging: true,
            disable_custom_event_logging: true,
            ..EventQueueOptions::default()
        };
        runtime
            .block_on(async {
                set_platform_data(KEY, PlatformData::generate()).await;
                set_client_custom_data(KEY, Default::default()).await?;
                init_event_queue(KEY, options).await
            })
            .map_err(|error| anyhow!("devcycle-bucketing-rs does not start: {error}"))?;
        let user: DevCycleUser =
            serde_json::from_value(complete(user)?).context("the user, for devcycle-bucketing-rs")?;
        let platform = get_platform_data(KEY).map_err(anyhow::Error::msg)?;
        let user = user.get_populated_user_with_platform_data_and_time(KEY, Some(platform), chrono::Utc::now());
        Ok(Self { runtime, user })
    }

    /// The value of one flag.
    pub fn value(&self, flag: &str) -> Result<Value> {
        let result = self.runtime.block_on(variable_for_user(KEY, self.user.clone(), flag, ""));
        Ok(result.map_err(|error| anyhow!("devcycle-bucketing-rs on `{flag}`: {error}"))?.variable_value)
    }

    /// The values of all flags that the user gets.
    pub fn values(&self) -> Result<BTreeMap<String, Value>> {
        let all = self.runtime.block_on(generate_bucketed_config(KEY, self.user.clone(), Default::default()));
        let all = serde_json::to_value(all.map_err(|error| anyhow!("devcycle-bucketing-rs: {error}"))?)?;
        let variables = all["variables"].as_object().context("devcycle-bucketing-rs answers without variables")?;
        Ok(variables.iter().map(|(key, variable)| (key.clone(), variable["value"].clone())).collect())
    }

    /// One flag. The user, which the library wants to own, is copied beforehand.
    pub fn one<'w>(&'w self, flag: &'w str) -> Work<'w> {
        Box::new(move |times| {
            let users = self.users(times);
            self.runtime.block_on(async {
                let start = thread_time();
                for user in users {
                    let _ = black_box(variable_for_user(KEY, user, black_box(flag), "").await);
                }
                thread_time() - start
            })
        })
    }

    /// Everything for the user.
    pub fn all(&self) -> Work<'_> {
        Box::new(move |times| {
            let users = self.users(times);
            self.runtime.block_on(async {
                let start = thread_time();
                for user in users {
                    let _ = black_box(generate_bucketed_config(KEY, user, Default::default()).await);
                }
                thread_time() - start
            })
        })
    }

    fn users(&self, times: u32) -> Vec<PopulatedUser> {
        (0..times).map(|_| self.user.clone()).collect()
    }
}

/// The library demands every member.
fn complete(user: &str) -> Result<Value> {
    let mut members: Map<String, Value> = serde_json::from_str(user)?;
    if let Some(id) = members.remove("user_id") {
        members.insert("userId".to_owned(), id);
    }
    for name in ["email", "name", "language", "country", "appVersion", "appBuild", "deviceModel"] {
        members.entry(name).or_insert_with(|| json!(""));
    }
    for name in ["customData", "privateCustomData"] {
        members.entry(name).or_insert_with(|| json!({}));
    }
    Ok(Value::Object(members))
}
