// A listener for consent-relay's notifications. Needs Java 17 or newer and nothing else.
//
//     WEBHOOK_SECRET=whsec_... PORT=9000 java Verify.java
//
// WEBHOOK_SECRET may also be a public key, whpk_...: then signatures by ed25519 are verified.

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Verify {
    static final long TOLERANCE_SECONDS = 5 * 60;
    static final int LARGEST = 1024 * 1024;
    static final String SECRET = "wh(sec|pk)_[A-Za-z0-9+/]{22,88}={0,2}";
    /** What DER has before the 32 bytes of an ed25519 key. */
    static final byte[] KEY_HEAD = HexFormat.of().parseHex("302a300506032b6570032100");

    /** `body` is what came over the wire, byte for byte: never JSON that was parsed and written again. */
    static boolean isGenuine(String secret, Headers headers, byte[] body, Instant now) throws GeneralSecurityException {
        String id = headers.getFirst("webhook-id");
        String sent = headers.getFirst("webhook-timestamp");
        String signatures = headers.getFirst("webhook-signature");
        if (id == null || sent == null || signatures == null || !sent.matches("[0-9]{1,11}")) return false;
        if (Math.abs(now.getEpochSecond() - Long.parseLong(sent)) > TOLERANCE_SECONDS) return false;

        byte[] signed = join((id + "." + sent + ".").getBytes(StandardCharsets.UTF_8), body);
        // There are several while a secret is being changed: one of them has to be right.
        for (String each : signatures.split(" ")) {
            String[] parts = each.split(",", 2);
            if (parts.length == 2 && isRight(secret, parts[0], parts[1], signed)) return true;
        }
        return false;
    }

    /** The kind of our key decides which signatures count, not what the header calls them. */
    static boolean isRight(String secret, String version, String encoded, byte[] signed)
            throws GeneralSecurityException {
        byte[] key = Base64.getDecoder().decode(secret.replaceFirst("^wh(sec|pk)_", ""));
        byte[] signature;
        try {
            signature = Base64.getDecoder().decode(encoded);
        } catch (IllegalArgumentException notBase64) {
            return false;
        }
        if (secret.startsWith("whpk_")) {
            if (!version.equals("v1a") || signature.length != 64) return false;
            Signature ed25519 = Signature.getInstance("Ed25519");
            KeyFactory keys = KeyFactory.getInstance("Ed25519");
            ed25519.initVerify(keys.generatePublic(new X509EncodedKeySpec(join(KEY_HEAD, key))));
            ed25519.update(signed);
            return ed25519.verify(signature);
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return version.equals("v1") && MessageDigest.isEqual(signature, mac.doFinal(signed)); // in constant time
    }

    static byte[] join(byte[] one, byte[] other) {
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.writeBytes(one);
        both.writeBytes(other);
        return both.toByteArray();
    }

    static void listen(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readNBytes(LARGEST);
        int status = 401;
        try {
            if (isGenuine(System.getenv("WEBHOOK_SECRET"), exchange.getRequestHeaders(), body, Instant.now())) {
                // The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip
                // one that you have. Answer 2xx only when that is on disk.
                System.err.println("genuine: " + exchange.getRequestHeaders().getFirst("webhook-id"));
                status = 204;
            }
        } catch (GeneralSecurityException broken) {
            System.err.println("refused: " + broken.getMessage());
        }
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        if (!System.getenv().getOrDefault("WEBHOOK_SECRET", "").matches(SECRET)) { // anybody can sign with an empty key
            System.err.println("WEBHOOK_SECRET: expected the secret of your endpoint, whsec_..., or whpk_...");
            System.exit(1);
        }
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "9000"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", Verify::listen);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }
}
