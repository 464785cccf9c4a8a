//! flagd flag definitions of any size: every flag asks two conditions and splits those whom they hold for. The same for the same size, on
//! every machine.

use std::fmt::Write as _;

use super::separate;

/// The evaluation context that benchmarks decide for: it meets the conditions of every flag.
pub const CONTEXT: &str = r#"{"targetingKey":"user-4711","email":"ada@example.com","country":"CA","tier":"gold","age":36,"version":"4.2.1",
  "device":{"os":"android","model":"Pixel 9"},"beta":true}"#;

/// The definitions of `flags` flags, `flag-0` and so on.
pub fn definitions(flags: usize) -> String {
    let mut out = String::from(r#"{"flags":{"#);
    for i in 0..flags {
        separate(&mut out, i);
        let _ = write!(
            out,
            r#""flag-{i}":{{"state":"ENABLED","variants":{{"small":"s-{i}","medium":"m-{i}","large":"l-{i}"}},"defaultVariant":"small","targeting":{}}}"#,
            targeting(i)
        );
    }
    out.push_str("}}");
    out
}

/// The rule of flag `i`.
pub fn targeting(i: usize) -> String {
    let conditions = match i % 4 {
        0 => r#"{"==":[{"var":"tier"},"gold"]},{"in":[{"var":"country"},["DE","FR","CA"]]}"#,
        1 => r#"{">=":[{"var":"age"},18]},{"ends_with":[{"var":"email"},"@example.com"]}"#,
        2 => r#"{"sem_ver":[{"var":"version"},">=","4.0.0"]},{"==":[{"var":"device.os"},"android"]}"#,
        _ => r#"{"!=":[{"var":"country"},"US"]},{"==":[{"var":"beta"},true]}"#,
    };
    format!(r#"{{"if":[{{"and":[{conditions}]}},{{"fractional":[["small",50],["medium",30],["large",20]]}},null]}}"#)
}
