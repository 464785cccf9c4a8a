use super::*;

#[derive(Debug, Default)]
#[allow(dead_code, reason = "read for its errors")]
struct Shape {
    name: String,
    items: Vec<Vec<(String, String)>>,
    inner: Option<Box<Shape>>,
    count: Option<u32>,
    kind: bool,
}

impl<'v> FromJson<'v> for Box<Shape> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        (**self).read(value, reading);
    }
}

impl<'v> FromJson<'v> for Shape {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("name", &mut self.name);
            of.optional("items", &mut self.items);
            of.optional("inner", &mut self.inner);
            of.optional("count", &mut self.count);
            of.optional("kind", &mut self.kind);
        });
    }
}

fn path(json: &str) -> String {
    read::<Shape>(json.as_bytes()).unwrap_err().path
}

fn message(json: &str) -> String {
    read::<Shape>(json.as_bytes()).unwrap_err().message
}

#[test]
fn names_the_place_of_a_value() {
    assert_eq!(path(r#"{"name":7}"#), "$.name");
    assert_eq!(path(r#"{"name":null}"#), "$.name");
    assert_eq!(path(r#"{"name":{"a":1}}"#), "$.name");
    assert_eq!(path(r#"{"name": [] }"#), "$.name");
    assert_eq!(path("{\"name\":\"a\",\n \"items\":[{}, {\"x\":\"1\",\n\"y\\\"\":1}]}"), "$.items[1].y\"");
    assert_eq!(path(r#"{"name":"é,{[\"","items":[{"x":"1"},[2]]}"#), "$.items[1]");
    assert_eq!(path(r#"{"name":"a","inner":{"name":"b","inner":{"name":true}}}"#), "$.inner.inner.name");
}

#[test]
fn names_the_object_that_lacks_something_and_the_member_that_should_not_be() {
    assert_eq!(path("{}"), "$");
    assert_eq!(message("{}"), "missing field `name`");
    assert_eq!(path(r#"{"name":"a","inner":{"items":[]}}"#), "$.inner");
    assert_eq!(path(r#"{"name":"a","inner":{"name":"b","nmae":7}}"#), "$.inner.nmae");
    assert_eq!(path("7"), "$");
    // What is misspelt comes before what is missing: it may be the same.
    assert_eq!(
        message(r#"{"nmae":"a"}"#),
        "unknown field `nmae`, expected one of `name`, `items`, `inner`, `count`, `kind`"
    );
}

#[test]
fn names_where_text_is_no_json() {
    assert_eq!(path(r#"{"name":"a","items":[{"x":1},{"y":?}]}"#), "$.items[1].y");
    assert_eq!(path(r#"{"name":"a""#), "$.name");
    assert_eq!(path(r#"{"name":"a"} x"#), "$");
    assert_eq!(path(""), "$");
}

#[test]
fn null_is_as_good_as_nothing_where_nothing_will_do() {
    let read = |json: &str| read::<Shape>(json.as_bytes());
    assert_eq!(read(r#"{"name":"a","count":null,"inner":null}"#).unwrap().count, None);
    assert_eq!(read(r#"{"name":"a","kind":null}"#).unwrap_err().path, "$.kind");
    assert_eq!(read(r#"{"name":"a","items":null}"#).unwrap_err().message, "invalid type: null, expected a list");
}

#[test]
fn the_last_of_several_counts() {
    assert_eq!(read::<Shape>(br#"{"name":7,"name":"a","name":"b"}"#).unwrap().name, "b");
}

#[test]
fn whole_numbers_have_bounds() {
    let count = |count: &str| read::<Shape>(format!(r#"{{"name":"a","count":{count}}}"#).as_bytes());
    assert_eq!(count("0").unwrap().count, Some(0));
    assert_eq!(count("-0").unwrap().count, Some(0));
    assert_eq!(count("4294967295").unwrap().count, Some(u32::MAX));
    assert_eq!(count("1e3").unwrap().count, Some(1_000));
    for bad in ["-1", "0.5", "4294967296", "1e300"] {
        let Misread { path, message } = count(bad).unwrap_err();
        assert_eq!(path, "$.count", "{bad}");
        assert_eq!(message, "invalid value: expected a whole number from 0 to 4294967295", "{bad}");
    }
    assert_eq!(read::<u64>(b"9007199254740992"), Ok(MAX_WHOLE));
    assert!(read::<u64>(b"9007199254740994").is_err() && read::<usize>(b"-1").is_err());
    assert_eq!(count("\"1\"").unwrap_err().message, "invalid type: a string, expected a number");
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Size {
    #[default]
    Small,
    Large,
}

impl<'v> FromJson<'v> for Size {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.word(value, self, &[("small", Self::Small), ("large", Self::Large)]);
    }
}

#[derive(Debug, PartialEq)]
enum Either {
    Name(String),
    Size(Size),
}

impl Default for Either {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl<'v> FromJson<'v> for Either {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.alternative(value, &mut |of| {
            if let Some(name) = of.member("name") {
                *self = Self::Name(name);
            }
            if let Some(size) = of.member("size") {
                *self = Self::Size(size);
            }
        });
    }
}

#[test]
fn alternatives_are_words_or_single_members() {
    let either = |json: &str| read::<Either>(json.as_bytes()).map_err(|misread| misread.to_string());
    assert_eq!(either(r#"{"size":"large"}"#), Ok(Either::Size(Size::Large)));
    assert_eq!(either(r#"{"name":"large"}"#), Ok(Either::Name("large".to_owned())));
    for (bad, why) in [
        (r#"{"size":"larg"}"#, "$.size: unknown variant `larg`, expected `small` or `large`"),
        (r#"{"size":1}"#, "$.size: invalid type: a number, expected a string"),
        (r#"{"sise":"small"}"#, "$.sise: unknown variant `sise`, expected `name` or `size`"),
        (r#"{"name":null}"#, "$.name: invalid type: null, expected a string"),
        ("{}", "invalid value: expected an object with a single member"),
        (r#"{"name":"a","size":"small"}"#, "invalid value: expected an object with a single member"),
        (r#""name""#, "invalid type: a string, expected an object"),
    ] {
        assert_eq!(either(bad), Err(why.to_owned()));
    }
}

#[test]
fn all_defects_are_told_up_to_a_bound() {
    let all = |json: &str| read_all::<Shape>(json.as_bytes()).unwrap_err();
    let found = all(r#"{"nmae":1,"inner":{"count":-1},"kind":0}"#);
    let paths: Vec<_> = found.iter().map(|misread| &*misread.path).collect();
    assert_eq!(paths, ["$.nmae", "$", "$.inner", "$.inner.count", "$.kind"]);
    assert_eq!(all(&format!(r#"{{"name":"a","items":[{}1]}}"#, "1,".repeat(100))).len(), MAX_DEFECTS);
    assert_eq!(all("{").len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_text_has_a_place(json in "[\\[\\]{}\",:a1 \\\\\n]{0,40}") {
        if let Err(found) = read_all::<Shape>(json.as_bytes()) {
            proptest::prop_assert!(!found.is_empty() && found.iter().all(|misread| misread.path.starts_with('$')));
        }
    }
}
