"""Whom we tell: routing, delivery, signing, retry. No public port, and no reach beyond public addresses."""
