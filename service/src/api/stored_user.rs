//! Stored attributes in a decision: asked for, merged under the request's own, and said in the answer.

use http::request::Parts;
use jackstaff_core::write_json_string;

use crate::flag_header::write_user_data;
use crate::user_data::Outcome;

/// The query parameter that asks for stored attributes, as DevCycle's SDKs send it (facts 5).
const QUERY: &str = "enableEdgeDB";

/// The member of a decision's metadata.
const METADATA: &str = "jackstaff.userData";

/// Whether the query asks for stored attributes.
pub(super) fn asked(head: &Parts) -> bool {
    let parameters = head.uri.query().unwrap_or_default().split('&');
    parameters.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| name == QUERY && value == "true")
}

/// What became of the user's stored attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// Reading them.
    pub(super) outcome: Outcome,
    /// What the request said itself was to be stored and is not known to be.
    pub(super) unsaved: bool,
}

impl Used {
    /// Appends this to the status header.
    pub(super) fn write_status(self, out: &mut String) {
        write_user_data(out, self.outcome.as_str(), self.unsaved);
    }

    /// `metadata`, an object as JSON, with this in it.
    pub(super) fn in_metadata(self, metadata: &str) -> String {
        let mut out = metadata.trim_end().strip_suffix('}').unwrap_or("{").to_owned();
        if !out.trim_end().ends_with('{') {
            out.push(',');
        }
        write_json_string(METADATA, &mut out);
        out.push(':');
        write_json_string(self.outcome.as_str(), &mut out);
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_asks() {
        let asked = |target: &str| super::asked(&http::Request::post(target).body(()).unwrap().into_parts().0);
        assert!(asked("/v1/variables?enableEdgeDB=true"));
        assert!(asked("/?sdkKey=x&enableEdgeDB=true"));
        for target in ["/", "/?enableEdgeDB=false", "/?enableEdgeDB", "/?xenableEdgeDB=true", "/?enableEdgeDB=1"] {
            assert!(!asked(target), "{target}");
        }
    }

    #[test]
    fn metadata_says_what_became_of_it() {
        let used = Used { outcome: Outcome::Late, unsaved: false };
        assert_eq!(used.in_metadata("{}"), r#"{"jackstaff.userData":"late"}"#);
        assert_eq!(used.in_metadata(r#"{"a":{}}"#), r#"{"a":{},"jackstaff.userData":"late"}"#);
    }
}
