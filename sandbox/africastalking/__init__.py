"""Africa's Talking as a gateway meets it: SMS sending, delivery reports and USSD sessions."""
