"""The outside world in a box: phones, M-Pesa, SMS, the civil and the fund registry, with faults on demand."""
