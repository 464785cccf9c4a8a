//! A DevCycle configuration of any size, for benchmarks: every feature asks an audience, the user's own data and a distribution, and
//! every fourth has a rollout. The same for the same size, on every machine.

pub mod flagd;

use std::fmt::Write as _;

/// The user that benchmarks decide for.
pub const USER: &str = r#"{"user_id":"user-4711","email":"ada@example.com","name":"Ada","language":"en","country":"CA","appVersion":"4.2.1",
  "deviceModel":"Pixel 9","customData":{"plan":"gold","stars":120,"beta":true,"team":"edge"},"privateCustomData":{"seats":7}}"#;

const AUDIENCES: usize = 8;

/// The configuration with `features` features; feature `i` sets the variable `flag-i`.
pub fn config(features: usize) -> String {
    let mut out = String::from(
        r#"{"project":{"_id":"p","key":"bench","a0_organization":"org","settings":{"edgeDB":{"enabled":false},"optIn":{"enabled":false},"disablePassthroughRollouts":false}},
"environment":{"_id":"e","key":"bench"},"audiences":{"#,
    );
    for i in 0..AUDIENCES {
        let filter =
            leaf("customData", "contain", &format!(r#""team-{i}""#), r#","dataKey":"team","dataKeyType":"String""#);
        separate(&mut out, i);
        let _ = write!(out, r#"{}:{{"filters":{{"operator":"or","filters":[{filter}]}}}}"#, id("aud", i));
    }
    out.push_str("},\"variableHashes\":{");
    for i in 0..features {
        separate(&mut out, i);
        let _ = write!(out, r#""flag-{i}":{i}"#);
    }
    out.push_str("},\"variables\":[");
    for i in 0..features {
        separate(&mut out, i);
        let _ = write!(out, r#"{{"_id":{},"key":"flag-{i}","type":{}}}"#, id("var", i), value(i, 0).0);
    }
    out.push_str("],\"features\":[");
    for i in 0..features {
        separate(&mut out, i);
        feature(&mut out, i);
    }
    out.push_str("]}");
    out
}

fn feature(out: &mut String, i: usize) {
    let variation = |n: usize| id("vtn", i * 2 + n);
    let _ = write!(out, r#"{{"_id":{},"key":"feature-{i}","type":"release","variations":["#, id("fea", i));
    for n in 0..2 {
        separate(out, n);
        let value = value(i, n).1;
        let _ = write!(
            out,
            r#"{{"_id":{},"key":"variation-{n}","name":"Variation {n}","variables":[{{"_var":{},"value":{value}}}]}}"#,
            variation(n),
            id("var", i)
        );
    }
    let _ = write!(out, r#"],"configuration":{{"_id":{},"forcedUsers":{{}},"targets":["#, id("cfg", i));
    let wanted = leaf("user_id", "=", &format!(r#""user-{i}-a","user-{i}-b""#), "");
    let country = leaf("country", "=", r#""DE","FR","US""#, "");
    let audience = format!(
        r#"{{"type":"audienceMatch","comparator":"=","_audiences":[{}],"values":[],"filters":[]}}"#,
        id("aud", i % AUDIENCES)
    );
    let everyone = r#"{"type":"all","_audiences":[],"values":[],"filters":[]}"#;
    let whole = format!(r#"{{"_variation":{},"percentage":1}}"#, variation(0));
    // In descending order, as DevCycle walks them: devcycle-bucketing-rs does not sort them where it decides one flag.
    let halves = format!(
        r#"{{"_variation":{},"percentage":0.5}},{{"_variation":{},"percentage":0.5}}"#,
        variation(1),
        variation(0)
    );
    let rollout = if i % 4 == 3 {
        r#","rollout":{"type":"schedule","startPercentage":1,"startDate":"2024-01-01T00:00:00.000Z"}"#
    } else {
        ""
    };
    for (n, (operator, filters, distribution, rollout)) in [
        ("and", wanted, &whole, ""),
        ("and", format!("{country},{audience}"), &whole, ""),
        ("and", everyone.to_owned(), &halves, rollout),
    ]
    .into_iter()
    .enumerate()
    {
        separate(out, n);
        let _ = write!(
            out,
            r#"{{"_id":{},"_audience":{{"_id":"","filters":{{"operator":"{operator}","filters":[{filters}]}}}},"distribution":[{distribution}]{rollout}}}"#,
            id("tgt", i * 3 + n)
        );
    }
    out.push_str("]}}");
}

/// The type of the flag `i`, and its value in the variation `n`.
fn value(i: usize, n: usize) -> (&'static str, String) {
    match i % 4 {
        0 | 1 => (r#""Boolean""#, (n == 0).to_string()),
        2 => (r#""String""#, format!(r#""text-{n}""#)),
        _ => (r#""Number""#, (n * 10 + 1).to_string()),
    }
}

fn leaf(sub_type: &str, comparator: &str, values: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"user","subType":"{sub_type}","comparator":"{comparator}","_audiences":[],"values":[{values}],"filters":[]{rest}}}"#
    )
}

/// As long as DevCycle's.
fn id(kind: &str, i: usize) -> String {
    format!(r#""{kind}{i:021x}""#)
}

fn separate(out: &mut String, i: usize) {
    if i > 0 {
        out.push(',');
    }
}
