"""Search for behaviour that a reward pays and that is not what was meant."""

from tsreward.audit.search.attack import AttackOptions, Exploit, RedTeam, red_team, with_search

__all__ = ["AttackOptions", "Exploit", "RedTeam", "red_team", "with_search"]
