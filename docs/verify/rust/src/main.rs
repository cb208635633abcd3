//! A listener for consent-relay's notifications. Needs Rust 1.70 or newer and the four crates in Cargo.toml.
//!
//!     WEBHOOK_SECRET=whsec_... PORT=9000 cargo run

use std::env;
use std::io::Read;
use std::process::exit;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{engine::general_purpose::STANDARD, Engine};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tiny_http::{Request, Response, Server};

const TOLERANCE_S: u64 = 5 * 60;
const LARGEST: u64 = 1024 * 1024;

struct Headers<'a> {
    id: &'a str,
    timestamp: &'a str,
    signature: &'a str,
}

/// `body` is what came over the wire, byte for byte: never JSON that was parsed and written again.
fn verify(secret: &str, headers: &Headers, body: &[u8], now: u64) -> Result<(), &'static str> {
    let sent: u64 = headers.timestamp.parse().map_err(|_| "headers are missing")?;
    if headers.id.is_empty() {
        return Err("headers are missing");
    }
    if now.abs_diff(sent) > TOLERANCE_S {
        return Err("too old, or our clock is wrong");
    }
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
        .map_err(|_| "our own secret is not base64")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| "our own secret is no key")?;
    mac.update(format!("{}.{}.", headers.id, headers.timestamp).as_bytes());
    mac.update(body);

    // There are several while a secret is being changed: one of them has to be right.
    for each in headers.signature.split(' ') {
        let Some(("v1", encoded)) = each.split_once(',') else {
            continue;
        };
        let Ok(signature) = STANDARD.decode(encoded) else {
            continue;
        };
        if mac.clone().verify_slice(&signature).is_ok() {
            return Ok(()); // compared in constant time
        }
    }
    Err("no signature is right")
}

fn header(request: &Request, name: &'static str) -> String {
    let found = request.headers().iter().find(|header| header.field.equiv(name));
    found.map(|header| header.value.to_string()).unwrap_or_default()
}

fn status(request: &mut Request, secret: &str) -> u16 {
    let mut body = Vec::new();
    if request.as_reader().take(LARGEST).read_to_end(&mut body).is_err() {
        return 400;
    }
    let id = header(request, "webhook-id");
    let timestamp = header(request, "webhook-timestamp");
    let signature = header(request, "webhook-signature");
    let headers = Headers {
        id: &id,
        timestamp: &timestamp,
        signature: &signature,
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or(0);
    if let Err(refused) = verify(secret, &headers, &body, now) {
        eprintln!("refused: {refused}");
        return 401;
    }
    // The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip one that you
    // have. Answer 2xx only when that is on disk.
    eprintln!("genuine: {id}");
    204
}

fn main() {
    let secret = env::var("WEBHOOK_SECRET").unwrap_or_default();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or_default());
    if key.map_or(true, |key| key.len() < 16) {
        // an empty key is one that anybody can sign with
        eprintln!("WEBHOOK_SECRET: expected the secret of your endpoint, whsec_...");
        exit(1);
    }
    let port = env::var("PORT").unwrap_or_else(|_| "9000".to_string());
    let server = Server::http(format!("127.0.0.1:{port}")).expect("cannot listen");
    for mut request in server.incoming_requests() {
        let answer = status(&mut request, &secret);
        let _ = request.respond(Response::empty(answer));
    }
}
