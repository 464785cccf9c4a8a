//! What a scalar is, by YAML 1.2's core schema (10.3.2).

use jackstaff_core::write_json_string;

/// What a plain scalar is as JSON.
///
/// # Errors
/// Says why JSON has no such thing.
pub fn plain(text: &str) -> Result<String, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok("null".to_owned()),
        "true" | "True" | "TRUE" => return Ok("true".to_owned()),
        "false" | "False" | "FALSE" => return Ok("false".to_owned()),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("`{text}` is no number in JSON: write a number, or put it in quotes"));
    }
    if let Some(number) = radix(text) {
        return number.ok_or_else(|| format!("`{text}` is beyond 64 bits: write it in digits, or put it in quotes"));
    }
    let Some((whole, fraction, exponent)) = decimal(unsigned) else { return Ok(string(text)) };
    if whole.len() > 1 && whole.starts_with('0') {
        let octal = u64::from_str_radix(whole, 8).map_or_else(|_| "no number".to_owned(), |n| n.to_string());
        let decimal = whole.trim_start_matches('0');
        return Err(format!(
            "`{text}` is {decimal} to some readers of YAML and {octal} to others: drop the leading zeros, or put it in quotes"
        ));
    }
    // As written, but for what JSON does not allow: a plus, and a dot without digits on both sides.
    let mut json = if text.starts_with('-') { "-".to_owned() } else { String::new() };
    json.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    json.push_str(exponent);
    Ok(json)
}

/// A string as JSON.
pub fn string(text: &str) -> String {
    let mut json = String::new();
    write_json_string(text, &mut json);
    json
}

/// `0o17` and `0x1F`; the inner nothing: beyond what fits.
fn radix(text: &str) -> Option<Option<String>> {
    let (digits, radix) = match text.split_at_checked(2)? {
        ("0o", digits) => (digits, 8),
        ("0x", digits) => (digits, 16),
        _ => return None,
    };
    let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    all.then(|| u64::from_str_radix(digits, radix).ok().map(|n| n.to_string()))
}

/// The digits before the dot, those behind it, and the exponent with its `e`.
fn decimal(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = text.split_at(text.find(['e', 'E']).unwrap_or(text.len()));
    if let Some(power) = exponent.get(1..) {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        if power.is_empty() || !digits(power) {
            return None;
        }
    }
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let some = !whole.is_empty() || fraction.is_some_and(|f| !f.is_empty());
    (some && digits(whole) && fraction.is_none_or(digits)).then_some((whole, fraction, exponent))
}
