// A listener for consent-relay's notifications. Needs Node 18 or newer and nothing else.
//
//     WEBHOOK_SECRET=whsec_... PORT=9000 node verify.mjs
//
// WEBHOOK_SECRET may also be a public key, whpk_...: then signatures by ed25519 are verified.

import { createHmac, createPublicKey, timingSafeEqual, verify as verifyEd25519 } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE_S = 5 * 60;
const LARGEST = 1024 * 1024;
const SECRET = /^wh(sec|pk)_[A-Za-z0-9+/]{22,88}={0,2}$/;
const ED25519_KEY_HEAD = Buffer.from("302a300506032b6570032100", "hex"); // what DER has before the 32 bytes

/** Throws unless it is genuine. `body` is the Buffer that came over the wire: never JSON that was written again. */
export function verify(secret, headers, body, nowSeconds) {
  const { "webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !/^[0-9]{1,11}$/.test(sent ?? "")) throw new Error("headers are missing");
  if (Math.abs(nowSeconds - Number(sent)) > TOLERANCE_S) throw new Error("too old, or our clock is wrong");

  const signed = Buffer.concat([Buffer.from(`${id}.${sent}.`), body]);
  const isRight = checker(secret, signed);
  // There are several while a secret is being changed: one of them has to be right.
  if (!signatures.split(" ").some((each) => isRight(...each.split(",")))) throw new Error("no signature is right");
}

/** The kind of our key decides which signatures count, not what the header calls them. */
function checker(secret, signed) {
  const key = Buffer.from(secret.replace(/^wh(sec|pk)_/, ""), "base64");
  if (secret.startsWith("whpk_")) {
    const publicKey = createPublicKey({ key: Buffer.concat([ED25519_KEY_HEAD, key]), format: "der", type: "spki" });
    return (version, signature) =>
      version === "v1a" && verifyEd25519(null, signed, publicKey, Buffer.from(signature ?? "", "base64"));
  }
  const expected = createHmac("sha256", key).update(signed).digest();
  return (version, signature) => {
    const given = Buffer.from(signature ?? "", "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  };
}

if (!SECRET.test(process.env.WEBHOOK_SECRET ?? "")) { // an empty key is one that anybody can sign with
  console.error("WEBHOOK_SECRET: expected the secret of your endpoint, whsec_..., or its public key, whpk_...");
  process.exit(1);
}
const server = createServer((request, response) => {
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size > LARGEST) request.destroy();
    else chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    try {
      verify(process.env.WEBHOOK_SECRET, request.headers, body, Date.now() / 1000);
    } catch (refused) {
      console.error(`refused: ${refused.message}`);
      response.writeHead(401).end();
      return;
    }
    // The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip one that you
    // have. Answer 2xx only when that is on disk.
    const event = JSON.parse(body.toString("utf8"));
    console.error(request.headers["webhook-id"], event.type);
    response.writeHead(204).end();
  });
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
