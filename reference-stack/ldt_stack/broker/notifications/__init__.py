"""Which Subscription a change concerns, what the notification says, and its delivery from the outbox: clause 5.8.6."""
