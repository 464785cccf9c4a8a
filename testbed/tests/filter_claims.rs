//! Users and attributes from the claims of a token that Envoy's jwt_authn has checked.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::hosts::ready;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Request, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The claims, signed with HS256.
fn token(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT", "kid": "k"})), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn claim(name: &str) -> Value {
    json!(["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "claims", name])
}

#[test]
fn claims_name_the_user_and_describe_them() {
    if !ready(Host::Envoy) {
        return;
    }
    let is = |name: &str, value: Value| json!({"==": [{"var": name}, value]});
    let flag = |rule: Value| json!({"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"if": [rule, "on"]}});
    let config = json!({
        "identity": [{"property": claim("sub")}],
        "attributes": [
            {"property": claim("plan"), "name": "plan"},
            {"property": claim("stars"), "name": "stars", "type": "number"},
            {"property": claim("staff"), "name": "staff", "type": "boolean"},
        ],
        "ruleset": {"flags": {
            "user": flag(is("targetingKey", json!("ada"))),
            "plan": flag(is("plan", json!("gold"))),
            "stars": flag(json!({">=": [{"var": "stars"}, 100]})),
            "staff": flag(is("staff", json!(true))),
        }},
    });
    let upstream = Upstream::start(0).unwrap();
    let options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("flags", config.to_string());
    let mut bootstrap = options.bootstrap();
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = bootstrap.pointer_mut(filters).unwrap().as_array_mut().unwrap();
    let jwks = json!({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": URL_SAFE_NO_PAD.encode(SECRET)}]});
    filters.insert(0, json!({"name": "envoy.filters.http.jwt_authn", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"shop": {"issuer": "shop", "local_jwks": {"inline_string": jwks.to_string()}, "payload_in_metadata": "claims"}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "shop"}, {"allow_missing": {}}]}}}],
    }}));
    let envoy = Envoy::start_bootstrap(&bootstrap, 1, &[]).unwrap();
    let flags = |request: Request| {
        let response = send(envoy.addr("flags").unwrap(), &request).unwrap();
        assert_eq!(response.status, 200, "{}", common::text(&response));
        let seen = Seen::from_json(&response.body).unwrap();
        String::from_utf8(seen.header_all("x-flags")[0].to_vec()).unwrap()
    };
    let with = |claims: Value| flags(Request::get("/").header("authorization", format!("Bearer {}", token(&claims))));
    let all = json!({"iss": "shop", "sub": "ada", "plan": "gold", "stars": 120, "staff": true});
    assert_eq!(with(all), "plan, staff, stars, user");
    let few = json!({"iss": "shop", "sub": "bob", "plan": ["gold"], "stars": "many", "staff": false});
    assert_eq!(with(few), "plan=?0, staff=?0, stars=?0, user=?0");
    assert_eq!(flags(Request::get("/")), "plan=?0, staff=?0, stars=?0, user=?0");
}
