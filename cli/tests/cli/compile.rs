//! `jackstaff compile`.

use std::fs;

use crate::program::{arg, coffee_shop, damaged_coffee_shop, jackstaff, jackstaff_with};

#[test]
fn equal_sources_and_revisions_give_equal_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second, third] = ["1.jks", "2.jks", "3.jks"].map(|name| directory.path().join(name));
    for (path, revision) in [(&first, "7"), (&second, "7"), (&third, "8")] {
        let run = jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(path), "--revision", revision]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains(&format!("revision {revision}, digest ")), "{}", run.stdout);
        assert!(run.stdout.contains("6 flags, 4 decisions; 0 errors, 0 warnings"), "{}", run.stdout);
    }
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_ne!(fs::read(&first).unwrap(), fs::read(&third).unwrap());
}

#[test]
fn revisions_grow_by_themselves() {
    let revision = || {
        let run = jackstaff(&["compile", arg(&coffee_shop()), "-o", "-"]);
        let (_, rest) = run.stderr.split_once("revision ").unwrap();
        rest.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let first = revision();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(revision() > first);
}

#[test]
fn a_failing_compile_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("flags.jks");
    fs::write(&output, "what served well").unwrap();
    for source in [damaged_coffee_shop(), "{".to_owned()] {
        let run = jackstaff_with(&["compile", "-", "-o", arg(&output)], source.as_bytes());
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains("nothing was written"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(&output).unwrap(), "what served well");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a temporary file was left behind");
    }
}

#[test]
fn errors_may_be_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("flags.jks");
    let source = damaged_coffee_shop();
    let run = jackstaff_with(&["compile", "-", "-o", arg(&output), "--allow-errors"], source.as_bytes());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("1 error, 0 warnings"), "{}", run.stdout);
    assert!(run.stderr.contains("$.features[1].configuration.targets[0].distribution"), "{}", run.stderr);
    assert!(output.exists());
}

#[test]
fn a_snapshot_is_verified_and_copied() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["1.jks", "2.jks"].map(|name| directory.path().join(name));
    assert_eq!(jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(&first), "--revision", "7"]).code, 0);
    let run = jackstaff(&["compile", arg(&first), "-o", arg(&second)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("is a snapshot already: verified and copied"), "{}", run.stdout);
    assert!(run.stdout.contains("revision 7,"), "{}", run.stdout);
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());

    let run = jackstaff(&["compile", arg(&first), "-o", arg(&second), "--revision", "9"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("compile its source with --revision"), "{}", run.stderr);

    let mut damaged = fs::read(&first).unwrap();
    damaged.truncate(damaged.len() - 1);
    let run = jackstaff_with(&["compile", "-", "-o", arg(&second)], &damaged);
    assert_eq!(run.code, 1);
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
}

#[cfg(unix)]
#[test]
fn other_users_may_read_a_snapshot() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("flags.jks");
    assert_eq!(jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(&output)]).code, 0);
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("no/such/flags.jks");
    let run = jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(&output)]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("does the directory exist?"), "{}", run.stderr);
}
