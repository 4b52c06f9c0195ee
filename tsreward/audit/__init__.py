"""The audit of a reward: know before you train."""

from tsreward.audit.auditing import Audit, audit_reward
from tsreward.audit.codes import CODES

__all__ = ["CODES", "Audit", "audit_reward"]
