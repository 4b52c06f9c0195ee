"""The audit of a reward: know before you train."""

from tsreward.audit.auditing import Audit, audit
from tsreward.audit.verdict import CODES

__all__ = ["CODES", "Audit", "audit"]
