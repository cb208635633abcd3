<?php
// A listener for consent-relay's notifications. Needs PHP 8.0 or newer and nothing else.
//
//     WEBHOOK_SECRET=whsec_... php -S 127.0.0.1:9000 verify.php
//
// WEBHOOK_SECRET may also be a public key, whpk_...: then signatures by ed25519 are verified (extension sodium).

declare(strict_types=1);

const TOLERANCE_S = 5 * 60;
const SECRET = '~\Awh(sec|pk)_[A-Za-z0-9+/]{22,88}={0,2}\z~';

/** `$body` is what came over the wire, byte for byte: never JSON that was parsed and written again. */
function is_genuine(string $secret, string $id, string $sent, string $signatures, string $body, int $now): bool
{
    if ($id === '' || preg_match('/\A[0-9]{1,11}\z/', $sent) !== 1 || abs($now - (int) $sent) > TOLERANCE_S) {
        return false;
    }
    $signed = "$id.$sent.$body";
    // There are several while a secret is being changed: one of them has to be right.
    foreach (explode(' ', $signatures) as $each) {
        [$version, $encoded] = explode(',', $each, 2) + ['', ''];
        $signature = base64_decode($encoded, true);
        if ($signature !== false && is_right($secret, $version, $signature, $signed)) {
            return true;
        }
    }
    return false;
}

/** The kind of our key decides which signatures count, not what the header calls them. */
function is_right(string $secret, string $version, string $signature, string $signed): bool
{
    $key = base64_decode(preg_replace('/\Awh(sec|pk)_/', '', $secret));
    if (str_starts_with($secret, 'whpk_')) {
        return $version === 'v1a' && strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
            && sodium_crypto_sign_verify_detached($signature, $signed, $key);
    }
    return $version === 'v1' && hash_equals(hash_hmac('sha256', $signed, $key, true), $signature); // in constant time
}

$secret = (string) getenv('WEBHOOK_SECRET');
if (preg_match(SECRET, $secret) !== 1) { // an empty key is one that anybody can sign with
    error_log('WEBHOOK_SECRET: expected the secret of your endpoint, whsec_..., or its public key, whpk_...');
    http_response_code(500);
    return;
}
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$sent = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signatures = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';
$body = file_get_contents('php://input');
if (!is_genuine($secret, $id, $sent, $signatures, $body, time())) {
    error_log('refused');
    http_response_code(401);
    return;
}
// The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip one that you have.
// Answer 2xx only when that is on disk.
$event = json_decode($body, true);
error_log("$id {$event['type']}");
http_response_code(204);
