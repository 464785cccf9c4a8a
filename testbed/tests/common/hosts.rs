//! Which hosts a test run has.

use jackstaff_testbed::clients::Language;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::{envoy, fastly};

/// `required` installs what is missing and fails where that does not work; otherwise tests on missing hosts are skipped.
const VARIABLE: &str = "JACKSTAFF_HOSTS";

/// Whether tests on `host` are to run. Says so where they are not.
pub fn ready(host: Host) -> bool {
    let installed = match host {
        Host::Envoy => envoy::is_installed(),
        Host::Fastly => fastly::viceroy_is_installed(),
        _ => true,
    };
    run_or_say(installed, host.name(), "tests on", "which is not installed")
}

/// Whether tests with client libraries in a language are to run. Says so where they are not.
#[allow(dead_code, reason = "each test binary uses a part")]
pub fn libraries_ready(language: Language) -> bool {
    run_or_say(language.is_installed(), language.name(), "client libraries for", "which are not installed")
}

fn run_or_say(installed: bool, name: &str, what: &str, why: &str) -> bool {
    let required = std::env::var(VARIABLE).is_ok_and(|value| value == "required");
    if installed || required {
        return true;
    }
    eprintln!(
        "\n*** SKIPPED: {what} {name}, {why}. `cargo testbed install {name}` installs it; {VARIABLE}=required makes its absence a failure. ***\n"
    );
    false
}
