//! Dates in HTTP headers (RFC 9110, section 5.6.7). The usual library takes 6 KB more in a module; tests hold this to it.

use jackstaff_core::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The seconds since 1970 of a date in any of the three forms, the day of the week apart. Nothing for what is none, or earlier.
pub(crate) fn seconds(date: &str) -> Option<u64> {
    let mut parts = date.split([' ', ',', '-']).filter(|part| !part.is_empty()).skip(1);
    let (one, two, three, four) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month_of = |name: &str| MONTHS.iter().zip(1_u32..).find(|(month, _)| **month == name).map(|(_, number)| number);
    // `Sun Nov  6 08:49:37 1994`, or `Sun, 06 Nov 1994 08:49:37 GMT`, or `Sunday, 06-Nov-94 08:49:37 GMT`.
    let (month, day, time, year) = match (month_of(one), parts.next()) {
        (Some(month), None) => (month, two, three, four),
        (None, Some("GMT")) => (month_of(two)?, one, four, three),
        _ => return None,
    };
    let century = match year.len() {
        4 => "",
        2 if year < "70" => "20",
        2 => "19",
        _ => return None,
    };
    let moment = Timestamp::parse(&format!("{century}{year}-{month:02}-{day:0>2}T{time}Z"))?;
    u64::try_from(moment.0).ok()?.checked_div(1_000)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn theirs(date: &str) -> Option<u64> {
        Some(httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    #[test]
    fn reads_all_three_forms() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Saturday, 01-Jan-00 00:00:00 GMT",
            "Mon Feb 29 23:59:59 2016",
        ] {
            assert!(seconds(date).is_some() && seconds(date) == theirs(date), "{date}");
        }
        for nothing in [
            "",
            "today",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!((seconds(nothing), theirs(nothing)), (None, None), "{nothing}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reads_what_the_library_writes(at in 0_u64..253_402_300_800) {
            proptest::prop_assert_eq!(seconds(&httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))), Some(at));
        }

        #[test]
        fn never_fails(text: String, date in "[A-Z][a-z]{2},? [0-9é ]{2}[ -](Nov|Feb)[ -][0-9é]{2,4} [0-9:]{8} GMT") {
            let _ = (seconds(&text), seconds(&date));
        }
    }
}
