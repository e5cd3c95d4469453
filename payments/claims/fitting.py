"""Whether what is known of a payer fits the member who claims the payment."""

import re
from contextlib import suppress

from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.model import NATIONAL_ID
from members.names import masked_name
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.particulars import Particulars
from payments.receipts.tables import Receipt

_MASK = re.compile(r"(?P<start>[0-9]*)\*+(?P<end>[0-9]*)")
_START_DIGITS_MIN, _END_DIGITS_MIN = 4, 2


def why_it_fits(receipt: Receipt, member: MemberRow) -> str:
    """The evidence that ties a payer to a member, in words; empty when it does not suffice.

    The phone, in full or as the wallet's hash, suffices; so does the member's number or ID as the reference.
    A mask is shared by thousands: it needs the name beside it. The claimant also knew the receipt code, which
    the wallet told nobody but the payer and us.
    """
    if receipt.payer_index is not None and receipt.payer_index == member.wallet_hash_index:
        return "the payer is the member's phone"
    known = Particulars.from_json(receipt.particulars)
    if _names(known.account, member):
        return "the reference names the member"
    if receipt.payer_index is not None:
        return ""
    if _mask_fits(known.payer_mask, PhoneNumber(member.phone)) and _name_fits(known.name, member.masked_name):
        return "the payer's masked number and name are the member's"
    return ""


def _names(account: str, member: MemberRow) -> bool:
    with suppress(InvalidValue):
        return MemberNumber.parse(account).digits == member.number
    with suppress(InvalidValue):
        typed = NationalId.parse(account).digits
        return member.identifier_type == NATIONAL_ID and typed == member.identifier
    return False


def _mask_fits(mask: str, phone: PhoneNumber) -> bool:
    found = _MASK.fullmatch(mask.strip().removeprefix("+"))
    if found is None:
        return False
    start, end = found["start"], found["end"]
    tells_enough = len(start) >= _START_DIGITS_MIN and len(end) >= _END_DIGITS_MIN
    return tells_enough and phone.wire.startswith(start) and phone.wire.endswith(end)


def _name_fits(name: str, masked: str | None) -> bool:
    """Whether first and, when it was told, last name have the letters and lengths of the registry's mask."""
    words = name.split()
    if not words or not masked:
        return False
    with suppress(InvalidValue):
        told = masked_name(words[0], words[-1] if len(words) > 1 else "").split()
        ours = masked.split()
        return bool(told) and told[0] == ours[0] and told[1:] in ([], ours[1:])
    return False
