//! Vertex AI: where the models are, and how tokens are had.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;

const KEY: &str = include_str!("rsa-for-tests.pem");
const PUBLIC: &str = include_str!("rsa-for-tests.pub.pem");
const DONE: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}]}\n\n";
const TOKEN: &str = r#"{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}"#;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    scope: String,
    iat: u64,
    exp: u64,
}

#[tokio::test]
async fn a_service_account_signs_for_a_token_which_is_kept() {
    let google = Double::start(vec![Reply::json(200, TOKEN)]);
    let vertex = Double::start(vec![Reply::events(DONE)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    let token_uri = format!("{}/token", google.url);
    let account = json!({"type": "service_account", "private_key_id": "k1", "private_key": KEY,
        "client_email": "cairn@acme.iam.gserviceaccount.com", "token_uri": token_uri});
    std::fs::write(&path, account.to_string()).unwrap();
    let providers = provider_with(ProviderKind::Vertex, &vertex.url, |config| {
        config.api_key = None;
        config.credentials_file = Some(path);
    });
    for _ in 0..2 {
        assert_eq!(ask(&providers, "gemini-2.5-pro", user("x")).await.unwrap().text(), "Hi");
    }
    let asked = &vertex.asked()[1];
    assert_eq!(
        asked.line,
        "POST /v1/projects/acme/locations/us-east-1/publishers/google/models/\
         gemini-2.5-pro:streamGenerateContent?alt=sse"
    );
    assert_eq!(asked.headers["authorization"], "Bearer ya29.token");

    let form = String::from_utf8(google.only().body).unwrap();
    let (grant, assertion) = form.split_once("&assertion=").unwrap();
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[&token_uri]);
    let public = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
    let read = jsonwebtoken::decode::<Claims>(assertion, &public, &validation).unwrap();
    assert_eq!(read.header.kid.as_deref(), Some("k1"));
    assert_eq!(read.claims.iss, "cairn@acme.iam.gserviceaccount.com");
    assert_eq!(read.claims.scope, "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(read.claims.exp - read.claims.iat, 3600);
}

#[tokio::test]
async fn the_machines_own_token_comes_from_the_metadata_server() {
    let machine = Double::start(vec![Reply::json(200, TOKEN)]);
    let vertex = Double::start(vec![Reply::events(DONE)]);
    let providers = provider_with(ProviderKind::Vertex, &vertex.url, |config| {
        config.api_key = None;
        config.metadata_url = Some(machine.url.clone());
    });
    ask(&providers, "m", user("x")).await.unwrap();
    let asked = machine.only();
    assert_eq!(asked.line, "GET /computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(asked.headers["metadata-flavor"], "Google");
    assert_eq!(vertex.only().headers["authorization"], "Bearer ya29.token");
}

#[tokio::test]
async fn a_refused_account_is_the_operators_affair() {
    let machine = Double::start(vec![Reply::json(403, "{}")]);
    let providers = provider_with(ProviderKind::Vertex, "http://127.0.0.1:1", |config| {
        config.api_key = None;
        config.metadata_url = Some(machine.url.clone());
    });
    let error = ask(&providers, "m", user("x")).await.unwrap_err();
    assert!(error.message().contains("[providers.p]"), "{error}");
}
