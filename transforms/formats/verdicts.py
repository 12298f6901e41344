"""Fields that say whether a record is to be trained on, where no format has them: `status` of `rejected`, `deleted`, `approved`."""

from __future__ import annotations

import re
from functools import lru_cache

_AGAINST = re.compile(
    r"(?:is|was)?(?:deleted?|discard(?:ed)?|excluded?|ignored?|skip(?:ped)?|reject(?:ed)?|corrupt(?:ed)?|removed?|trash(?:ed)?|"
    r"bad|invalid|duplicated?|unusable|mislabell?ed)(?:flag)?"
)
_FOR = re.compile(
    r"(?:is|was)?(?:approved?|accept(?:ed)?|valid(?:ated)?|verified|usable|use|keep|included?|reviewed|checked)"
)
_IN_WORDS = re.compile(
    r"(?:image|img|label|annotation|review|qa|qc|check|task)?(?:status|state|review|decision|verdict|quality)"
)
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "x"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n"})
_REFUSED = re.compile(
    r"(?:reject|delet|discard|exclud|ignor|skip|corrupt|remov|trash|duplicat)\w*|(?:not|un)\W?(?:valid|usable|approved|accepted|reviewed)|"
    r"invalid|bad|poor|wrong|fail(?:ed)?|pending|todo|to\W?do|draft|needs?\W(?:review|work|fix)|in\W?progress|open|new"
)


@lru_cache(4096)
def is_verdict(key: str) -> bool:
    """Tell whether a field is called so.

    >>> is_verdict("Review Status"), is_verdict("is_deleted"), is_verdict("approved"), is_verdict("valid_until")
    (True, True, True, False)
    """
    return any(pattern.fullmatch(_bare(key)) for pattern in (_AGAINST, _FOR, _IN_WORDS))


def speaks_against(key: str, value: str) -> bool:
    """Tell whether a field says that its record is not to be trained on, or not yet.

    >>> speaks_against("status", "Rejected"), speaks_against("deleted", "1"), speaks_against("approved", "no")
    (True, True, True)
    >>> speaks_against("status", "done"), speaks_against("deleted", "0"), speaks_against("approved", "")
    (False, False, False)
    """
    if not is_verdict(key):
        return False
    bare, value = _bare(key), value.strip().lower()
    if _AGAINST.fullmatch(bare):
        return value in _YES
    if _FOR.fullmatch(bare):
        return value in _NO
    return _REFUSED.fullmatch(value) is not None


def _bare(key: str) -> str:
    return re.sub(r"[\W_]+", "", key).lower()
