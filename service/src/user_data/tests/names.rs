//! Changes that would cost much.

use super::*;

/// Each of a patch's names is looked for among all of the document's.
#[test]
fn a_change_with_too_many_names_costs_no_more_than_reading_it() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    let many = |value: &str, count: usize| {
        let members: Vec<_> = (0..count).map(|nth| format!("\"{:05x}\":{value}", nth * 7_919 % 100_003)).collect();
        members.join(",")
    };
    for members in [many("1", 26_000), format!("\"a\":{{{}}}", many("1", 26_000)), many("null", 20_000)] {
        let error = put(&platform, &settings, &format!("{{{members}}}")).unwrap_err();
        assert!(matches!(error, ChangeError::TooLarge(TooLarge::Names(_))), "{error}");
    }
    assert_eq!(platform.reads() + platform.writes(), 0);
    // As many as there may be are merged.
    put(&platform, &settings, &format!("{{\"a\":{{{}}}}}", many("1", 1_480))).unwrap();
    put(&platform, &settings, &format!("{{\"a\":{{{}}}}}", many("null", 4_095))).unwrap();
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"a":{}}))));
}
