//! Which hosts a test run has.

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
    let required = std::env::var(VARIABLE).is_ok_and(|value| value == "required");
    if installed || required {
        return true;
    }
    let name = host.name();
    eprintln!(
        "\n*** SKIPPED: tests on {name}, which is not installed. `cargo testbed install {name}` installs it; {VARIABLE}=required makes its absence a failure. ***\n"
    );
    false
}
