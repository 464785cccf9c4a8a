//! `jackstaff token`.

use jackstaff_core::Timestamp;
use jackstaff_service::overrides::{TokenError, verify};

use crate::program::{Run, arg, coffee_shop, jackstaff};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn token(secret: &str, chosen: &str, expires: &str) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret.txt");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    jackstaff(&["token", arg(&coffee_shop()), chosen, "--secret-file", arg(&file), "--expires", expires])
}

#[test]
fn keys_become_the_ids_that_the_filter_looks_for() {
    let made = token(SECRET, "checkout=treatment", "1h");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let at = |hours: i64| {
        verify(
            SECRET.as_bytes(),
            made.stdout.trim().as_bytes(),
            Timestamp(i64::try_from(now).unwrap() + hours * 3_600_000),
        )
    };
    let chosen = at(0).unwrap();
    assert_eq!(chosen.len(), 1);
    assert!(chosen[0].0.starts_with("68f0c0ffee") && chosen[0].1.starts_with("68f0c0ffee"), "{chosen:?}");
    assert_eq!(at(2), Err(TokenError::Expired));
    assert_eq!(
        verify(b"another secret that has 32 bytes", made.stdout.trim().as_bytes(), Timestamp(0)),
        Err(TokenError::Forged)
    );
}

#[test]
fn mistakes_are_named() {
    for (secret, chosen, expires, said) in [
        ("short", "checkout=treatment", "1h", "has 5 bytes and needs 32"),
        (SECRET, "checkout", "1h", "no FEATURE=VARIANT"),
        (SECRET, "checkin=treatment", "1h", "there are platinum, checkout, payments, pricing"),
        (SECRET, "checkout=x", "1h", "it has control, treatment"),
        (SECRET, "checkout=treatment", "1w", "such as 90m"),
    ] {
        let run = token(secret, chosen, expires);
        assert!(run.code != 0 && run.stderr.contains(said), "{said}: {}", run.stderr);
        assert!(!run.stderr.contains(SECRET));
    }
}
