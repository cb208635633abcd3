"""How does a peer sign a delivery? By the reference library of Standard Webhooks."""

from datetime import UTC, datetime

from standardwebhooks import Webhook


def headers_for(webhook: Webhook, name: str, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(name, now, body),
    }
