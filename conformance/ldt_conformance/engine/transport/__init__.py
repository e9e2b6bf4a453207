"""The only way to a target: what may be sent, what is noted before it leaves, how it is sent, what is kept of it.

What a check can rely on, and must keep to:

- Paths are relative to the API root (`/entities`, not `/ngsi-ld/v1/entities`).
- `creates` is journalled, on disk, before the request leaves, and removed when the check ends, history included;
  `touches` names what a PATCH, PUT, POST or DELETE acts on.
- Every id in path, body or declaration bears the run's marker (`Client.owned_id`, `run.prefix`), or the server named it
  in answer to us. A request that is malformed on purpose says `expects_refusal=True`.
- A request that breaks these rules raises `SafetyRefused`: a bug of ours, never a verdict on the target.
- No status code raises. No answer at all ends the check as inconclusive; 401 or 403 to our credentials turns a failure
  into inconclusive.
"""
