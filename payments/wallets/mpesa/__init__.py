"""M-Pesa in Kenya, through Safaricom's Daraja and the organisation portal's statement."""
