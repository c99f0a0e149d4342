"""The audit service: the tamper-evident log, proofs, and what was known when. It holds no key."""
