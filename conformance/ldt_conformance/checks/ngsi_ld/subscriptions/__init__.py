"""Checks of Subscriptions and notifications (clause 5.8)."""
