//! Any bytes as a plugin configuration: refused, with a path, or at work.

#![no_main]

use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::injector::Injector;
use jackstaff_service_fuzz::RULESET;
use libfuzzer_sys::fuzz_target;

fn load(json: &[u8]) {
    match FilterConfig::parse(json) {
        Ok(config) => {
            let _ = config.settings();
            let loaded = Injector::new(&config).map(|(injector, _)| injector.usual_status().len());
            assert!(loaded.map_or_else(|errors| !errors.is_empty(), |length| length > 0));
        }
        Err(errors) => assert!(!errors.is_empty() && errors.iter().all(|error| error.path.starts_with('$'))),
    }
}

fuzz_target!(|bytes: &[u8]| {
    load(bytes);
    // With a ruleset that nobody makes up.
    if let Some(rest) = std::str::from_utf8(bytes).ok().and_then(|text| text.trim_start().strip_prefix('{')) {
        load(format!("{{\"ruleset\":\"{}\",{rest}", *RULESET).as_bytes());
    }
});
