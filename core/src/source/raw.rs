//! JSON text as it is written.

/// Drops the white space between the tokens of a valid JSON text. Numbers and strings stay as they are written.
pub(super) fn minified(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            if in_string {
                in_string = escaped || c != '"';
                escaped = !escaped && c == '\\';
                return true;
            }
            in_string = c == '"';
            !c.is_ascii_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_and_text_stays() {
        assert_eq!(minified("{ \"a b\" : [ 1.0 ,\n\"x\\\" y\\\\\" , 2 ] }"), r#"{"a b":[1.0,"x\" y\\",2]}"#);
    }
}
