"""The audit of a reward: know before you train."""

from tsreward.evaluation.audit.auditing import Audit, audit
from tsreward.evaluation.audit.codes import CODES
from tsreward.evaluation.audit.page import render_page, write_page

__all__ = ["CODES", "Audit", "audit", "render_page", "write_page"]
