//! The documents about the plugin configuration say what the code reads.

use std::fs;

use jackstaff_testbed::plugin_reference::files;

#[test]
fn the_reference_is_that_of_the_code() {
    for (path, expected) in files().unwrap() {
        let found = fs::read_to_string(&path).unwrap_or_default();
        let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        assert!(
            found == expected,
            "{} does not say what the plugin configuration is now. Run `cargo testbed reference` and commit what it writes. First difference: {differs:#?}",
            path.display()
        );
    }
}
