"""Statement files of the organisation portal, as a test needs them."""

from collections.abc import Sequence

HEADER = (
    "Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,"
    "Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No."
)


def statement(
    lines: Sequence[tuple[str, str, int]], *, shortcode: str = "174379", opening: int = 1000
) -> bytes:
    """A file of payments: receipt, account typed, whole shillings; all on 22 November 2026 before noon."""
    rows = [f"Organization Name,Haba Fund\nShort Code,{shortcode}\n{HEADER}"]
    balance = opening
    for place, (receipt, account, shillings) in enumerate(lines):
        balance += shillings
        at = f"22-11-2026 11:{place // 60:02d}:{place % 60:02d}"
        rows.append(
            f"{receipt},{at},{at},Pay Bill from 2547***126 - J D Acc. {account},Completed,{shillings}.00,,"
            f'"{balance:,}.00",true,Pay Bill,2547***126 - J D,,{account}'
        )
    return "\n".join(rows).encode()
