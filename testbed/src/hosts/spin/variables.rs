//! `spin:variables@3.0.0`: the application's variables.

use wasmtime::component::{Accessor, HasSelf};

use super::{
    bindings::variables::{Error, Host, HostWithStore},
    instance::State,
};

impl Host for State {}

impl<T> HostWithStore<T> for HasSelf<State> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        if let Err(reason) = check_name(&name) {
            return Ok(Err(Error::InvalidName(reason)));
        }
        let value = accessor.with(|mut access| access.get().app.variables.get(&name).cloned());
        Ok(value.ok_or_else(|| Error::Undefined(format!("no variable for {name:?}"))))
    }
}

/// Spin's rule for variable names: a lower-case letter first, then `[a-z0-9_]`, without `__` and without `_` at the end
/// (https://spinframework.dev/variables).
fn check_name(name: &str) -> Result<(), String> {
    let legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__");
    if legal { Ok(()) } else { Err(format!("{name:?} is no legal variable name")) }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_follow_spins_rule() {
        for good in ["a", "key2", "admin_key_sha256"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Key", "2a", "_a", "a_", "a__b", "a-b", "é"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
